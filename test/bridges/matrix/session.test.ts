// A session on a real Synapse: what goes out, what comes in, what is not told twice.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { MatrixCredentials } from "../../../bridges/matrix/credentials.ts";
import type { BridgeError } from "../../../src/bridge/index.ts";
import { MemoryHost } from "../../../src/bridge/harness.ts";
import { MatrixPerson, saying } from "../../kit/matrix-person.ts";
import { startSynapse, type Synapse } from "../../lab/synapse.ts";
import { type HomeserverProxy, startHomeserverProxy } from "./homeserver-proxy.ts";
import { contact, live, outgoing, room, signIn, waitFor } from "./matrix-lab.ts";

let synapse: Synapse;
let proxy: HomeserverProxy;
let bob: MatrixPerson;
let alice: MatrixCredentials;
let users = 0;

beforeAll(async () => {
  synapse = await startSynapse({ users: { bob: "secret" } });
  proxy = await startHomeserverProxy(synapse.baseUrl);
  bob = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user: "bob", password: "secret" });
}, 60_000);
afterAll(async () => {
  bob.stop();
  await proxy.stop();
  await synapse.stop();
});
beforeEach(async () => {
  proxy.script = undefined;
  users += 1;
  await synapse.addUser(`alice${users}`, "secret");
  alice = { ...(await signIn(synapse, `alice${users}`)), baseUrl: proxy.baseUrl };
});

/** Alice is online, and in a chat of two with Bob that he made. */
async function chatting() {
  const account = await live(alice);
  await account.state("online");
  const roomId = await bob.createDm(alice.userId);
  await account.until((event) => event.type === "message" && event.id.startsWith("invite "), "the invitation");
  await account.session.send(outgoing(contact(bob.userId), "accepted"));
  await bob.next(saying("accepted"));
  return { ...account, roomId };
}

const errorOf = (work: Promise<unknown>): Promise<BridgeError> =>
  work.then(
    () => Promise.reject(new Error("it worked")),
    (error: BridgeError) => error,
  );

test("the first message to somebody opens a direct chat that other clients know as one", async () => {
  const { session, end, state } = await live(alice);
  await state("online");
  const sent = await session.send(outgoing(contact(bob.userId), "nice to meet you"));
  const roomId = await bob.nextInvite();
  await bob.join(roomId);
  const seen = await bob.next(saying("nice to meet you"));
  expect(seen.event_id).toBe(sent.id);
  await session.send(outgoing(contact(bob.userId), "in the same chat"));
  expect((await bob.next(saying("in the same chat"))).room_id).toBe(roomId);
  const url = `${synapse.baseUrl}/_matrix/client/v3/user/${alice.userId}/account_data/m.direct`;
  const headers = { authorization: `Bearer ${alice.accessToken}` };
  await end();
  expect(await (await fetch(url, { headers })).json()).toEqual({ [bob.userId]: [roomId] });
});

test("an invitation to a direct chat is told, and answering accepts it", async () => {
  const { host, session, until, message, end, state } = await live(alice);
  await state("online");
  const roomId = await bob.createDm(alice.userId);
  await bob.say(roomId, "are you there?");
  const invitation = await until((event) => event.type === "message", "the invitation");
  expect(invitation).toMatchObject({ peer: contact(bob.userId), from: bob.userId, automatic: true });
  expect(bob.members(roomId)).toEqual([bob.userId]);
  await session.send(outgoing(contact(bob.userId), "yes"));
  await bob.next(saying("yes"));
  expect(await message("are you there?")).toMatchObject({ peer: contact(bob.userId), from: bob.userId });
  await bob.say(roomId, "good");
  await message("good");
  await end();
  expect(host.committed.filter((event) => event.type === "message" && event.text === "yes")).toEqual([]);
});

test("a chat that the other person left is over: the next message opens a new one", async () => {
  const { session, roomId, end } = await chatting();
  await expect.poll(() => session.listContacts()).toMatchObject([{ id: bob.userId }]);
  await bob.leave(roomId);
  await expect.poll(() => session.listContacts()).toEqual([]);
  await session.send(outgoing(contact(bob.userId), "hello again"));
  const next = await bob.nextInvite();
  expect(next).not.toBe(roomId);
  await bob.join(next);
  await bob.next(saying("hello again"));
  await end();
});

