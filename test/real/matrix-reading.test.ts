// What has been read, both ways, on real servers on both sides.
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MatrixPerson, saying, type SeenEvent } from "../kit/matrix-person.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import { bodyOf, matrixNetwork, type Person } from "./person.ts";

const muc = "http://jabber.org/protocol/muc";
const markers = "urn:xmpp:chat-markers:0";
const mds = "urn:xmpp:mds:displayed:0";
const patience = { timeoutMs: 20_000 };
const lobby = "#lobby\\3amatrix.test@matrix.localhost";
const annJid = matrixNetwork.jidOf("@ann:matrix.test");

/** The receipt of somebody on an event. */
const receiptOf = (user: string, target: string) => (event: SeenEvent) => {
  const users = (event.content[target] as { readonly "m.read"?: object } | undefined)?.["m.read"];
  return event.type === "m.receipt" && users !== undefined && Object.hasOwn(users, user);
};

// ejabberd 24.12 drops what components ask when mod_privilege is on: there it is off, so nothing is done in the user's name.
const servers: readonly { readonly xmpp: XmppServerName; readonly privileged: boolean }[] = [
  { xmpp: "prosody", privileged: true },
  { xmpp: "ejabberd", privileged: false },
];

describe.each(servers)("what has been read, on $xmpp", ({ xmpp, privileged }) => {
  let stage: MatrixStage;
  /** Two clients of alice's. */
  let alice: Person;
  let phone: Person;
  let ann: MatrixPerson;
  /** Alice's other program on Matrix. */
  let al: MatrixPerson;
  let room: string;
  let dm: string;
  beforeAll(async () => {
    stage = await setMatrixStage({ xmpp, users: ["alice"], people: ["ann", "al"] });
    ann = await stage.person("ann");
    al = await stage.person("al");
    room = await ann.createRoom({ name: "The lobby", public: true, alias: "lobby" });
    alice = await stage.enter("alice");
    phone = await stage.enter("alice", "phone");
    for (const client of [alice, phone])
      await client.request("<iq type='set'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    await alice.signIn("al", "secret");
    await stage.online("alice");
    for (const client of [alice, phone]) {
      client.send(`<presence to='${lobby}/al'><x xmlns='${muc}'/></presence>`);
      await client.next((stanza) => stanza.getChild("subject") !== undefined, { what: "the room", ...patience });
    }
    alice.write("@ann:matrix.test", "hello");
    dm = await ann.nextInvite();
    await ann.join(dm);
    await ann.next(saying("hello"), { what: "alice's hello" });
  }, 120_000);
  afterAll(() => stage?.stop());

  const heard = (client: Person, body: string) =>
    client.next((stanza) => stanza.name === "message" && bodyOf(stanza) === body, { what: body, ...patience });
  const displayedIn = (client: Person, from: string, target: string) =>
    client.next((stanza) => stanza.attrs.from === from && stanza.getChild("displayed", markers)?.attrs.id === target, {
      what: `the marker from ${from}`,
      ...patience,
    });
  const stored = async (chat: string): Promise<string | undefined> => {
    const answer = await alice.request(
      `<iq type='get'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='${mds}'/></pubsub></iq>`,
    );
    const items = answer.getChild("pubsub")?.getChild("items")?.getChildren("item") ?? [];
    const item = items.find((one: Element) => one.attrs.id === chat);
    return item?.getChild("displayed")?.getChild("stanza-id")?.attrs.id as string | undefined;
  };

  describe("in a room", () => {
    it("with a client of alice's: Matrix is told, and her other client", async () => {
      const event = await ann.say(room, "read me here");
      const message = await heard(alice, "read me here");
      expect(message.getChild("markable", markers)).toBeDefined();
      const id = String(message.getChild("stanza-id")?.attrs.id);
      alice.send(
        `<message to='${lobby}' type='groupchat' id='r1'><displayed xmlns='${markers}' id='${id}'/></message>`,
      );
      await ann.next(receiptOf("@al:matrix.test", event), { what: "alice's receipt" });
      await displayedIn(phone, `${lobby}/al`, id);
    });

    it("with another program of alice's: her clients are told, and XEP-0490 where the server lets us", async () => {
      const event = await ann.say(room, "read me there");
      const id = String((await heard(alice, "read me there")).getChild("stanza-id")?.attrs.id);
      await al.next(saying("read me there"), { what: "it on Matrix" });
      await al.markRead(room, event);
      await displayedIn(alice, `${lobby}/al`, id);
      await displayedIn(phone, `${lobby}/al`, id);
      if (privileged) await expect.poll(() => stored(lobby), { timeout: 20_000 }).toBe(id);
      else expect(await stored(lobby)).toBeUndefined();
    });

    it("by ann: alice sees that her message was read", async () => {
      alice.send(`<message to='${lobby}' type='groupchat' id='mine'><body>who reads me?</body></message>`);
      const own = await heard(alice, "who reads me?");
      const { event_id = "" } = await ann.next(saying("who reads me?"), { what: "alice's message" });
      await ann.markRead(room, event_id);
      await displayedIn(alice, `${lobby}/ann`, String(own.getChild("stanza-id")?.attrs.id));
    });
  });

  describe("in a chat of two", () => {
    it("with another program of alice's: the server copies the marker to her clients where it lets us", async () => {
      const event = await ann.say(dm, "psst");
      const id = String((await heard(alice, "psst")).attrs.id);
      await al.next(saying("psst"), { what: "it on Matrix" });
      await al.markRead(dm, event);
      const isCopy = (stanza: Element) => {
        const copy = stanza.getChild("sent", "urn:xmpp:carbons:2")?.getChild("forwarded")?.getChild("message");
        return copy?.attrs.to === annJid && copy.getChild("displayed", markers)?.attrs.id === id;
      };
      if (privileged) await phone.next(isCopy, { what: "the copy of the marker", ...patience });
      await ann.say(dm, "anything after it");
      await heard(phone, "anything after it");
      expect(phone.stanzas.filter(isCopy)).toHaveLength(privileged ? 1 : 0);
    });
  });
});
