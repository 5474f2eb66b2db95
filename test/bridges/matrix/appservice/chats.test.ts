// Direct chats between XMPP users without a Matrix account and people on Matrix, on a real Synapse.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { MatrixPerson, saying, type SeenEvent } from "../../../kit/matrix-person.ts";
import type { Synapse } from "../../../lab/synapse.ts";
import { contact, outgoing, room, waitFor } from "../matrix-lab.ts";
import {
  bot,
  domainOptions,
  type Gateway,
  ghost,
  startDomainSynapse,
  startGateway,
  startWeb,
  type Web,
} from "./domain-lab.ts";

let web: Web;
let synapse: Synapse;
let gateway: Gateway;
let bob: MatrixPerson;
let carol: MatrixPerson;
let users = 0;
let alice: string;
let aliceId: string;

beforeAll(async () => {
  web = await startWeb();
  synapse = await startDomainSynapse(web);
  gateway = await startGateway(domainOptions(synapse.baseUrl, web.url), web);
  bob = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user: "bob", password: "secret" });
  carol = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user: "carol", password: "secret" });
}, 60_000);
afterAll(async () => {
  bob.stop();
  carol.stop();
  await gateway.stop();
  await synapse.stop();
  await web.stop();
});
beforeEach(() => {
  users += 1;
  alice = `alice${users}@xmpp.test`;
  aliceId = ghost(`alice${users}`);
});

afterEach(() => {
  // Nothing went wrong behind the scenes.
  expect(gateway.log.filter((line) => /^(warn|error)/.test(line))).toEqual([]);
});

/** Alice and Bob have a chat of two. */
async function chatting(): Promise<string> {
  const roomId = await bob.createDm(aliceId);
  await bob.until(() => bob.members(roomId).includes(aliceId), { what: "the ghost joins" });
  return roomId;
}

test("the first message of an XMPP user opens a direct chat, in which the answer comes back", async () => {
  const session = await gateway.session(alice);
  const sent = await session.send(outgoing(contact(bob.userId), "hello", { senderName: "Alice W." }));
  const roomId = await bob.nextInvite();
  await bob.join(roomId);
  const seen = await bob.next(saying("hello"));
  expect(seen).toMatchObject({ event_id: sent.id, sender: aliceId });
  expect(bob.client.getRoom(roomId)?.getMember(aliceId)?.name).toBe("Alice W.");
  await bob.say(roomId, "hello yourself");
  const answer = await gateway.message(alice, "hello yourself");
  expect(answer).toMatchObject({ peer: contact(bob.userId), from: bob.userId, name: "bob" });
  // How bob looks, and what he says.
  expect(gateway.eventsOf(alice).map(({ type }) => type)).toEqual(["contact", "message"]);
});

test("a Matrix user begins a chat with an XMPP user who was never there, and nothing said meanwhile is lost", async () => {
  const roomId = await bob.createDm(aliceId);
  await bob.say(roomId, "one");
  await bob.say(roomId, "two");
  await bob.until(() => bob.members(roomId).includes(aliceId), { what: "the ghost joins" });
  await bob.say(roomId, "three");
  await gateway.message(alice, "three");
  expect(gateway.messagesOf(alice).map(({ text }) => text)).toEqual(["one", "two", "three"]);
});

test("what the ghost said comes back to nobody", async () => {
  const roomId = await chatting();
  const session = await gateway.session(alice);
  await session.send(outgoing(contact(bob.userId), "said on XMPP"));
  await bob.next(saying("said on XMPP"));
  await bob.say(roomId, "heard");
  await gateway.message(alice, "heard");
  expect(gateway.messagesOf(alice).map(({ text }) => text)).toEqual(["heard"]);
});

