import { afterAll, beforeAll, expect, it } from "vitest";
import { hasCrypto } from "../../../../bridges/matrix/crypto/database-records.ts";
import { objectAt } from "../../../../bridges/matrix/json.ts";
import { BridgeError } from "../../../../src/bridge/index.ts";
import { MemoryRecords } from "../../../../src/bridge/harness.ts";
import { MatrixPerson, saying } from "../../../kit/matrix-person.ts";
import { startSynapse, type Synapse } from "../../../lab/synapse.ts";
import { createRoom, type Device, encryption, logIn, openDevice, send, textOf } from "./device.ts";

let synapse: Synapse;
let users = 0;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  synapse = await startSynapse();
}, 60_000);
afterAll(async () => {
  await Promise.all(open.map((one) => one.close()));
  await synapse.stop();
}, 60_000);

async function newUser(): Promise<string> {
  const user = `u${users++}`;
  await synapse.addUser(user, "pw");
  return user;
}

async function newDevice(records = new MemoryRecords()): Promise<Device> {
  const device = await openDevice(await logIn(synapse.baseUrl, await newUser(), "pw"), records);
  open.push(device);
  await device.sync();
  await device.until("keys are uploaded", () => device.requests.some(({ line }) => line === "POST v3/keys/upload"));
  return device;
}

/** The ids of the one-time keys in the body of a request. */
const keysIn = (body: unknown): string[] => Object.keys(objectAt(body, "one_time_keys"));

async function newPerson(): Promise<MatrixPerson> {
  const person = await MatrixPerson.connect({
    baseUrl: synapse.baseUrl,
    user: await newUser(),
    password: "pw",
    crypto: true,
  });
  open.push({ close: async () => person.stop() });
  return person;
}

it("talks both ways with a person on another client in an encrypted room", async () => {
  const [device, person] = [await newDevice(), await newPerson()];
  const roomId = await person.createDm(device.login.userId, { encrypted: true });
  await device.join(roomId);
  await person.until(() => person.members(roomId).length === 2);
  await person.say(roomId, "hello from Element");
  await device.until("the message", async () => (await device.texts()).includes("hello from Element"));

  await device.say(roomId, "hello from XMPP", [device.login.userId, person.userId]);
  const seen = await person.next(saying("hello from XMPP"));
  expect(seen.encrypted).toBe(true);
  expect(seen.sender).toBe(device.login.userId);
});

it("goes on after a restart as the same device, without uploading keys again", async () => {
  const records = new MemoryRecords();
  const [device, person] = [await newDevice(records), await newPerson()];
  const members = [device.login.userId, person.userId];
  const roomId = await person.createDm(device.login.userId, { encrypted: true });
  await device.join(roomId);
  await person.until(() => person.members(roomId).length === 2);
  await person.say(roomId, "before");
  await device.until("the message", async () => (await device.texts()).includes("before"));
  await device.say(roomId, "mine before", members);
  await device.close();

  const again = await openDevice(device.login, records, device.cursor);
  open.push(again);
  const old = device.events[0];
  expect(old && textOf(await again.crypto.decrypt(old.roomId, old.event))).toBe("before");
  await again.say(roomId, "mine after", members);
  await person.next(saying("mine after"));
  await person.say(roomId, "after");
  await again.until("the message", async () => (await again.texts()).includes("after"));
  expect(await again.texts()).not.toContain("?");
  const uploaded = [device, again].flatMap(({ requests }) => requests.flatMap(({ body }) => keysIn(body)));
  expect(uploaded).toHaveLength(51); // 50, and one for that with which the person reached this device
  expect(new Set(uploaded).size).toBe(51);
});

it("gives out no ciphertext while the store refuses, and goes on when it works again", async () => {
  const records = new MemoryRecords();
  const [device, person] = [await newDevice(records), await newPerson()];
  const members = [device.login.userId, person.userId];
  const roomId = await person.createDm(device.login.userId, { encrypted: true });
  await device.join(roomId);
  await person.until(() => person.members(roomId).length === 2);
  await device.say(roomId, "one", members);

  records.save = () => Promise.reject(new Error("the disk is full"));
  await expect(device.say(roomId, "lost", members)).rejects.toMatchObject({ name: "BridgeError", kind: "retry" });
  Reflect.deleteProperty(records, "save");
  await device.say(roomId, "two", members);
  await person.next(saying("two"));
  expect(person.all.filter(saying("lost"))).toEqual([]);
});