test("what the user writes in another client comes as their own, what was sent here does not come back", async () => {
  const { host, session, message, end } = await chatting();
  const other = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user: `alice${users}`, password: "secret" });
  const sent = await session.send(outgoing(contact(bob.userId), "from here"));
  await bob.next(saying("from here"));
  const roomId = bob.all.find((event) => event.event_id === sent.id)?.room_id ?? "";
  await other.say(roomId, "from my phone");
  expect(await message("from my phone")).toMatchObject({ from: "self", peer: contact(bob.userId) });
  other.stop();
  await end();
  expect(host.committed.filter((event) => event.type === "message" && event.text === "from here")).toEqual([]);
});

test("what was sent here is not worth a write when it comes back, what others say is", async () => {
  const { host, session, roomId, message, end } = await chatting();
  await bob.say(roomId, "ready?");
  await message("ready?");
  await waitForPolls(2);
  const before = host.cursor;
  await session.send(outgoing(contact(bob.userId), "ready"));
  await bob.next(saying("ready"));
  await waitForPolls(2);
  expect(host.cursor).toEqual(before);
  await bob.say(roomId, "go");
  await message("go");
  expect(host.cursor).not.toEqual(before);
  await end();
});

/** Until so many polls were asked for: what came before was read. Each asks from where the one before ended. */
async function waitForPolls(count: number): Promise<void> {
  const asked = (): number => proxy.requests.filter((one) => one.includes("/v3/sync?")).length;
  const now = asked();
  await waitFor(
    () => asked() >= now + count,
    "another poll",
    () => proxy.requests.slice(-5).join("\n"),
  );
}

test("edits, reactions and redactions arrive and are sent", async () => {
  const { session, roomId, message, until, end } = await chatting();
  const id = await bob.say(roomId, "helo");
  await message("helo");
  await bob.edit(roomId, id, "hello");
  expect(await until((event) => event.type === "edit", "the edit")).toMatchObject({
    target: id,
    text: "hello",
    from: bob.userId,
  });
  const reaction = await bob.react(roomId, id, "👍");
  expect(await until((event) => event.type === "reaction", "the reaction")).toMatchObject({
    id: reaction,
    target: id,
    emoji: "👍",
  });
  await bob.redact(roomId, reaction);
  expect(await until((event) => event.type === "retraction", "the retraction")).toMatchObject({ target: reaction });

  const peer = contact(bob.userId);
  const sent = await session.send(outgoing(peer, "wrogn"));
  const ref = {
    id: sent.id,
    fromSelf: true,
    sentAt: Date.now(),
    ...(sent.context === undefined ? {} : { context: sent.context }),
  };
  await session.edit(ref, outgoing(peer, "wrong"));
  await bob.next((event) => event.content["body"] === "* wrong");
  const liked = await session.react(ref, peer, "❤", outgoing(peer, "").key);
  const again = await session.react(ref, peer, "❤", outgoing(peer, "").key);
  expect(again.id).toBe(liked.id);
  await bob.next((event) => event.type === "m.reaction" && event.sender === alice.userId);
  await session.unreact(liked.id, peer, outgoing(peer, "").key, ref);
  await session.retract(ref, peer, outgoing(peer, "").key);
  await bob.until(
    () => bob.all.filter((event) => event.type === "m.room.redaction" && event.sender === alice.userId).length === 2,
  );
  await end();
});

test("a burst with limited timelines arrives whole, once and in order", async () => {
  const { host, roomId, end } = await chatting();
  await end();
  const texts = Array.from({ length: 200 }, (_, index) => `burst ${index}`);
  for (const text of texts) await bob.say(roomId, text);
  const second = new MemoryHost(host.cursor);
  await second.records.save(host.records.map);
  const again = await live(alice, second);
  await again.message("burst 199");
  for (let index = 200; index < 260; index++) void bob.say(roomId, `burst ${index}`);
  await waitFor(
    () => burst(second).length >= 260,
    "260 messages",
    () => String(burst(second).length),
  );
  expect(burst(second).slice(0, 200)).toEqual(texts);
  expect(new Set(burst(second)).size).toBe(260);
  await again.end();
}, 60_000);

const burst = (host: MemoryHost): string[] =>
  host.committed.flatMap((event) => (event.type === "message" && event.text.startsWith("burst ") ? [event.text] : []));

