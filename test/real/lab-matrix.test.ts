// Synapse and the other person on Matrix do what the tests of the Matrix bridge rely on.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { EventType } from "matrix-js-sdk";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { MatrixPerson, type MatrixPersonOptions, saying } from "../kit/matrix-person.ts";
import { ensureInstalled } from "../lab/install.ts";
import { startSynapse, type Synapse } from "../lab/synapse.ts";

let synapse: Synapse;
const people: MatrixPerson[] = [];

beforeAll(async () => {
  await ensureInstalled(["synapse"]);
  synapse = await startSynapse();
}, 300_000);
afterAll(() => synapse.stop());
afterEach(() => {
  for (const person of people.splice(0)) person.stop();
});

type ConnectOptions = Partial<Pick<MatrixPersonOptions, "baseUrl" | "crypto">>;

async function connect(user: string, options: ConnectOptions = {}): Promise<MatrixPerson> {
  const person = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user, password: "pw", ...options });
  people.push(person);
  return person;
}

/** With a new account, so that no test sees the rooms of another. */
async function newcomer(name: string, options: ConnectOptions = {}): Promise<MatrixPerson> {
  const user = `${name}${++newcomers}`;
  await synapse.addUser(user, "pw");
  return connect(user, options);
}
let newcomers = 0;

const annAndBen = (options?: ConnectOptions): Promise<[ann: MatrixPerson, ben: MatrixPerson]> =>
  Promise.all([newcomer("ann", options), newcomer("ben", options)]);

/** Both are in it, and the one who made it knows that. */
async function directChat(one: MatrixPerson, other: MatrixPerson, encrypted = false): Promise<string> {
  const room = await one.createDm(other.userId, { encrypted });
  await other.join(await other.nextInvite());
  await one.until(() => one.members(room).includes(other.userId));
  return room;
}