test("edits, reactions, retractions and receipts go both ways", async () => {
  const roomId = await chatting();
  const session = await gateway.session(alice);
  const sent = await session.send(outgoing(contact(bob.userId), "teh"));
  const mine = { id: sent.id, fromSelf: true, sentAt: Date.now(), ...(sent.context ? { context: sent.context } : {}) };
  await bob.next(saying("teh"));
  await session.edit?.(mine, outgoing(contact(bob.userId), "the"));
  const edit = await bob.next(saying("* the"));
  expect(edit.content["m.new_content"]).toMatchObject({ body: "the" });

  const asked = await bob.say(roomId, "shall we?");
  const message = await gateway.message(alice, "shall we?");
  expect(message.id).toBe(asked);
  const theirs = { id: asked, fromSelf: false, sentAt: Date.now(), context: message.context ?? null };
  const reaction = await session.react?.(theirs, contact(bob.userId), "👍", "k".repeat(26));
  await bob.next(({ type, event_id }) => type === "m.reaction" && event_id === reaction?.id);
  await session.unreact?.(reaction?.id ?? "", contact(bob.userId), "l".repeat(26), theirs);
  await bob.next(({ type, content }) => type === "m.room.redaction" && content["redacts"] === reaction?.id);
  await session.markRead?.(theirs, contact(bob.userId));
  await bob.next(({ type, content }) => type === "m.receipt" && Object.hasOwn(content, asked));
  await session.retract?.(mine, contact(bob.userId), "m".repeat(26));
  await bob.next(({ type, content }) => type === "m.room.redaction" && content["redacts"] === sent.id);

  await bob.edit(roomId, asked, "shall we go?");
  expect(await gateway.until(alice, (event) => event.type === "edit", "the edit")).toMatchObject({
    target: asked,
    text: "shall we go?",
    from: bob.userId,
  });
  await bob.react(roomId, sent.id, "❤️");
  expect(await gateway.until(alice, (event) => event.type === "reaction", "the reaction")).toMatchObject({
    target: sent.id,
    emoji: "❤️",
  });
  await bob.redact(roomId, asked);
  expect(await gateway.until(alice, (event) => event.type === "retraction", "the retraction")).toMatchObject({
    target: asked,
  });
  await session.send(outgoing(contact(bob.userId), "read this"));
  const { event_id: last = "" } = await bob.next(saying("read this"));
  await bob.markRead(roomId, last);
  expect(await gateway.until(alice, (event) => event.type === "read", "the receipt")).toMatchObject({
    target: last,
    from: bob.userId,
  });
});

test("typing and presence are told in passing, but not those of our own", async () => {
  const roomId = await chatting();
  const session = await gateway.session(alice);
  // The gateway hears of the join a moment after Bob does.
  await bob.say(roomId, "there?");
  await gateway.message(alice, "there?");
  await session.setTyping?.(contact(bob.userId), true);
  await bob.next(({ type, content }) => type === "m.typing" && (content["user_ids"] as string[]).includes(aliceId));
  await bob.setTyping(roomId, true);
  await waitFor(
    () => gateway.hints.some((hint) => hint.type === "typing" && hint.from === bob.userId && hint.active),
    "typing",
    () => JSON.stringify(gateway.hints),
  );
  await session.setPresence?.("online", "here I am");
  await bob.next(({ type, sender }) => type === "m.presence" && sender === aliceId, { timeoutMs: 8000 });
  expect(gateway.hints.filter((hint) => hint.from.startsWith("@_xmpp_"))).toEqual([]);
});

test("a burst of 200 arrives once and in order", async () => {
  const roomId = await chatting();
  const texts = Array.from({ length: 200 }, (_, index) => `burst ${index}`);
  for (const text of texts) await bob.say(roomId, text);
  await gateway.message(alice, "burst 199");
  expect(gateway.messagesOf(alice).map(({ text }) => text)).toEqual(texts);
}, 60_000);

test("200 messages of the XMPP user arrive once and in order", async () => {
  const roomId = await chatting();
  const session = await gateway.session(alice);
  const texts = Array.from({ length: 200 }, (_, index) => `out ${index}`);
  for (const text of texts) await session.send(outgoing(contact(bob.userId), text));
  await bob.next(saying("out 199"), { timeoutMs: 20_000 });
  const said = bob.all.filter(({ room_id, sender }) => room_id === roomId && sender === aliceId);
  expect(said.flatMap(({ type, content }) => (type === "m.room.message" ? [content["body"]] : []))).toEqual(texts);
}, 60_000);

