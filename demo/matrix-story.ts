// The story on Matrix: Alice has an account there, Carol has not, Ann and Bea use clients of Matrix.
import { type MatrixPerson, MatrixPerson as Matrix, saying } from "../test/kit/matrix-person.ts";
import { bodyOf, connectPerson, matrixNetwork, type Person, wantsReceipt } from "../test/real/person.ts";
import { talkEncrypted } from "./matrix-encrypted.ts";
import { meetInRoom } from "./matrix-room.ts";
import { matrixPassword, type Servers } from "./servers.ts";
import { line, must, title } from "./words.ts";

const ann = "@ann:matrix.test";
const patience = { timeoutMs: 15_000 };

export async function tellMatrix({ xmpp, synapse }: Servers): Promise<void> {
  const onXmpp = (user: string, resource: string): Promise<Person> =>
    connectPerson({ port: xmpp.c2sPort, user, password: "pw", resource }, matrixNetwork);
  const onMatrix = (user: string, crypto: boolean): Promise<MatrixPerson> =>
    Matrix.connect({ baseUrl: synapse.baseUrl, user, password: matrixPassword, crypto });
  const people = await Promise.all([onMatrix("ann", false), onMatrix("bea", true)]);
  const [annsClient, beasClient] = people;
  try {
    const alice = await onXmpp("alice", "laptop");
    await signIn(alice);
    const room = await aliceWrites(alice, annsClient);
    await annReactsAndEdits(alice, annsClient, room);
    await annSendsAPicture(alice, annsClient, room);
    await meetInRoom(alice, annsClient, beasClient);
    await talkEncrypted(alice, beasClient);
    await alice.close();
    const carol = await onXmpp("carol", "phone");
    await carolWithoutAnAccount(carol, annsClient);
    await carol.close();
  } finally {
    for (const person of people) person.stop();
  }
}

async function signIn(alice: Person): Promise<void> {
  title("Alice signs in with her Matrix account, by chat");
  for (const text of ["login", "alice", matrixPassword]) {
    line("alice", text === matrixPassword ? "******" : text);
    const answer = await alice.ask(text);
    line("gateway", answer);
    if (text === matrixPassword) must(answer.startsWith("Signed in as @alice:matrix.test"), "alice is signed in");
  }
}

/** Resolves with the id of the direct chat on Matrix. */
async function aliceWrites(alice: Person, client: MatrixPerson): Promise<string> {
  title("Alice writes to @ann:matrix.test, who has never heard of XMPP");
  const text = "Hello Ann, shall we meet on Saturday in the *garden*? 🌻";
  const id = alice.write(ann, text, { extra: wantsReceipt });
  line("alice", text);
  const room = await client.join(await client.nextInvite());
  line("ann", "is invited to a direct chat with @alice:matrix.test and accepts");
  const event = await client.next(saying(text), { ...patience, what: "Alice's message" });
  must(event.sender === "@alice:matrix.test", "the message is from Alice's own account");
  line("ann", `finds this in her client: ${JSON.stringify(event.content)}`);
  await alice.receiptFor(id);
  line("alice", "sees the check mark: the homeserver has it");
  await client.reply(room, event.event_id ?? "", "Saturday is fine.");
  const answer = await alice.hear(ann);
  line("alice", `reads: ${bodyOf(answer)}`);
  must(answer.getChild("reply", "urn:xmpp:reply:0")?.attrs.id === id, "the answer points at Alice's own message");
  line("alice", "as an answer to that very message");
  return room;
}

async function annReactsAndEdits(alice: Person, client: MatrixPerson, room: string): Promise<void> {
  title("Ann reacts, and corrects herself");
  const id = alice.write(ann, "I bring a cake");
  line("alice", "I bring a cake");
  const cake = await client.next(saying("I bring a cake"), { ...patience, what: "the cake" });
  await client.react(room, cake.event_id ?? "", "❤️");
  const reactions = await alice.next((stanza) => stanza.getChild("reactions", "urn:xmpp:reactions:0") !== undefined, {
    ...patience,
    what: "the reaction",
  });
  must(reactions.getChild("reactions")?.attrs.id === id, "the reaction is on Alice's own message");
  line("alice", `sees ${reactions.getChild("reactions")?.getChildText("reaction")} on it`);

  const typo = await client.say(room, "I bring the tee");
  const first = await alice.hear(ann);
  line("alice", `reads: ${bodyOf(first)}`);
  await client.edit(room, typo, "I bring the tea");
  const second = await alice.hear(ann);
  const replaced = second.getChild("replace", "urn:xmpp:message-correct:0")?.attrs.id;
  must(replaced === first.attrs.id && bodyOf(second) === "I bring the tea", "the correction replaces that message");
  line("alice", `sees it change to: ${bodyOf(second)}`);
}

/** One green pixel. */
const picture = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M/wHwAEBgIApD5fRAAAAABJRU5ErkJggg==",
  "base64",
);

async function annSendsAPicture(alice: Person, client: MatrixPerson, room: string): Promise<void> {
  title("Ann sends a picture, and Alice opens it");
  await client.sendFile(room, { bytes: picture, name: "garden.png", mimetype: "image/png" });
  const stanza = await alice.hear(ann);
  const url = stanza.getChild("x", "jabber:x:oob")?.getChildText("url") ?? "";
  line("alice", `gets a link: ${url}`);
  const answer = await fetch(url, { signal: AbortSignal.timeout(patience.timeoutMs) });
  const bytes = Buffer.from(await answer.arrayBuffer());
  must(answer.ok && bytes.equals(picture), "the link leads to Ann's picture");
  line("alice", `opens it: ${answer.headers.get("content-type")}, ${bytes.length} bytes, the very ones that Ann sent`);
}

async function carolWithoutAnAccount(carol: Person, client: MatrixPerson): Promise<void> {
  title("Carol has no Matrix account: the operator's application service makes her a user of the homeserver");
  carol.write(ann, "Hello from Carol's phone");
  line("carol", "Hello from Carol's phone");
  const room = await client.join(await client.nextInvite());
  const event = await client.next(saying("Hello from Carol's phone"), { ...patience, what: "Carol's message" });
  must(event.sender === "@_xmpp_carol=40localhost:matrix.test", "the message is from a user made for Carol");
  line("ann", `gets it from ${event.sender} and answers`);
  await client.say(room, "Hello Carol!");
  const answer = await carol.hear(ann);
  line("carol", `reads: ${bodyOf(answer)}`);
  must(bodyOf(answer) === "Hello Carol!", "Carol got the answer");
}
