// Alice in a room of Matrix: a group chat (XEP-0045) in her client.
import type { Element } from "ltx";
import { type MatrixPerson, saying } from "../test/kit/matrix-person.ts";
import { bodyOf, type Person } from "../test/real/person.ts";
import { line, must, title } from "./words.ts";

const patience = { timeoutMs: 15_000 };
const mucUser = "http://jabber.org/protocol/muc#user";

const nickOf = (stanza: Element): string => String(stanza.attrs.from).split("/")[1] ?? "";
const isFromRoom = (jid: string, name: string) => (stanza: Element) =>
  stanza.name === name && String(stanza.attrs.from).startsWith(`${jid}/`);
const isSelf = (stanza: Element): boolean =>
  stanza
    .getChild("x", mucUser)
    ?.getChildren("status")
    .some(({ attrs }) => attrs.code === "110") ?? false;

export async function meetInRoom(alice: Person, ann: MatrixPerson, bea: MatrixPerson): Promise<void> {
  title("Ann and Bea have a room, and Alice comes in");
  await Promise.all([ann.setName("Ann"), bea.setName("Bea")]);
  const room = await ann.createRoom({ name: "The garden", topic: "What grows", alias: "garden", public: true });
  await bea.join("#garden:matrix.test");
  await bea.say(room, "The tomatoes are red.");
  await ann.invite(room, "@alice:matrix.test");
  const jid = await aliceIsInvited(alice);
  await aliceListsRooms(alice);
  await aliceEnters(alice, jid);

  const text = "Then let us make a salad.";
  alice.message({ to: jid, type: "groupchat", body: text });
  line("alice", text);
  for (const [who, client] of [["ann", ann] as const, ["bea", bea] as const]) {
    const event = await client.next(saying(text), { ...patience, what: "what Alice says" });
    must(event.sender === "@alice:matrix.test" && event.room_id === room, `${who} hears Alice in the room`);
    line(who, `sees in The garden: ${event.sender} ${text}`);
  }
  await bea.say(room, "With basil!");
  const answer = await alice.next((stanza) => isFromRoom(jid, "message")(stanza) && bodyOf(stanza) === "With basil!", {
    ...patience,
    what: "what Bea says",
  });
  must(nickOf(answer) === "Bea" && answer.attrs.type === "groupchat", "Bea says it in the group chat");
  line("alice", `sees in the group chat: ${nickOf(answer)}: ${bodyOf(answer)}`);
}

/** Resolves with the room's JID. */
async function aliceIsInvited(alice: Person): Promise<string> {
  const invitation = await alice.next((stanza) => stanza.getChild("x", mucUser)?.getChild("invite") !== undefined, {
    ...patience,
    what: "the invitation",
  });
  const jid = String(invitation.attrs.from);
  const inviter = invitation.getChild("x", mucUser)?.getChild("invite")?.attrs.from;
  line("alice", `is invited by ${inviter} to ${jid}`);
  must(jid === "#garden\\3amatrix.test@matrix.localhost", "the group chat is named after the room's alias");
  must(inviter === "ann\\3amatrix.test@matrix.localhost", "the invitation is Ann's");
  return jid;
}

async function aliceListsRooms(alice: Person): Promise<void> {
  line("alice", "rooms");
  const answer = await alice.ask("rooms");
  line("gateway", answer);
  must(answer.includes("The garden"), "the room is in the list");
  line("alice", "cancel");
  line("gateway", await alice.ask("cancel"));
}

async function aliceEnters(alice: Person, jid: string): Promise<void> {
  alice.send(`<presence to='${jid}/Alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  const present: string[] = [];
  for (;;) {
    const presence = await alice.next(isFromRoom(jid, "presence"), { ...patience, what: "who is in the room" });
    must(presence.attrs.type === undefined, "Alice is let in");
    present.push(nickOf(presence));
    if (isSelf(presence)) break;
  }
  line("alice", `is in ${jid} with ${present.slice(0, -1).join(" and ")}`);
  must(present.includes("Ann") && present.includes("Bea"), "Ann and Bea are there");
  const subject = await alice.next((stanza) => stanza.name === "message" && stanza.getChild("subject") !== undefined, {
    ...patience,
    what: "the subject",
  });
  line("alice", `sees the subject: ${subject.getChildText("subject")}`);
}
