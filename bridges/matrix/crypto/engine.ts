// One life of the encryption library: from opening its store to the end of the session, or to a save that failed.
import { BridgeError } from "#bridge";
import { field, isObject, listAt, objectAt, textAt } from "../json.ts";
import { createDecrypt, storeTrouble } from "./decryption.ts";
import { accountDatabases, type Mounted } from "./indexed-db.ts";
import { KeyBackup } from "./key-backup.ts";
import type { Crypto, CryptoDeps, SyncSections, TrustState } from "./machine.ts";
import { OutgoingRequests } from "./outgoing-requests.ts";
import { recover } from "./recovery.ts";
import { createEncrypt } from "./room-encryption.ts";
import { createSyncs, incomingVerification, startVerification } from "./verification.ts";
import { type CryptoWasm, userIds, type Wasm } from "./wasm.ts";

export interface Engine extends Crypto {
  /** A save failed, and the library's memory is ahead of the disk: nothing succeeds any more. */
  spoiled(): boolean;
}

export async function openEngine(wasm: CryptoWasm, deps: CryptoDeps): Promise<Engine> {
  const storeName = `${deps.userId} ${deps.deviceId}`;
  const mounted = await accountDatabases().mount(`${storeName}::matrix-sdk-crypto`, deps.records); // the library's suffix
  try {
    return assemble(wasm, deps, await openMachine(wasm, deps, storeName), mounted);
  } catch (error) {
    await mounted.unmount();
    throw error;
  }
}

async function openMachine(wasm: CryptoWasm, deps: CryptoDeps, storeName: string): Promise<Wasm.OlmMachine> {
  // No passphrase: the core seals records.
  const store = await wasm.StoreHandle.open(storeName, undefined);
  const { userId, deviceId } = deps;
  const machine = await wasm.OlmMachine.initFromStore(new wasm.UserId(userId), new wasm.DeviceId(deviceId), store);
  store.free();
  // Asking the user's other devices for each missing key makes much traffic and seldom helps; the backup does.
  machine.roomKeyRequestsEnabled = false;
  return machine;
}

function assemble(wasm: CryptoWasm, deps: CryptoDeps, machine: Wasm.OlmMachine, mounted: Mounted): Engine {
  const { request, log } = deps;
  const closing = new AbortController();
  const signal = AbortSignal.any([deps.signal, closing.signal]);
  const requests = new OutgoingRequests({ wasm, machine, request, log, signal });
  const backup = new KeyBackup({ wasm, machine, requests, request, log, signal });
  const decrypt = createDecrypt(wasm, machine);
  const encrypt = createEncrypt(wasm, machine, requests);
  const running = new Set<Promise<unknown>>();
  /** Work that `close` waits for. Its errors are BridgeErrors. */
  const run = <T>(work: () => Promise<T>): Promise<T> => {
    if (closing.signal.aborted) return Promise.reject(new BridgeError("retry", "The session is closing."));
    const done = work().catch((error: unknown) => {
      throw storeTrouble(error);
    });
    running.add(done);
    const forget = () => void running.delete(done);
    done.then(forget, forget);
    return done;
  };
  const verification = { wasm, machine, requests, syncs: createSyncs(signal) };
  let closed: Promise<void> | undefined;
  listen(machine, deps, backup);
  void run(() => backup.openFromInbox());
  let uploads = 0;

  return {
    receiveSync: (sections) =>
      run(async () => {
        if (sections.initial) await machine.markAllTrackedUsersAsDirty();
        // Counts that are older than an upload would make the library add as many keys again.
        const counted = requests.uploads === uploads && uploads % 2 === 0;
        const events = await receive(wasm, machine, sections, counted);
        uploads = requests.uploads;
        for (const flowId of verificationsIn(events, deps.userId)) {
          const asked = incomingVerification(verification, flowId);
          if (asked) deps.onVerification?.(asked);
        }
        verification.syncs.tell();
        requests.kick();
        backup.kick();
      }),
    trackUsers: (users) => run(() => machine.updateTrackedUsers(userIds(wasm, users))),
    encrypt: (message) => run(() => encrypt(message)),
    decrypt: (roomId, event) =>
      run(async () => {
        const read = await decrypt(roomId, event);
        if (read.kind === "missing") backup.want(read.key);
        return read;
      }),
    isVerified: () => run(() => isVerified(wasm, machine)),
    trust: () => run(() => trustOf(wasm, machine, backup)),
    recover: (recoveryKey) => run(() => recover({ wasm, machine, requests, request, backup }, recoveryKey)),
    verify: () => run(() => startVerification(verification)),
    spoiled: mounted.spoiled,
    close: () => {
      closing.abort();
      closed ??= Promise.allSettled([...running, requests.idle(), backup.idle()]).then(() => {
        machine.close();
        return mounted.unmount();
      });
      return closed;
    },
  };
}