test("a lost answer does not make a second message", async () => {
  const { session, end } = await chatting();
  const message = outgoing(contact(bob.userId), "only once");
  proxy.script = (method, path) => (method === "PUT" && path.includes("/send/") ? "lose" : undefined);
  expect(await errorOf(session.send(message))).toMatchObject({ kind: "retry", uncertain: true });
  proxy.script = undefined;
  const sent = await session.send({ ...message, uncertain: true });
  await session.send(outgoing(contact(bob.userId), "after it"));
  await bob.next(saying("after it"));
  const copies = bob.all.filter(saying("only once"));
  expect(copies.map((event) => event.event_id)).toEqual([sent.id]);
  await end();
});

/** An account that was signed in with a token has no encryption. */
const withoutKeys = (login: MatrixCredentials): MatrixCredentials => ({ ...login, kind: "token" });

test("nothing goes in the clear into a room that became encrypted", async () => {
  alice = withoutKeys(alice);
  const { session, roomId, until, end } = await chatting();
  await bob.client.sendStateEvent(
    roomId,
    "m.room.encryption" as never,
    { algorithm: "m.megolm.v1.aes-sha2" } as never,
    "",
  );
  await until((event) => event.type === "message" && event.text.includes("encrypted from now on"), "the notice");
  const error = await errorOf(session.send(outgoing(contact(bob.userId), "a secret")));
  expect(error).toMatchObject({ kind: "reject", condition: "not-acceptable" });
  expect(error.message).toContain("encrypted");
  await end();
  expect(bob.all.filter(saying("a secret"))).toEqual([]);
});

test("that a room is encrypted outlives a restart, and leaving and coming back", async () => {
  alice = withoutKeys(alice);
  const first = await live(alice);
  await first.state("online");
  const roomId = await bob.createRoom({ encrypted: true, invite: [alice.userId] });
  await first.until((event) => event.type === "room" && event.self === "invited", "the invitation");
  await first.session.join(roomId);
  await first.session.leave(roomId);
  await first.until((event) => event.type === "room" && event.self === "left", "the leaving");
  await first.end();
  const host = new MemoryHost(first.host.cursor);
  await host.records.save(first.host.records.map);
  const second = await live(alice, host);
  const error = await errorOf(second.session.send(outgoing(room(roomId), "a secret")));
  expect(error).toMatchObject({ kind: "reject", condition: "not-acceptable" });
  await second.end();
});

test("an invitation to a room is the room's, and joining tells who is in it", async () => {
  const { host, session, until, message, end, state } = await live(alice);
  await state("online");
  const roomId = await bob.createRoom({ name: "Tea", topic: "Leaves", invite: [alice.userId] });
  const invitation = await until((event) => event.type === "room", "the invitation");
  expect(invitation).toMatchObject({ peer: room(roomId), from: bob.userId, name: "Tea", self: "invited" });
  expect(await session.listRooms()).toMatchObject([
    { id: roomId, name: "Tea", state: "invited", invitedBy: bob.userId },
  ]);
  expect(await session.join(roomId)).toEqual({ id: roomId });
  await until((event) => event.type === "room" && event.self === "joined", "the room");
  await until(
    (event) => event.type === "membership" && event.who === bob.userId && event.rank === "owner",
    "its owner",
  );
  await bob.say(roomId, "welcome");
  expect(await message("welcome")).toMatchObject({ peer: room(roomId), from: bob.userId });
  await session.send(outgoing(room(roomId), "thanks"));
  await bob.next(saying("thanks"));
  await bob.kick(roomId, alice.userId, "enough");
  expect(await until((event) => event.type === "membership" && event.state === "kicked", "the kick")).toMatchObject({
    who: "self",
    from: bob.userId,
    reason: "enough",
  });
  await until((event) => event.type === "room" && event.self === "left", "the end");
  expect(host.states.at(-1)).toBe("online");
  await end();
});

