// Encrypted chats through a session of the bridge, on a real Synapse with another client at the far end.
import { CryptoEvent, type VerificationRequest, VerifierEvent } from "matrix-js-sdk/lib/crypto-api/index.js";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { MatrixCredentials } from "../../../bridges/matrix/credentials.ts";
import { hasCrypto } from "../../../bridges/matrix/crypto/database-records.ts";
import type { BridgeError, Incoming } from "../../../src/bridge/index.ts";
import { MemoryHost, MemoryRecords } from "../../../src/bridge/harness.ts";
import { MatrixPerson, saying, type SeenEvent } from "../../kit/matrix-person.ts";
import { startSynapse, type Synapse } from "../../lab/synapse.ts";
import { startHomeserverProxy } from "./homeserver-proxy.ts";
import { contact, keysOf, type Live, live, outgoing, room, signIn, waitFor } from "./matrix-lab.ts";

let synapse: Synapse;
let bob: MatrixPerson;
let alice: MatrixCredentials;
let users = 0;

beforeAll(async () => {
  synapse = await startSynapse({ users: { bob: "secret" } });
  bob = await person("bob");
}, 60_000);
afterAll(async () => {
  bob.stop();
  await synapse.stop();
});
beforeEach(async () => {
  users += 1;
  await synapse.addUser(`alice${users}`, "secret");
  alice = await signIn(synapse, `alice${users}`);
});

const person = (user: string): Promise<MatrixPerson> =>
  MatrixPerson.connect({ baseUrl: synapse.baseUrl, user, password: "secret", crypto: true });

/** Another client of Alice's, which ends with the test. */
async function aliceElsewhere(): Promise<MatrixPerson> {
  const other = await person(`alice${users}`);
  onTestFinished(() => other.stop());
  return other;
}

async function online(credentials = alice, host = new MemoryHost()): Promise<Live> {
  const account = await live(credentials, host);
  onTestFinished(() => account.end());
  await account.state("online");
  return account;
}

/** The same account after a restart, with what was on the disk. */
async function again({ host, end }: Live): Promise<Live> {
  await end();
  const next = new MemoryHost(host.cursor);
  await next.records.save(host.records.map);
  return online(alice, next);
}

/** Alice and Bob in an encrypted chat of two that he made. */
async function chatting(account: Live): Promise<string> {
  const roomId = await bob.createDm(alice.userId, { encrypted: true });
  await account.until((event) => event.type === "message" && event.id.startsWith("invite "), "the invitation");
  await account.session.send(outgoing(contact(bob.userId), "accepted"));
  await bob.next(saying("accepted"));
  return roomId;
}

const errorOf = (work: Promise<unknown>): Promise<BridgeError> =>
  work.then(
    () => Promise.reject(new Error("it worked")),
    (error: BridgeError) => error,
  );

const textsOf = (host: MemoryHost): string[] =>
  host.committed.flatMap((event) => (event.type === "message" ? [event.text] : []));

const isEdit = (text: string) => (event: Incoming) => event.type === "edit" && event.text === text;
const fromAlice = (event: SeenEvent): boolean => event.sender === alice.userId;