test("two of ours in one room both hear a third, and each other, but not themselves", async () => {
  const anna = `anna${users}`;
  const roomId = await bob.createRoom({ name: "Tea", invite: [aliceId, ghost(anna)] });
  for (const [user, id] of [
    [alice, aliceId],
    [`${anna}@xmpp.test`, ghost(anna)],
  ] as const) {
    expect(await gateway.until(user, (event) => event.type === "room", "the invitation")).toMatchObject({
      peer: room(roomId),
      self: "invited",
      name: "Tea",
      from: bob.userId,
    });
    expect(await (await gateway.session(user)).join?.(roomId)).toEqual({ id: roomId });
    await bob.until(() => bob.members(roomId).includes(id), { what: `${id} joins` });
  }
  await bob.say(roomId, "to both");
  await (await gateway.session(alice)).send(outgoing(room(roomId), "from Alice"));
  await gateway.message(`${anna}@xmpp.test`, "from Alice");
  await bob.say(roomId, "at the end");
  await gateway.message(alice, "at the end");
  await gateway.message(`${anna}@xmpp.test`, "at the end");
  expect(gateway.messagesOf(alice).map(({ text }) => text)).toEqual(["to both", "at the end"]);
  expect(gateway.messagesOf(`${anna}@xmpp.test`).map(({ text }) => text)).toEqual([
    "to both",
    "from Alice",
    "at the end",
  ]);
  expect(gateway.messagesOf(alice).every(({ peer }) => peer.kind === "room" && peer.id === roomId)).toBe(true);

  await bob.kick(roomId, aliceId, "enough");
  expect(
    await gateway.until(alice, (event) => event.type === "membership" && event.state === "kicked", "the kick"),
  ).toMatchObject({ who: "self", from: bob.userId, reason: "enough" });
  await gateway.until(alice, (event) => event.type === "room" && event.self === "left", "the end");
});

test("a chat of two becomes a room when a third comes", async () => {
  const roomId = await chatting();
  await bob.say(roomId, "between us");
  expect((await gateway.message(alice, "between us")).peer).toEqual(contact(bob.userId));
  await bob.invite(roomId, carol.userId);
  await carol.join(roomId);
  await carol.say(roomId, "hello you two");
  expect(await gateway.message(alice, "hello you two")).toMatchObject({ peer: room(roomId), from: carol.userId });
});

test("when Bob has left the chat, a new message makes a new one", async () => {
  const roomId = await chatting();
  await bob.say(roomId, "bye");
  await gateway.message(alice, "bye");
  await bob.leave(roomId);
  const session = await gateway.session(alice);
  expect(await gateway.message(alice, "/me left the chat.")).toMatchObject({ from: bob.userId, automatic: true });
  await session.send(outgoing(contact(bob.userId), "wait"));
  const next = await bob.nextInvite();
  expect(next).not.toBe(roomId);
});

test("an encrypted chat is answered with a word about it, and what the XMPP user writes goes into one without", async () => {
  const roomId = await bob.createDm(aliceId);
  await bob.until(() => bob.members(roomId).includes(aliceId), { what: "the ghost joins" });
  await bob.send(roomId, { algorithm: "m.megolm.v1.aes-sha2", ciphertext: "x", session_id: "s" }, "m.room.encrypted");
  const warning = await bob.next(
    ({ content }) => content["msgtype"] === "m.notice" && String(content["body"]).includes("encrypted"),
  );
  expect(warning.sender).toBe(aliceId);
  const placeholder = await gateway.until(alice, (event) => event.type === "message", "the placeholder");
  expect(placeholder).toMatchObject({
    text: "[This message is encrypted and cannot be read here. The other side was told.]",
  });
});

test("nobody is invited who is not there, and XMPP users are not written to through Matrix", async () => {
  const session = await gateway.session(alice);
  await expect(session.send(outgoing(contact("@nobody:matrix.test"), "?"))).rejects.toMatchObject({
    kind: "reject",
    condition: "item-not-found",
  });
  await expect(session.send(outgoing(contact(ghost("anna")), "?"))).rejects.toMatchObject({
    kind: "reject",
    message: "That is a user of XMPP: write to anna@xmpp.test.",
  });
});