describe("two people", () => {
  test("talk in a direct chat, which the one who made it has on the list", async () => {
    const [ann, ben] = await annAndBen();
    const room = await directChat(ann, ben);
    const event_id = await ann.say(room, "grüße 👋 <&>");
    const heard = await ben.next(saying("grüße 👋 <&>"));
    expect(heard).toMatchObject({ type: "m.room.message", room_id: room, event_id, sender: ann.userId });
    expect(heard).toMatchObject({ content: { msgtype: "m.text", "m.mentions": {} }, encrypted: false });
    await ben.say(room, "ça va");
    await ann.next(saying("ça va"));
    expect(ann.client.getAccountData(EventType.Direct)?.getContent()).toEqual({ [ben.userId]: [room] });
  });

  test("format, edit, reply, react and redact", async () => {
    const [ann, ben] = await annAndBen();
    const room = await directChat(ann, ben);
    const said = await ann.sayFormatted(room, "big", "<b>big</b>");
    expect((await ben.next(saying("big"))).content).toMatchObject({ formatted_body: "<b>big</b>" });
    await ann.edit(room, said, "bigger");
    expect((await ben.next(saying("* bigger"))).content).toMatchObject({
      "m.new_content": { body: "bigger" },
      "m.relates_to": { rel_type: "m.replace", event_id: said },
    });
    await ben.reply(room, said, "how big?");
    const reply = await ann.next(saying("how big?"));
    expect(reply.content["m.relates_to"]).toEqual({ "m.in_reply_to": { event_id: said } });
    const reaction = await ben.react(room, said, "👍");
    const reacted = await ann.next(({ type }) => type === "m.reaction");
    expect(reacted.content["m.relates_to"]).toEqual({ rel_type: "m.annotation", event_id: said, key: "👍" });
    await ben.redact(room, reaction, "a slip");
    const redacted = await ann.next(({ type }) => type === "m.room.redaction");
    expect(redacted.content).toMatchObject({ redacts: reaction, reason: "a slip" });
  });

  test("see each other type and read", async () => {
    const [ann, ben] = await annAndBen();
    const room = await directChat(ann, ben);
    await ann.setTyping(room, true);
    expect((await ben.next(({ type }) => type === "m.typing")).content).toEqual({ user_ids: [ann.userId] });
    await ann.setTyping(room, false);
    expect((await ben.next(({ type }) => type === "m.typing")).content).toEqual({ user_ids: [] });
    const said = await ann.say(room, "read me");
    await ben.next(saying("read me"));
    await ben.markRead(room, said);
    const receipt = await ann.next(({ type, content }) => type === "m.receipt" && said in content);
    expect(receipt.content[said]).toMatchObject({ "m.read": { [ben.userId]: {} } });
  });

  test("have names and pictures, and send files", async () => {
    const [ann, ben] = await annAndBen();
    const room = await directChat(ann, ben);
    await ann.setName("Ann of the Lab");
    await ann.setAvatar(picture, "image/png");
    await ben.until(() => ben.client.getRoom(room)?.getMember(ann.userId)?.getMxcAvatarUrl());
    expect(ben.client.getRoom(room)?.getMember(ann.userId)?.name).toBe("Ann of the Lab");
    const file = { bytes: picture, name: "dot.png", mimetype: "image/png" };
    await ann.sendFile(room, { ...file, caption: "a dot", info: { w: 1, h: 1 } });
    const { content } = await ben.next(saying("a dot"));
    const info = { mimetype: "image/png", size: 70, w: 1, h: 1 };
    expect(content).toMatchObject({ msgtype: "m.image", filename: "dot.png", info });
    expect(await ben.download(content)).toEqual(picture);
  });

  test("meet in a public room by its alias; one is kicked, comes back by invitation and leaves", async () => {
    const [ann, ben] = await annAndBen();
    const room = await ann.createRoom({ name: "Tea", topic: "hot", alias: "tea", public: true });
    expect((await ben.client.publicRooms()).chunk).toMatchObject([{ room_id: room, name: "Tea", topic: "hot" }]);
    expect(await ben.join("#tea:matrix.test")).toBe(room);
    await ben.say(room, "hello all");
    await ann.next(saying("hello all"));
    expect(ann.members(room)).toEqual([ann.userId, ben.userId]);
    await ann.kick(room, ben.userId, "too loud");
    const kicked = await ben.next(({ content }) => content["membership"] === "leave");
    expect(kicked).toMatchObject({ sender: ann.userId, state_key: ben.userId, content: { reason: "too loud" } });
    await ann.invite(room, ben.userId);
    expect(await ben.nextInvite()).toBe(room);
    await ben.join(room);
    await ann.until(() => ann.members(room).length === 2);
    await ben.leave(room);
    await ann.until(() => ann.members(room).length === 1);
    const ids = ben.all.flatMap(({ event_id }) => event_id ?? []);
    expect(ids).toEqual([...new Set(ids)]);
  });

  test("are told what did come when something does not", async () => {
    const ann = await newcomer("ann");
    const waiting = ann.next(saying("never"), { timeoutMs: 50, what: "the answer" });
    await expect(waiting).rejects.toThrow(/^@ann\d+:matrix\.test: nothing matched .* waiting for the answer/);
    await expect(ann.say("!nowhere:matrix.test", "x")).rejects.toThrow("does not know the room !nowhere:matrix.test");
  });
});

describe("encryption", () => {
  test("carries texts and files both ways", async () => {
    const [ann, ben] = await annAndBen({ crypto: true });
    const room = await ann.createRoom({ encrypted: true, invite: [ben.userId] });
    await ben.join(await ben.nextInvite());
    await ann.until(() => ann.members(room).includes(ben.userId));
    await ann.say(room, "between us");
    expect(await ben.next(saying("between us"))).toMatchObject({ type: "m.room.message", encrypted: true });
    await ben.say(room, "nobody else");
    expect(await ann.next(saying("nobody else"))).toMatchObject({ type: "m.room.message", encrypted: true });
    await ben.sendFile(room, { bytes: picture, name: "dot.png", mimetype: "image/png" });
    const { content } = await ann.next(saying("dot.png"));
    expect(content["url"]).toBeUndefined();
    expect(await ann.download(content)).toEqual(picture);
  });

  test("shuts out a client without it, which can say nothing in the clear either", async () => {
    const [ann, ben] = await Promise.all([newcomer("ann", { crypto: true }), newcomer("ben")]);
    const room = await directChat(ann, ben, true);
    await ann.say(room, "secret");
    const closed = await ben.next(({ encrypted }) => encrypted);
    expect(closed.type).toBe("m.room.encrypted");
    expect(closed.content["ciphertext"]).toBeTypeOf("string");
    await expect(ben.say(room, "in the clear")).rejects.toThrow("your client does not support encryption");
  });

  test("lets a new device with the recovery key read what was said before it", async () => {
    const [ann, ben] = await annAndBen({ crypto: true });
    const recoveryKey = await ann.setUpRecovery();
    const room = await directChat(ann, ben, true);
    await ben.say(room, "remember this");
    await ann.next(saying("remember this"));
    await expect.poll(() => ann.backedUpKeys(), { timeout: 25_000 }).toBe(1);
    const phone = await connect(localPart(ann), { crypto: { recoveryKey } });
    await phone.next(saying("remember this"));
    const status = await phone.client.getCrypto()?.getDeviceVerificationStatus(phone.userId, phone.deviceId);
    expect(status?.crossSigningVerified).toBe(true);
  });
});

