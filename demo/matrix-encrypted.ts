// Bea's chat is end-to-end encrypted. The gateway is a device of Alice's account there.
import { type MatrixPerson, saying } from "../test/kit/matrix-person.ts";
import { bodyOf, type Person } from "../test/real/person.ts";
import { line, must, title } from "./words.ts";

const bea = "@bea:matrix.test";
const patience = { timeoutMs: 20_000 };

export async function talkEncrypted(alice: Person, client: MatrixPerson): Promise<void> {
  title("Bea begins an encrypted chat with Alice");
  const room = await client.createDm("@alice:matrix.test", { encrypted: true });
  line("alice", `reads: ${bodyOf(await alice.hear(bea))}`);
  const text = "A recipe that is nobody's business: basil.";
  alice.write(bea, text);
  line("alice", text);
  const event = await client.next(saying(text), { ...patience, what: "Alice's message" });
  must(event.encrypted && event.room_id === room, "Alice's message went into the chat encrypted");
  line("bea", `reads: ${text}`);
  // As it lies on the server, which has no keys.
  const stored = await client.client.fetchRoomEvent(room, event.event_id ?? "");
  must(stored.type === "m.room.encrypted", "the server has the encrypted event only");
  line(
    "server",
    `has of it: ${stored.type}, ${stored.content?.algorithm}, ${String(stored.content?.ciphertext).slice(0, 40)}...`,
  );
  await client.say(room, "I take it to my grave.");
  const answer = await alice.hear(bea);
  must(bodyOf(answer) === "I take it to my grave.", "Alice reads the encrypted answer");
  line("alice", `reads: ${bodyOf(answer)}`);
  line("alice", "encryption");
  const said = await alice.ask("encryption");
  must(said.includes("whoever runs it could read them"), "the gateway says who can read encrypted chats");
  line("gateway", said);
}