test("an invitation to somebody who may not be on Matrix is declined with a reason", async () => {
  gateway.disk.refused.add(alice);
  const roomId = await bob.createDm(aliceId);
  const left = await bob.next(
    ({ type, state_key, content }) =>
      type === "m.room.member" && state_key === aliceId && content["membership"] === "leave",
  );
  expect(left).toMatchObject({
    room_id: roomId,
    content: { reason: "There is nobody with this address who may use Matrix here." },
  });
});

test("the bot helps, finds people and opens chats", async () => {
  await (await gateway.session(alice)).send(outgoing(contact(carol.userId), "so that she is known"));
  const roomId = await bob.createDm(bot);
  await bob.until(() => bob.members(roomId).includes(bot), { what: "the bot joins" });
  const ask = async (text: string): Promise<string> => {
    await bob.say(roomId, text);
    const answer = await bob.next(({ sender, type }) => sender === bot && type === "m.room.message");
    expect(answer.content["msgtype"]).toBe("m.notice");
    return String(answer.content["body"]);
  };
  expect(await ask("help")).toContain("chat alice@xmpp.test");
  expect(await ask(`find ALICE${users}`)).toContain(`alice${users} – ${alice} – ${aliceId}`);
  expect(await ask(`chat ${alice}`)).toBe(`You are invited to a chat with ${alice}, who is ${aliceId} here.`);
  const invited = await bob.nextInvite();
  await bob.join(invited);
  await bob.say(invited, "found you");
  expect(await gateway.message(alice, "found you")).toMatchObject({ peer: contact(bob.userId) });
  expect(await ask("chat mallory@elsewhere.test")).toBe("I only know addresses like alice@xmpp.test.");
});

test("a poll is voted in by its number, and its result is told when it ends", async () => {
  const roomId = await chatting();
  const draft = "org.matrix.msc3381.poll";
  const answers = [
    { id: "p", "org.matrix.msc1767.text": "Paris" },
    { id: "r", "org.matrix.msc1767.text": "Rome" },
  ];
  const start = { question: { "org.matrix.msc1767.text": "Where?" }, answers, max_selections: 1 };
  const poll = await bob.send(roomId, { [`${draft}.start`]: start }, `${draft}.start`);
  const shown = await gateway.message(
    alice,
    "Poll: Where?\n1. Paris\n2. Rome\n(Reply to this message with a number to vote.)",
  );
  const session = await gateway.session(alice);
  const { context } = shown;
  const replyTo = { id: poll, fromSelf: false, sentAt: 0, ...(context === undefined ? {} : { context }) };
  await session.send(outgoing(contact(bob.userId), "2", { replyTo }));
  const vote = await bob.next(({ type }) => type === `${draft}.response`, { what: "the vote" });
  expect([vote.sender, vote.content[`${draft}.response`]]).toEqual([aliceId, { answers: ["r"] }]);
  const relation = { "m.relates_to": { rel_type: "m.reference", event_id: poll } };
  await bob.send(roomId, { ...relation, [`${draft}.end`]: {} }, `${draft}.end`);
  await gateway.message(alice, "The poll has ended: Where?\n1. Paris: 0 votes\n2. Rome: 1 vote");
});

test("who may takes back what others said, with a reason", async () => {
  const roomId = await chatting();
  const spam = await bob.say(roomId, "spam");
  const { context } = await gateway.message(alice, "spam");
  const session = await gateway.session(alice);
  const target = { id: spam, fromSelf: false, sentAt: 0, ...(context === undefined ? {} : { context }) };
  await session.retract?.(target, contact(bob.userId), "k".repeat(26), "Rude");
  const isRedaction = ({ content }: SeenEvent): boolean => content["redacts"] === spam;
  const redaction = await bob.next(isRedaction, { what: "the redaction" });
  expect([redaction.sender, redaction.content]).toEqual([aliceId, { redacts: spam, reason: "Rude" }]);
});