it("takes no sync while the store refuses, and takes it when it comes again", async () => {
  const records = new MemoryRecords();
  const [ann, bob] = [await newDevice(), await newDevice(records)];
  const roomId = await createRoom(ann.call, [bob.login.userId]);
  await bob.join(roomId);
  await ann.say(roomId, "with its key in the same sync", [ann.login.userId, bob.login.userId]);

  records.save = () => Promise.reject(new Error("the disk is full"));
  await expect(bob.sync()).rejects.toMatchObject({ name: "BridgeError", kind: "retry" });
  Reflect.deleteProperty(records, "save");
  await bob.until("the message", async () => (await bob.texts()).includes("with its key in the same sync"));
});

it("changes the session as often as the room asks, and takes no nonsense from it", async () => {
  const [ann, bob] = [await newDevice(), await newDevice()];
  const members = [ann.login.userId, bob.login.userId];
  const sessions = async (more: Record<string, unknown>): Promise<number> => {
    const roomId = await createRoom(ann.call, [bob.login.userId]);
    const seen = new Set<unknown>();
    for (let count = 0; count < 3; count++) {
      const content = { msgtype: "m.text", body: "x" };
      const message = { roomId, type: "m.room.message", content, members, encryption: { ...encryption, ...more } };
      seen.add((await ann.crypto.encrypt(message))["session_id"]);
    }
    return seen.size;
  };
  for (const nonsense of [0, -1, 1.5, 1e300, "2", null, {}]) {
    expect(await sessions({ rotation_period_msgs: nonsense, rotation_period_ms: nonsense })).toBe(1);
  }
  expect(await sessions({ rotation_period_msgs: 1 })).toBe(3);
  expect(await sessions({ rotation_period_msgs: 2 })).toBe(2);
});

it("begins anew after a login as another device", async () => {
  const records = new MemoryRecords();
  const device = await newDevice(records);
  expect(await hasCrypto(records)).toBe(true);
  await device.close();
  const user = device.login.userId.slice(1).split(":")[0] ?? "";
  const other = await openDevice(await logIn(synapse.baseUrl, user, "pw"), records);
  open.push(other);
  await other.sync();
  await other.until("its keys", () => other.requests.some(({ body }) => keysIn(body).length === 50));
});

it("refuses to open one device twice", async () => {
  const device = await newDevice();
  await expect(openDevice(device.login, new MemoryRecords())).rejects.toThrow();
});

it("asks again for everybody's devices when it has lost its place in the sync", async () => {
  const [ann, bob] = [await newDevice(), await newDevice()];
  const roomId = await createRoom(ann.call, [bob.login.userId]);
  await ann.say(roomId, "x", [ann.login.userId, bob.login.userId]);
  const queries = () =>
    ann.requests.filter(
      ({ line, body }) => line === "POST v3/keys/query" && bob.login.userId in objectAt(body, "device_keys"),
    );
  const before = queries().length;
  await ann.crypto.receiveSync({ toDevice: [], initial: true });
  await ann.until("a query", () => queries().length > before);
});

it("says retry while the server is away, and sends when it is back", async () => {
  const [ann, bob] = [await newDevice(), await newDevice()];
  const members = [ann.login.userId, bob.login.userId];
  const roomId = await createRoom(ann.call, [bob.login.userId]);
  await bob.join(roomId);
  const { fetch } = globalThis;
  globalThis.fetch = () => Promise.reject(new TypeError("fetch failed"));
  try {
    await expect(ann.say(roomId, "into the void", members)).rejects.toMatchObject({ kind: "retry" });
  } finally {
    globalThis.fetch = fetch;
  }
  await ann.say(roomId, "at last", members);
  await bob.until("the message", async () => (await bob.texts()).includes("at last"));
});

