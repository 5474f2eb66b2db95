// End-to-end encryption of one account. This file is the seam: what the session calls, and what it gets.
//
//   const crypto = await createCrypto({ userId, deviceId, records, request, onKeys, onVerification, log, signal });
//   each sync, first:   await crypto.receiveSync({ ... });    // then commit the cursor: what came is on disk
//   each room, known:   await crypto.trackUsers(members);     // encrypted rooms only
//   to send:            const content = await crypto.encrypt({ roomId, type, content, members, encryption });
//                       // frozen by `prepare`: the same ciphertext is sent again on a retry
//   to read:            const read = await crypto.decrypt(roomId, event);
//                       // "missing": show read.reason, remember read.key; onKeys says when to decrypt again
//   at the end:         await crypto.close();
//
// Only for a device that this gateway made: a second user of one device breaks the ratchets of both.
import { BridgeError, type Logger, type Records } from "#bridge";
import { field, isObject, listAt, objectAt, textAt } from "../json.ts";
import { createDecrypt, type Decrypt, type RoomKey, storeTrouble } from "./decryption.ts";
import { accountDatabases } from "./indexed-db.ts";
import { KeyBackup } from "./key-backup.ts";
import { OutgoingRequests, type ServerRequest } from "./outgoing-requests.ts";
import { type Recovered, recover } from "./recovery.ts";
import { createEncrypt, type Encrypt } from "./room-encryption.ts";
import { incomingVerification, startVerification, type Verification } from "./verification.ts";
import { type CryptoWasm, loadWasm, userIds, type Wasm } from "./wasm.ts";

export interface CryptoDeps {
  readonly userId: string;
  readonly deviceId: string;
  /** The account's own; the encryption store lies below "crypto/". */
  readonly records: Records;
  readonly request: ServerRequest;
  /** Messages with these keys may be readable now. Called at any time; must not throw. */
  readonly onKeys: (keys: readonly RoomKey[]) => void;
  /** Another device of the user wants to compare emoji. Absent: it gets no answer. */
  readonly onVerification?: (verification: Verification) => void;
  readonly log: Logger;
  /** Aborted when the session ends: requests stop. `close` must be called all the same. */
  readonly signal: AbortSignal;
}

/** Sections of a /sync answer, as they came. Absent ones are undefined. */
export interface SyncSections {
  /** `to_device.events` */
  readonly toDevice: readonly unknown[];
  /** `device_lists` */
  readonly deviceLists?: unknown;
  /** `device_one_time_keys_count` */
  readonly oneTimeKeyCounts?: unknown;
  /** `device_unused_fallback_key_types` */
  readonly unusedFallbackKeys?: unknown;
}

export interface TrustState {
  /** The user's identity is known to be theirs and has signed this device: others share keys with it and show no warning. */
  readonly verified: boolean;
  /** The account has cross-signing at all. */
  readonly crossSigning: boolean;
  /** Keys of old messages come from the key backup. */
  readonly backup: boolean;
}

/** Everything rejects with BridgeError only: `retry` when keys cannot be stored or the server cannot be reached. */
export interface Crypto {
  /** Resolves when all of it is on disk. Its answers to the server go out in the background. */
  receiveSync(sections: SyncSections): Promise<void>;
  /** Members of encrypted rooms, whose devices we must know. Those already known cost nothing. */
  trackUsers(users: Iterable<string>): Promise<void>;
  readonly encrypt: Encrypt;
  /** Never rejects for what others wrote: that is a result of its own. */
  readonly decrypt: Decrypt;
  trust(): Promise<TrustState>;
  /** See recovery.ts. */
  recover(recoveryKey: string): Promise<Recovered>;
  /** Asks the user's other devices to compare emoji. */
  verify(): Promise<Verification>;
  /** Returns when nothing of it runs any more and the memory is free. */
  close(): Promise<void>;
}

/** Opens the account's encryption, with the keys it had when it was last closed or killed. */
export async function createCrypto(deps: CryptoDeps): Promise<Crypto> {
  const wasm = await loadWasm();
  const databases = accountDatabases();
  const storeName = `${deps.userId} ${deps.deviceId}`;
  const databaseName = `${storeName}::matrix-sdk-crypto`; // the library's own suffix
  await databases.mount(databaseName, deps.records);
  try {
    const machine = await openMachine(wasm, deps, storeName);
    return assemble(wasm, deps, machine, () => databases.unmount(databaseName));
  } catch (error) {
    await databases.unmount(databaseName);
    throw storeTrouble(error);
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

function assemble(wasm: CryptoWasm, deps: CryptoDeps, machine: Wasm.OlmMachine, release: () => Promise<void>): Crypto {
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
  const verification = { wasm, machine, requests, signal };
  let closed: Promise<void> | undefined;
  listen(machine, deps, backup);
  void run(() => backup.openFromInbox());
  let uploads = 0;

  return {
    receiveSync: (sections) =>
      run(async () => {
        // Counts that are older than an upload would make the library add as many keys again.
        const counted = requests.uploads === uploads && uploads % 2 === 0;
        const events = await receive(wasm, machine, sections, counted);
        uploads = requests.uploads;
        for (const flowId of verificationsIn(events, deps.userId)) {
          const asked = incomingVerification(verification, flowId);
          if (asked) deps.onVerification?.(asked);
        }
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
    trust: () => run(() => trustOf(wasm, machine, backup)),
    recover: (recoveryKey) => run(() => recover({ wasm, machine, requests, request, backup }, recoveryKey)),
    verify: () => run(() => startVerification(verification)),
    close: () => {
      closing.abort();
      closed ??= Promise.allSettled([...running, requests.idle(), backup.idle()]).then(() => {
        machine.close();
        return release();
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

async function trustOf(wasm: CryptoWasm, machine: Wasm.OlmMachine, backup: KeyBackup): Promise<TrustState> {
  const me = () => new wasm.UserId(machine.userId.toString());
  const identity = await machine.getIdentity(me());
  const device = await machine.getDevice(me(), machine.deviceId);
  const trusted = identity instanceof wasm.OwnUserIdentity && identity.isVerified();
  return {
    verified: trusted && (device?.isCrossSignedByOwner() ?? false),
    crossSigning: identity !== undefined,
    backup: await backup.isOpen(),
  };
}