/** News from the library, which calls at any time. */
function listen(machine: Wasm.OlmMachine, { onKeys }: CryptoDeps, backup: KeyBackup): void {
  machine.registerRoomKeyUpdatedCallback(async (keys) => {
    onKeys(keys.map(({ roomId, sessionId }) => ({ roomId: roomId.toString(), sessionId })));
    backup.kick();
  });
  machine.registerReceiveSecretCallback(() => backup.openFromInbox());
}

async function receive(
  wasm: CryptoWasm,
  machine: Wasm.OlmMachine,
  sections: SyncSections,
  counted: boolean,
): Promise<readonly Wasm.ProcessedToDeviceEvent[]> {
  const { deviceLists, oneTimeKeyCounts, unusedFallbackKeys } = sections;
  const lists = new wasm.DeviceLists(
    userIds(wasm, listAt(deviceLists, "changed")),
    userIds(wasm, listAt(deviceLists, "left")),
  );
  const counts = new Map<string, number>();
  if (isObject(oneTimeKeyCounts)) {
    for (const [algorithm, count] of Object.entries(oneTimeKeyCounts)) {
      if (Number.isSafeInteger(count)) counts.set(algorithm, Math.max(0, Number(count)));
    }
  }
  const fallback =
    counted && Array.isArray(unusedFallbackKeys)
      ? new Set(unusedFallbackKeys.filter((name): name is string => typeof name === "string"))
      : undefined;
  const events = JSON.stringify(sections.toDevice.filter(isObject));
  const settings = new wasm.DecryptionSettings(wasm.TrustRequirement.Untrusted);
  // In a sync without counts nothing is known about them; in one with counts, what is not named is used up.
  return counted && isObject(oneTimeKeyCounts)
    ? machine.receiveSyncChanges(events, lists, counts, fallback, settings)
    : machine.receiveSyncChangesMsc4186(events, lists, new Map(), fallback, settings);
}

/** The transaction ids of verification requests from the user's own devices. */
function verificationsIn(events: readonly Wasm.ProcessedToDeviceEvent[], userId: string): string[] {
  const found: string[] = [];
  for (const { rawEvent } of events) {
    if (!rawEvent.includes("m.key.verification.request")) continue;
    const event: unknown = JSON.parse(rawEvent);
    const flowId = textAt(objectAt(event, "content"), "transaction_id");
    if (field(event, "type") === "m.key.verification.request" && field(event, "sender") === userId && flowId) {
      found.push(flowId);
    }
  }
  return found;
}

async function isVerified(wasm: CryptoWasm, machine: Wasm.OlmMachine): Promise<boolean> {
  const identity = await machine.getIdentity(machine.userId);
  const device = await machine.getDevice(machine.userId, machine.deviceId);
  const trusted = identity instanceof wasm.OwnUserIdentity && identity.isVerified();
  return trusted && (device?.isCrossSignedByOwner() ?? false);
}

async function trustOf(wasm: CryptoWasm, machine: Wasm.OlmMachine, backup: KeyBackup): Promise<TrustState> {
  return {
    verified: await isVerified(wasm, machine),
    crossSigning: (await machine.getIdentity(machine.userId)) !== undefined,
    backup: await backup.isOpen(),
  };
}