it("lets a request rest that the server refused, and goes on with the others", async () => {
  const device = await openDevice(await logIn(synapse.baseUrl, await newUser(), "pw"), new MemoryRecords());
  open.push(device);
  device.trouble = (line) =>
    line === "POST v3/keys/upload" ? new BridgeError("reject", "One time key already exists") : undefined;
  for (let count = 0; count < 4; count++) await device.sync();
  const lines = device.requests.map(({ line }) => line);
  expect(lines.filter((line) => line === "POST v3/keys/upload")).toHaveLength(1);
  expect(lines).toContain("POST v3/keys/query");
});

it("sends by itself what failed for a moment", async () => {
  const device = await openDevice(await logIn(synapse.baseUrl, await newUser(), "pw"), new MemoryRecords());
  open.push(device);
  device.trouble = () => new BridgeError("retry", "unreachable");
  await device.sync();
  await expect.poll(() => device.requests.length).toBeGreaterThan(0);
  device.trouble = () => undefined;
  const before = device.requests.length;
  await expect.poll(() => device.requests.length, { timeout: 5_000 }).toBeGreaterThan(before);
});

it("is understood by another client when the room changes sessions often", async () => {
  const [device, person] = [await newDevice(), await newPerson()];
  const roomId = await person.createDm(device.login.userId, { encrypted: true });
  await device.join(roomId);
  await person.until(() => person.members(roomId).length === 2);
  const often = { ...encryption, rotation_period_msgs: 2 };
  const members = [device.login.userId, person.userId];
  for (let count = 1; count <= 5; count++) {
    const content = { msgtype: "m.text", body: `number ${count}` };
    const message = { roomId, type: "m.room.message", content, members, encryption: often };
    await send(device.call, roomId, await device.crypto.encrypt(message));
  }
  for (let count = 1; count <= 5; count++) await person.next(saying(`number ${count}`));
});

it("says what is missing, and when it has come", async () => {
  const [ann, bob] = [await newDevice(), await newDevice()];
  const members = [ann.login.userId, bob.login.userId];
  const roomId = await createRoom(ann.call, [bob.login.userId]);
  await bob.join(roomId);
  // Ann does not know yet that Bob is there: the key goes to herself alone.
  await ann.say(roomId, "not for Bob", [ann.login.userId]);
  const lost = await bob.until("the message", () => bob.events.at(0));
  const read = await bob.crypto.decrypt(lost.roomId, lost.event);
  expect(read).toMatchObject({ kind: "missing", reason: "The key of this encrypted message is not here (yet)." });
  expect(bob.keys).toEqual([]);
  await ann.say(roomId, "for Bob", members);
  await bob.until("the second message", async () => (await bob.texts()).includes("for Bob"));
  expect(read).toMatchObject({ key: { roomId, sessionId: bob.keys[0]?.sessionId } });
});

it("refuses rooms that are encrypted in another way", async () => {
  const device = await newDevice();
  const message = { roomId: "!a:matrix.test", type: "m.room.message", content: {}, members: [device.login.userId] };
  await expect(device.crypto.encrypt({ ...message, encryption: { algorithm: "m.none" } })).rejects.toMatchObject({
    kind: "reject",
  });
});

it("survives a sync full of nonsense", async () => {
  const device = await newDevice();
  await device.crypto.receiveSync({
    toDevice: [null, 7, "x", [], {}, { type: "m.room.encrypted", sender: "nobody", content: { algorithm: 7 } }],
    deviceLists: { changed: ["", "@", 7, null, "@ok:matrix.test"], left: {} },
    oneTimeKeyCounts: { signed_curve25519: 50, other: "many", minus: -1, huge: 1e300 },
    unusedFallbackKeys: ["signed_curve25519", 7],
  });
  await device.crypto.trackUsers(["", "@", "nobody", "@b:matrix.test"]);
  const nonsense = [{}, { type: "m.room.encrypted", content: { algorithm: "m.megolm.v1.aes-sha2", session_id: "x" } }];
  for (const event of nonsense)
    expect(await device.crypto.decrypt("!r:matrix.test", event)).toMatchObject({ kind: "failed" });
  expect(await device.crypto.decrypt("no room", {})).toMatchObject({ kind: "failed" });
});