test("rooms are changed as far as the user may", async () => {
  const { session, until, end, state } = await live(alice);
  await state("online");
  const roomId = await bob.createRoom({ name: "Rules", invite: [alice.userId] });
  await until((event) => event.type === "room", "the invitation");
  await session.join(roomId);
  const refused = await errorOf(session.changeRoom(roomId, { do: "subject", text: "mine" }));
  expect(refused).toMatchObject({ kind: "reject", condition: "forbidden" });
  await bob.client.setPowerLevel(roomId, alice.userId, 100);
  await until((event) => event.type === "membership" && event.who === "self" && event.rank === "owner", "the rank");
  await session.changeRoom(roomId, { do: "subject", text: "ours" });
  await bob.next((event) => event.type === "m.room.topic" && event.content["topic"] === "ours");
  await session.changeRoom(roomId, { do: "nick", name: "Alice in Wonderland" });
  await bob.next((event) => event.type === "m.room.member" && event.content["displayname"] === "Alice in Wonderland");
  await session.changeRoom(roomId, { do: "rank", who: "@carol:matrix.test", rank: "outcast", reason: "no" });
  await bob.next((event) => event.type === "m.room.member" && event.content["membership"] === "ban");
  await end();
});

test("a revoked token asks for a new sign-in, once", async () => {
  const { host, state, session, end } = await chatting();
  await fetch(`${synapse.baseUrl}/_matrix/client/v3/logout`, {
    method: "POST",
    headers: { authorization: `Bearer ${alice.accessToken}` },
  });
  await state("login-required");
  expect(await errorOf(session.send(outgoing(contact(bob.userId), "hello?")))).toMatchObject({
    kind: "login-required",
  });
  expect(host.states.filter((one) => one === "login-required")).toHaveLength(1);
  await end();
});

test("signing out ends the token, and asks for no new sign-in", async () => {
  const { host, session, end } = await chatting();
  await session.signOut?.();
  const whoami = await fetch(`${synapse.baseUrl}/_matrix/client/v3/account/whoami`, {
    headers: { authorization: `Bearer ${alice.accessToken}` },
  });
  expect(whoami.status).toBe(401);
  expect(host.states).not.toContain("login-required");
  await end();
});

test("typing, reading and files go both ways", async () => {
  const { session, roomId, message, until, end } = await chatting();
  const peer = contact(bob.userId);
  await session.setTyping(peer, true);
  await bob.next((event) => event.type === "m.typing" && JSON.stringify(event.content).includes(alice.userId));
  const id = await bob.say(roomId, "read this");
  const got = await message("read this");
  await session.markRead(
    { id: got.id, fromSelf: false, sentAt: got.sentAt, ...(got.context === undefined ? {} : { context: got.context }) },
    peer,
  );
  await bob.next((event) => event.type === "m.receipt" && JSON.stringify(event.content).includes(id));
  const sent = await session.send(outgoing(peer, "and you?"));
  await bob.next(saying("and you?"));
  await bob.markRead(roomId, sent.id);
  expect(await until((event) => event.type === "read" && event.from === bob.userId, "the receipt")).toMatchObject({
    target: sent.id,
  });

  await bob.sendFile(roomId, { bytes: Buffer.from("0123456789"), name: "ten.txt", mimetype: "text/plain" });
  const file = await until((event) => event.type === "message" && event.attachments !== undefined, "the file");
  const source = file.type === "message" ? (file.attachments?.[0]?.source ?? null) : null;
  const open = await session.openFile(source, undefined, AbortSignal.timeout(5000));
  expect(await new Response(open.body).text()).toBe("0123456789");
  const sealed = await bob.uploadEncrypted(Buffer.from("a sealed letter"));
  const encrypted = { file: { url: sealed.url, key: sealed.key.k, iv: sealed.iv, sha256: sealed.hashes.sha256 } };
  const letter = await session.openFile(encrypted, undefined, AbortSignal.timeout(5000));
  expect(await new Response(letter.body).text()).toBe("a sealed letter");
  const forged = { file: { ...encrypted.file, sha256: Buffer.alloc(32).toString("base64") } };
  const broken = await session.openFile(forged, undefined, AbortSignal.timeout(5000));
  await expect(new Response(broken.body).text()).rejects.toThrow();

  const web = await startHomeserverProxy("http://127.0.0.1:1");
  web.script = () => ({ status: 200, body: "the bytes", headers: { "content-type": "text/plain" } });
  await session.send(outgoing(peer, "look", { file: { url: `${web.baseUrl}/up/notes.txt` } }));
  const upload = await bob.next((event) => event.content["msgtype"] === "m.file" && event.sender === alice.userId);
  expect(upload.content).toMatchObject({
    body: "look",
    filename: "notes.txt",
    info: { mimetype: "text/plain", size: 9 },
  });
  expect((await bob.download(upload.content)).toString()).toBe("the bytes");
  await web.stop();
  await end();
});
