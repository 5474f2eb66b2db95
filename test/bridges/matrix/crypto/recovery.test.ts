import { afterAll, beforeAll, expect, it } from "vitest";
import { MemoryRecords } from "../../../../src/bridge/harness.ts";
import { MatrixPerson } from "../../../kit/matrix-person.ts";
import { startSynapse, type Synapse } from "../../../lab/synapse.ts";
import { type Device, logIn, openDevice } from "./device.ts";

let synapse: Synapse;
/** A client of the account, with recovery set up and one encrypted room. */
let element: MatrixPerson;
let recoveryKey: string;
let roomId: string;
const open: Device[] = [];

async function newDevice(user: string, records = new MemoryRecords()): Promise<Device> {
  const device = await openDevice(await logIn(synapse.baseUrl, user, "pw"), records);
  open.push(device);
  await device.sync();
  await device.until("the keys", () => device.requests.some(({ line }) => line === "POST v3/keys/upload"));
  return device;
}

beforeAll(async () => {
  synapse = await startSynapse({ users: { ann: "pw", plain: "pw" } });
  element = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user: "ann", password: "pw", crypto: true });
  recoveryKey = await element.setUpRecovery();
  roomId = await element.createRoom({ encrypted: true });
  for (const text of ["first", "second"]) await element.say(roomId, text);
  for (const deadline = Date.now() + 20_000; (await element.backedUpKeys()) < 1 && Date.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}, 60_000);
afterAll(async () => {
  for (const device of open) await device.close();
  element.stop();
  await synapse.stop();
}, 60_000);

it("reads what was said before it was there, once it has the recovery key", async () => {
  const device = await newDevice("ann");
  expect(await device.texts()).toEqual(["?", "?"]);
  expect(await device.crypto.trust()).toEqual({ verified: false, crossSigning: true, backup: false });

  expect(await device.crypto.recover(recoveryKey)).toEqual({ backup: true, sessions: 1 });
  await device.until("the key of the messages", () => device.keys.length > 0);
  expect(device.keys[0]?.roomId).toBe(roomId);
  expect(await device.texts()).toEqual(["first", "second"]);
  await device.sync();
  expect(await device.crypto.trust()).toEqual({ verified: true, crossSigning: true, backup: true });
});

it("is a verified device to the other clients of the account", async () => {
  const device = await newDevice("ann");
  await device.crypto.recover(recoveryKey);
  await expect
    .poll(async () => {
      const { userId, deviceId } = device.login;
      return (await element.client.getCrypto()?.getDeviceVerificationStatus(userId, deviceId))?.signedByOwner;
    })
    .toBe(true);
});

it("still has it all after a restart", async () => {
  const records = new MemoryRecords();
  const device = await newDevice("ann", records);
  await device.crypto.recover(recoveryKey);
  await device.close();
  const again = await openDevice(device.login, records);
  open.push(again);
  await again.sync();
  expect(await again.texts()).toEqual(["?", "?"]);
  await again.until("the key", () => again.keys.length > 0);
  expect(await again.texts()).toEqual(["first", "second"]);
  expect(await again.crypto.trust()).toEqual({ verified: true, crossSigning: true, backup: true });
});

it("puts its own keys into the backup", async () => {
  const device = await newDevice("ann");
  await device.crypto.recover(recoveryKey);
  const before = await element.backedUpKeys();
  await device.say(roomId, "from XMPP", [device.login.userId]);
  await device.until("one more key", async () => (await element.backedUpKeys()) === before + 1);
});

it("says so when the recovery key is none, is another's, or leads to nothing", async () => {
  const device = await newDevice("ann");
  for (const nonsense of ["", "EsTx", "пароль", "x".repeat(100_000), recoveryKey.slice(0, -1)]) {
    await expect(device.crypto.recover(nonsense)).rejects.toMatchObject({ kind: "reject", condition: "bad-request" });
  }
  const others = "EsTc LW2K PGiF wKEA 3As5 g5c4 BXwk qeeJ ZJV8 Q9fu gUMN UE4d"; // the specification's example
  await expect(device.crypto.recover(others)).rejects.toMatchObject({
    kind: "reject",
    message: "That is not the recovery key of this account.",
  });
  expect(await device.crypto.trust()).toMatchObject({ verified: false });
  const plain = await newDevice("plain");
  await expect(plain.crypto.recover(others)).rejects.toMatchObject({ kind: "reject", condition: "item-not-found" });
});

it("takes a recovery key with other white space", async () => {
  const device = await newDevice("ann");
  expect(await device.crypto.recover(`\n${recoveryKey.replaceAll(" ", "\t")}\u00a0 `)).toMatchObject({ backup: true });
});
