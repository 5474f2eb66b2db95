import {
  CryptoEvent,
  type VerificationRequest,
  type Verifier,
  VerifierEvent,
} from "matrix-js-sdk/lib/crypto-api/index.js";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { SasEmoji } from "../../../../bridges/matrix/crypto/verification.ts";
import { MemoryRecords } from "../../../../src/bridge/harness.ts";
import { MatrixPerson } from "../../../kit/matrix-person.ts";
import { startSynapse, type Synapse } from "../../../lab/synapse.ts";
import { type Device, logIn, openDevice } from "./device.ts";

let synapse: Synapse;
let element: MatrixPerson;
let device: Device;

beforeAll(async () => {
  synapse = await startSynapse({ users: { ann: "pw" } });
  element = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user: "ann", password: "pw", crypto: true });
  await element.setUpRecovery();
  device = await openDevice(await logIn(synapse.baseUrl, "ann", "pw"), new MemoryRecords());
  await device.sync();
  await device.until("the keys", () => device.requests.some(({ line }) => line === "POST v3/keys/upload"));
}, 60_000);
afterAll(async () => {
  await device.close();
  element.stop();
  await synapse.stop();
}, 60_000);

const crypto = () => {
  const found = element.client.getCrypto();
  if (!found) throw new Error("no encryption");
  return found;
};

/** Element's side from the request on: shows its emoji and says yes when `same` says so. */
async function compare(
  request: VerificationRequest,
  same: (emoji: readonly SasEmoji[]) => Promise<boolean>,
): Promise<void> {
  await expect.poll(() => request.verifier !== undefined || undefined, { timeout: 10_000 }).toBe(true);
  if (!request.verifier) throw new Error("no verifier");
  await answer(request.verifier, same);
}

async function answer(verifier: Verifier, same: (emoji: readonly SasEmoji[]) => Promise<boolean>): Promise<void> {
  verifier.on(VerifierEvent.ShowSas, ({ sas, confirm, mismatch }) => {
    const emoji = (sas.emoji ?? []).map(([symbol, name]) => ({ symbol, name }));
    void same(emoji).then((yes) => (yes ? confirm() : mismatch()));
  });
  await verifier.verify();
}

/** Syncs the device until the work is done. */
async function whileSyncing<T>(work: Promise<T>): Promise<T> {
  let over = false;
  const settled = work.finally(() => {
    over = true;
  });
  settled.catch(() => undefined);
  while (!over) await device.sync();
  return settled;
}

it("gives up politely when the emoji differ", async () => {
  const asked = Promise.withResolvers<VerificationRequest>();
  element.client.once(CryptoEvent.VerificationRequestReceived, asked.resolve);
  const verification = await device.crypto.verify();
  const request = await asked.promise;
  await request.accept();
  const theirs = compare(request, async () => false).catch((error: unknown) => error);
  const ours = await whileSyncing(verification.emoji());
  expect(ours).toHaveLength(7);
  await expect(whileSyncing(verification.confirm())).rejects.toMatchObject({ name: "BridgeError", kind: "reject" });
  expect(await theirs).toBeInstanceOf(Error);
  expect(await device.crypto.trust()).toMatchObject({ verified: false });
});

it("cancels on both sides when our user says that they differ", async () => {
  const request = await crypto().requestOwnUserVerification();
  await device.until("the request", () => device.verifications.length > 0);
  const verification = device.verifications.shift();
  const theirs = compare(request, async () => true).catch((error: unknown) => error);
  await whileSyncing(verification?.emoji() ?? Promise.reject(new Error("no request")));
  await verification?.cancel();
  expect(await theirs).toBeInstanceOf(Error);
  expect(await device.crypto.trust()).toMatchObject({ verified: false });
});

it("is verified when another device asks and the emoji are the same", async () => {
  const request = await crypto().requestOwnUserVerification();
  await device.until("the request", () => device.verifications.length > 0);
  const verification = device.verifications.shift();
  if (!verification) throw new Error("no request");
  expect(verification).toMatchObject({ incoming: true, deviceId: element.deviceId });
  const seen = Promise.withResolvers<readonly SasEmoji[]>();
  const theirs = compare(request, async (emoji) => {
    seen.resolve(emoji);
    return true;
  });
  const ours = await whileSyncing(verification.emoji());
  expect(ours).toHaveLength(7);
  expect(ours).toEqual(await seen.promise);
  await whileSyncing(verification.confirm());
  await theirs;
  // The other device then hands over the secrets of the account, the key of the backup among them.
  await device.until("it is verified", async () => {
    const trust = await device.crypto.trust();
    return trust.verified && trust.backup;
  });
});

it("is verified when our user asks, even if both sides begin at once", async () => {
  const other = await openDevice(await logIn(synapse.baseUrl, "ann", "pw"), new MemoryRecords());
  const previous = device;
  device = other;
  await previous.close();
  await device.sync();
  await device.until("the keys", () => device.requests.some(({ line }) => line === "POST v3/keys/upload"));
  const asked = Promise.withResolvers<VerificationRequest>();
  element.client.once(CryptoEvent.VerificationRequestReceived, asked.resolve);
  const verification = await device.crypto.verify();
  expect(verification.incoming).toBe(false);
  const request = await asked.promise;
  await request.accept();
  // The other client begins by itself; so do we, as soon as we see that it is ready.
  const theirs = request.startVerification("m.sas.v1").then((verifier) => answer(verifier, async () => true));
  expect(await whileSyncing(verification.emoji())).toHaveLength(7);
  await whileSyncing(verification.confirm());
  await theirs;
  await device.until("it is verified", async () => (await device.crypto.trust()).verified);
});