describe("Synapse", () => {
  test("keeps everything over a stop of two seconds, and clients come back by themselves", async () => {
    const [ann, ben] = await annAndBen();
    const room = await directChat(ann, ben);
    await ann.say(room, "before");
    const before = synapse.pid;
    await synapse.stop({ keep: true });
    expect(synapse.pid).toBe(0);
    await sleep(2000);
    await synapse.start();
    expect(synapse.pid).not.toBe(before);
    await ann.say(room, "after");
    await ben.next(saying("after"), { timeoutMs: 30_000 });
    const again = await connect(localPart(ben));
    await again.next(saying("after"));
    expect(again.all.flatMap(({ content }) => content["body"] ?? [])).toEqual(["before", "after"]);
  });

  test("is the same after a crash", async () => {
    const ann = await newcomer("ann");
    await synapse.kill();
    await synapse.start();
    expect((await connect(localPart(ann))).userId).toBe(ann.userId);
  });

  test("answers nothing while paused, and everything afterwards", async () => {
    const ann = await newcomer("ann");
    synapse.pause();
    const answer = ann.client.whoami();
    const state = await Promise.race([answer.then(() => "answered"), sleep(300, "silence")]);
    synapse.resume();
    expect(state).toBe("silence");
    expect(await answer).toMatchObject({ user_id: ann.userId });
  });

  test("refuses a wrong password", async () => {
    const { baseUrl } = synapse;
    const wrong = MatrixPerson.connect({ baseUrl, user: "nobody", password: "nonsense" });
    await expect(wrong).rejects.toMatchObject({ errcode: "M_FORBIDDEN", httpStatus: 403 });
  });

  test("stands beside another one, with a name and settings of its own", async () => {
    const settings = { default_room_version: "12" };
    const other = await startSynapse({ serverName: "other.test", users: { ann: "pw" }, settings });
    try {
      const [here, there] = await Promise.all([newcomer("ann"), connect("ann", { baseUrl: other.baseUrl })]);
      expect(there.userId).toBe("@ann:other.test");
      const room = await there.createRoom();
      expect(there.client.getRoom(room)?.getVersion()).toBe("12");
      await expect(here.join(room)).rejects.toMatchObject({ httpStatus: 404 });
    } finally {
      await other.stop();
    }
  });

  test("limits rates on request, also after a restart", async () => {
    const strict = await startSynapse({ users: { ann: "pw" }, rateLimits: true });
    try {
      await strict.restart();
      const often = async (): Promise<void> => {
        for (let count = 0; count < 20; count++) await connect("ann", { baseUrl: strict.baseUrl });
      };
      await expect(often()).rejects.toMatchObject({ errcode: "M_LIMIT_EXCEEDED", httpStatus: 429 });
    } finally {
      await strict.stop();
    }
  });

  test("pushes to an application service what happens to its users", async () => {
    const asked: { readonly path: string; readonly authorization: string | undefined }[] = [];
    const receiver = createServer((request, response) => {
      asked.push({ path: request.url ?? "", authorization: request.headers.authorization });
      response.end("{}");
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    const { port } = receiver.address() as AddressInfo;
    const appservice = {
      id: "bridge",
      url: `http://127.0.0.1:${port}`,
      as_token: "as",
      hs_token: "hs",
      sender_localpart: "bridge",
      namespaces: { users: [{ exclusive: true, regex: "@bridge_.*" }] },
    };
    const served = await startSynapse({ users: { ann: "pw" }, appservice });
    try {
      const ann = await connect("ann", { baseUrl: served.baseUrl });
      await ann.createDm("@bridge_bob:matrix.test");
      const transaction = { path: "/_matrix/app/v1/transactions/1", authorization: "Bearer hs" };
      await expect.poll(() => asked, { timeout: 5000 }).toContainEqual(transaction);
    } finally {
      await served.stop();
      receiver.close();
    }
  });
});

const localPart = ({ userId }: MatrixPerson): string => userId.slice(1, userId.indexOf(":"));

const picture = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