/** The text of every event as it lies on the server: nothing of it may be what was said. */
async function onServer(roomId: string): Promise<string> {
  const url = `${synapse.baseUrl}/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=100`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${bob.client.getAccessToken()}` } });
  return response.text();
}

test("an encrypted chat goes both ways, with edits, replies and reactions", async () => {
  const account = await online();
  const roomId = await chatting(account);
  const peer = contact(bob.userId);
  const first = await bob.say(roomId, "hello from Element");
  expect(await account.message("hello from Element")).toMatchObject({ id: first, peer, from: bob.userId });
  const message = outgoing(peer, "hello from XMPP");
  const prepared = await account.session.prepare?.(message);
  expect(await account.session.prepare?.(message)).toEqual(prepared);
  const sent = await account.session.send(message, prepared);
  expect(await bob.next(saying("hello from XMPP"))).toMatchObject({ event_id: sent.id, encrypted: true });
  expect((await account.session.send({ ...message, uncertain: true }, prepared)).id).toBe(sent.id);

  const ref = { id: sent.id, fromSelf: true, sentAt: Date.now() };
  await account.session.edit(ref, outgoing(peer, "hello again"));
  await bob.next((event) => event.content["body"] === "* hello again" && event.encrypted);
  const target = { id: first, fromSelf: false, sentAt: Date.now() };
  await account.session.send(outgoing(peer, "an answer", { replyTo: target }));
  expect((await bob.next(saying("an answer"))).content).toMatchObject({
    "m.relates_to": { "m.in_reply_to": { event_id: first } },
  });
  await account.session.react(target, peer, "👍", outgoing(peer, "").key);
  await bob.next((event) => event.type === "m.reaction" && fromAlice(event));
  await bob.edit(roomId, first, "hello, edited");
  expect(await account.until(isEdit("hello, edited"), "the edit")).toMatchObject({ target: first });
  await bob.reply(roomId, sent.id, "a reply");
  expect(await account.message("a reply")).toMatchObject({ replyTo: [sent.id] });
  expect(await onServer(roomId)).not.toMatch(/hello|answer|a reply/);
  expect(textsOf(account.host).filter((text) => text.includes("encrypted"))).toEqual([]);
}, 30_000);

test("an encrypted room goes both ways, also for those who come later", async () => {
  const account = await online();
  await synapse.addUser(`carol${users}`, "secret");
  const carol = await person(`carol${users}`);
  onTestFinished(() => carol.stop());
  const roomId = await bob.createRoom({ name: "Tea", encrypted: true, invite: [alice.userId] });
  await account.until((event) => event.type === "room" && event.self === "invited", "the invitation");
  await keysOf(synapse, alice);
  await account.session.join(roomId);
  await bob.until(() => bob.members(roomId).length === 2);
  await bob.say(roomId, "welcome");
  await account.message("welcome");
  await account.session.send(outgoing(room(roomId), "for two"));
  await bob.next(saying("for two"));
  await bob.invite(roomId, carol.userId);
  await carol.join(roomId);
  await account.until((event) => event.type === "membership" && event.who === carol.userId, "Carol");
  await account.session.send(outgoing(room(roomId), "for three"));
  await carol.next(saying("for three"));
  await bob.next(saying("for three"));
  await bob.kick(roomId, carol.userId);
  await account.until((event) => event.type === "membership" && event.state === "kicked", "the kick");
  await account.session.send(outgoing(room(roomId), "for two again"));
  await bob.next(saying("for two again"));
  expect(await onServer(roomId)).not.toContain("for t");
}, 30_000);

test("files go both ways, and lie on the server as noise", async () => {
  const account = await online();
  const roomId = await chatting(account);
  const peer = contact(bob.userId);
  await bob.sendFile(roomId, { bytes: Buffer.from("0123456789"), name: "ten.txt", mimetype: "text/plain" });
  const file = await account.until((event) => event.type === "message" && event.attachments !== undefined, "the file");
  const attachment = file.type === "message" ? file.attachments?.[0] : undefined;
  expect(attachment).toMatchObject({ name: "ten.txt", type: "text/plain", size: 10 });
  const open = await account.session.openFile(attachment?.source ?? null, undefined, AbortSignal.timeout(5000));
  expect(await new Response(open.body).text()).toBe("0123456789");

  const web = await startHomeserverProxy("http://127.0.0.1:1");
  onTestFinished(() => web.stop());
  web.script = () => ({ status: 200, body: "a secret letter", headers: { "content-type": "text/plain" } });
  const message = outgoing(peer, "look", { file: { url: `${web.baseUrl}/up/letter.txt` } });
  const prepared = await account.session.prepare?.(message);
  web.script = () => ({ status: 404, body: "" }); // once is enough
  await account.session.send(message, prepared);
  const { content, encrypted } = await bob.next((event) => event.content["msgtype"] === "m.file" && fromAlice(event));
  expect(encrypted).toBe(true);
  expect(content).toMatchObject({ body: "look", filename: "letter.txt", info: { mimetype: "text/plain", size: 15 } });
  expect((await bob.download(content)).toString()).toBe("a secret letter");
  const sealed = content["file"] as { url: string };
  expect((await bob.download({ url: sealed.url })).toString()).not.toContain("secret");
}, 30_000);

test("goes on after a restart", async () => {
  const first = await online();
  const roomId = await chatting(first);
  await bob.say(roomId, "before");
  await first.message("before");
  await first.end();
  await bob.say(roomId, "in between");
  const second = await again(first);
  await second.message("in between");
  await second.session.send(outgoing(contact(bob.userId), "after"));
  expect((await bob.next(saying("after"))).encrypted).toBe(true);
  await bob.say(roomId, "at last");
  await second.message("at last");
  expect(textsOf(second.host)).toEqual(["in between", "at last"]);
}, 30_000);

test("an account without encrypted chats pays nothing for encryption", async () => {
  const account = await online();
  const { host, session } = account;
  await session.send(outgoing(contact(bob.userId), "in the clear"));
  await bob.join(await bob.nextInvite());
  expect((await bob.next(saying("in the clear"))).encrypted).toBe(false);
  expect(await talk(account, "encryption", [])).toBe(
    `Encryption of ${alice.userId}:\nNone of your chats is encrypted.`,
  );
  expect(await hasCrypto(host.records)).toBe(false);
});

test("when a chat becomes encrypted, the next message goes out encrypted", async () => {
  const account = await online();
  const roomId = await bob.createDm(alice.userId);
  await account.until((event) => event.type === "message", "the invitation");
  const peer = contact(bob.userId);
  const early = outgoing(peer, "frozen before");
  await account.session.send(outgoing(peer, "in the clear"));
  expect((await bob.next(saying("in the clear"))).encrypted).toBe(false);
  const prepared = await account.session.prepare?.(early);
  const content = { algorithm: "m.megolm.v1.aes-sha2" };
  await bob.client.sendStateEvent(roomId, "m.room.encryption" as never, content as never, "");
  await account.until(
    (event) => event.type === "message" && event.text.includes("encrypted from now on"),
    "the notice",
  );
  await account.session.send(early, prepared);
  expect((await bob.next(saying("frozen before"))).encrypted).toBe(true);
  await account.session.send(outgoing(peer, "a secret"));
  expect((await bob.next(saying("a secret"))).encrypted).toBe(true);
  await bob.until(() => bob.client.getRoom(roomId)?.hasEncryptionStateEvent());
  await bob.say(roomId, "another");
  await account.message("another");
  expect(await onServer(roomId)).not.toMatch(/secret|frozen|another/);
}, 30_000);

test("what cannot be read is a placeholder, which the recovery key turns into the message, once, also over a restart", async () => {
  const elsewhere = await aliceElsewhere();
  const recoveryKey = await elsewhere.setUpRecovery();
  const first = await online();
  await first.end();
  // While the gateway is away, its device has no keys that anybody could send something to.
  const roomId = await elsewhere.createRoom({ name: "Diary", encrypted: true, invite: [bob.userId] });
  await bob.join(roomId);
  await elsewhere.until(() => elsewhere.members(roomId).length === 2);
  const lost = await bob.say(roomId, "long ago");
  await elsewhere.next(saying("long ago"));
  await expect.poll(() => elsewhere.backedUpKeys(), { timeout: 20_000 }).toBeGreaterThan(0);
  const second = await again(first);
  const placeholder = await second.until((event) => event.type === "message" && event.id === lost, "the placeholder");
  expect(placeholder).toMatchObject({ peer: room(roomId), from: bob.userId, unstyled: true });
  expect(placeholder.type === "message" && placeholder.text).toContain("recover");

  const third = await again(second);
  expect(await talk(third, "recover", [recoveryKey])).toMatch(
    /^This gateway is verified now\. Your key backup is open/,
  );
  const correction = await third.until(isEdit("long ago"), "the correction");
  expect(correction).toMatchObject({ id: lost, target: lost, from: bob.userId, peer: room(roomId) });
  await waitFor(
    () => [...third.host.records.map.keys()].every((key) => !key.startsWith("unreadable/")),
    "the record to go",
    () => [...third.host.records.map.keys()].join(),
  );
  const fourth = await again(third);
  await bob.say(roomId, "and now");
  await fourth.message("and now");
  expect(fourth.host.committed.filter(({ type }) => type === "edit")).toEqual([]);
  expect(await talk(fourth, "encryption", [])).toContain(
    "This gateway is verified by your account.\nKey backup is on.",
  );
}, 60_000);

/** A dialogue: the answers fill the first field of each question. Resolves with the last word. */
async function talk({ session }: Live, word: string, answers: readonly string[]): Promise<string> {
  const command = session.commands?.find((one) => one.word === word);
  if (command === undefined) throw new Error(`no command ${word}`);
  const dialogue = command.run("");
  let step = await dialogue.next();
  for (const answer of answers) {
    if (step.done) break;
    step = await dialogue.next({ [step.value.fields[0]?.name ?? ""]: answer });
  }
  if (!step.done) throw new Error(`it asks: ${JSON.stringify(step.value)}`);
  return step.value;
}

/** Alice's other client goes on with a verification: accepts what we asked, compares, and says `same`. */
async function compareElsewhere(request: VerificationRequest, same: boolean): Promise<string> {
  if (!request.initiatedByMe) await request.accept();
  await expect.poll(() => request.verifier !== undefined, { timeout: 10_000 }).toBe(true);
  const verifier = request.verifier;
  if (verifier === undefined) throw new Error("no verifier");
  const shown = Promise.withResolvers<string>();
  verifier.on(VerifierEvent.ShowSas, ({ sas, confirm, mismatch }) => {
    shown.resolve((sas.emoji ?? []).map(([symbol, name]) => `${symbol} ${name}`).join(", "));
    if (same) void confirm();
    else mismatch();
  });
  const done = verifier.verify();
  done.catch(() => {});
  return shown.promise;
}

/** An encrypted chat has started the keys of both of Alice's devices. */
async function twoDevices(): Promise<{ elsewhere: MatrixPerson; account: Live }> {
  const elsewhere = await aliceElsewhere();
  await elsewhere.setUpRecovery();
  const account = await online();
  await elsewhere.createRoom({ name: "Diary", encrypted: true });
  // Each has to know of the other before they can talk about it.
  const known = async (): Promise<boolean | undefined> => {
    const devices = await elsewhere.client.getCrypto()?.getUserDeviceInfo([alice.userId]);
    return devices?.get(alice.userId)?.has(alice.deviceId);
  };
  await expect.poll(known, { timeout: 10_000 }).toBe(true);
  await expect.poll(() => talk(account, "encryption", []), { timeout: 10_000 }).toContain('write "verify"');
  return { elsewhere, account };
}

test("the user's other device vouches for the gateway when both show the same emoji", async () => {
  const { elsewhere, account } = await twoDevices();
  expect(await talk(account, "encryption", [])).toBe(
    [
      `Encryption of ${alice.userId}:`,
      "Messages of encrypted chats are encrypted and decrypted on this gateway: whoever runs it could read them.",
      'This gateway is not verified: write "verify" or "recover", otherwise others may hide its messages or send it no keys.',
      "Key backup is off here: messages from before the gateway came stay unreadable.",
      "Encrypted chats: Diary.",
    ].join("\n"),
  );
  const asked = Promise.withResolvers<VerificationRequest>();
  elsewhere.client.once(CryptoEvent.VerificationRequestReceived, asked.resolve);
  const verify = account.session.commands?.find(({ word }) => word === "verify")?.run("");
  expect((await verify?.next())?.value).toMatchObject({ title: "Accept on your other device" });
  const [emoji, step] = await Promise.all([
    asked.promise.then((request) => compareElsewhere(request, true)),
    verify?.next({ go: "ok" }),
  ]);
  expect(step?.value).toMatchObject({ title: "Do both show the same emoji?", instructions: emoji });
  expect(await verify?.next({ same: "yes" })).toEqual({
    done: true,
    value: "Verified: your other devices trust this gateway now.",
  });
  await expect.poll(() => talk(account, "encryption", []), { timeout: 10_000 }).toContain("Key backup is on.");
}, 30_000);

test("a request of the user's other device is told once, and verify takes it up", async () => {
  const { elsewhere, account } = await twoDevices();
  const crypto = elsewhere.client.getCrypto();
  const request = await crypto?.requestOwnUserVerification();
  if (request === undefined) throw new Error("no request");
  await expect
    .poll(() => account.host.notices, { timeout: 10_000 })
    .toEqual([
      `Another device of ${alice.userId} (${elsewhere.deviceId}) asks to compare emoji with this gateway. If that is you, write "verify".`,
    ]);
  const verify = account.session.commands?.find(({ word }) => word === "verify")?.run("");
  const [emoji, step] = await Promise.all([compareElsewhere(request, false), verify?.next()]);
  expect(step?.value).toMatchObject({ instructions: emoji });
  expect(await verify?.next({ same: "no" })).toMatchObject({
    done: true,
    value: expect.stringContaining("Not verified."),
  });
  expect(await talk(account, "encryption", [])).toContain("This gateway is not verified");
}, 30_000);

test("a recovery key may be mistyped, and a wrong one opens nothing", async () => {
  const { account } = await twoDevices();
  const others = "EsTc LW2K PGiF wKEA 3As5 g5c4 BXwk qeeJ ZJV8 Q9fu gUMN UE4d"; // the specification's example
  const recover = account.session.commands?.find(({ word }) => word === "recover")?.run("");
  expect((await recover?.next())?.value).toMatchObject({ fields: [{ name: "key", kind: "secret" }] });
  expect((await recover?.next({ key: "my cat" }))?.value).toMatchObject({
    error: "That is not a recovery key: it has twelve groups of four letters and digits.",
  });
  expect((await recover?.next({ key: others }))?.value).toMatchObject({
    error: "That is not the recovery key of this account.",
  });
  expect(await errorOf(recover?.next({ key: others }) ?? Promise.resolve())).toMatchObject({
    kind: "reject",
    condition: "not-authorized",
  });
  for (const bytes of account.host.records.map.values())
    expect(Buffer.from(bytes).toString("latin1")).not.toContain(others.slice(0, 9));
}, 30_000);

test("an account signed in with a token has no keys: it says why, and sends nothing in the clear", async () => {
  const token = { ...alice, kind: "token" as const };
  const account = await online(token);
  const roomId = await bob.createDm(alice.userId, { encrypted: true });
  await account.until((event) => event.type === "message", "the invitation");
  const refused = await errorOf(account.session.send(outgoing(contact(bob.userId), "a token secret")));
  expect(refused).toMatchObject({ kind: "reject", condition: "not-acceptable" });
  expect(refused.message).toContain("access token");
  await bob.say(roomId, "cannot be read");
  const placeholder = await account.until(
    (event) => event.type === "message" && event.from === bob.userId && event.text.includes("access token"),
    "the placeholder",
  );
  expect(placeholder).toMatchObject({ peer: contact(bob.userId) });
  expect(account.session.commands?.map(({ word }) => word)).toEqual(["encryption", "switch", "knocks"]);
  expect(await talk(account, "encryption", [])).toContain("access token");
  expect(await hasCrypto(account.host.records)).toBe(false);
  expect(bob.all.filter(saying("a token secret"))).toEqual([]);
});

test("while the encryption does not start, plain chats go on and nothing goes into encrypted ones", async () => {
  class Broken extends MemoryRecords {
    broken = true;
    override async load(prefix: string) {
      if (this.broken && prefix.startsWith("crypto/") && prefix !== "crypto/schema")
        throw new Error("the disk is broken");
      return super.load(prefix);
    }
  }
  const records = new Broken();
  const account = await online(alice, Object.assign(new MemoryHost(), { records }));
  await bob.createDm(alice.userId, { encrypted: true });
  await account.until((event) => event.type === "message", "the invitation");
  const message = outgoing(contact(bob.userId), "a patient secret");
  expect(await errorOf(account.session.send(message))).toMatchObject({ kind: "retry" });
  const plain = await bob.createRoom({ invite: [alice.userId] });
  await account.until((event) => event.type === "room", "the room");
  await account.session.join(plain);
  await account.session.send(outgoing(room(plain), "in the clear"));
  await bob.next(saying("in the clear"));
  expect(bob.all.filter(saying("a patient secret"))).toEqual([]);
  records.broken = false;
  await account.session.send(message);
  expect((await bob.next(saying("a patient secret"))).encrypted).toBe(true);
}, 30_000);
