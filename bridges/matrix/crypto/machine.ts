// End-to-end encryption of one account. This file is the seam: what the session calls, and what it gets.
//
//   const crypto = await createCrypto({ userId, deviceId, records, request, onKeys, onVerification, log, signal });
//   each sync, first:   await crypto.receiveSync({ ... });    // then commit the cursor: what came is on disk
//   at the beginning:   await crypto.trackUsers([userId]);    // encrypt does it for the members of the room
//   to send:            const content = await crypto.encrypt({ roomId, type, content, members, encryption });
//                       // frozen by `prepare`: the same ciphertext is sent again on a retry
//   to read:            const read = await crypto.decrypt(roomId, event);
//                       // "missing": show read.reason, remember read.key; onKeys says when to decrypt again
//   at the end:         await crypto.close();
//
// Only for a device that this gateway made: a second user of one device breaks the ratchets of both. An account that has
// started it once (`hasCrypto`) runs it with every sync: to-device messages come once.
import { BridgeError, type Logger, type Records } from "#bridge";
import { type Decrypt, type RoomKey, storeTrouble } from "./decryption.ts";
import { type Engine, openEngine } from "./engine.ts";
import type { ServerRequest } from "./outgoing-requests.ts";
import type { Recovered } from "./recovery.ts";
import type { Encrypt } from "./room-encryption.ts";
import type { Verification } from "./verification.ts";
import { loadWasm } from "./wasm.ts";

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
  /** The request had no `since`: whose devices changed in the meantime is not known. */
  readonly initial?: boolean;
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
  /** Users whose devices we must know. Those already known cost nothing. */
  trackUsers(users: Iterable<string>): Promise<void>;
  readonly encrypt: Encrypt;
  /** Never rejects for what others wrote: that is a result of its own. */
  readonly decrypt: Decrypt;
  /** As in `trust`, without a request. */
  isVerified(): Promise<boolean>;
  trust(): Promise<TrustState>;
  /** See recovery.ts. */
  recover(recoveryKey: string): Promise<Recovered>;
  /** Asks the user's other devices to compare emoji. */
  verify(): Promise<Verification>;
  /** Returns when nothing of it runs any more and the memory is free. */
  close(): Promise<void>;
}

/**
 * Opens the account's encryption, with the keys it had when it was last closed or killed. Keys of another device, from
 * before a new login, are deleted. Rejects with BridgeError.
 */
export async function createCrypto(deps: CryptoDeps): Promise<Crypto> {
  const wasm = await loadWasm();
  const open = () => openEngine(wasm, deps).catch((error: unknown) => Promise.reject(storeTrouble(error)));
  let engine: Promise<Engine> = Promise.resolve(await open());
  let closed: Promise<void> | undefined;

  /** The engine that runs: after a failed save another one, which knows what is on the disk and no more. */
  const current = (): Promise<Engine> => {
    if (closed) return Promise.reject(new BridgeError("retry", "The session is closing."));
    engine = engine.then(async (present) => {
      if (!present.spoiled()) return present;
      deps.log.warn({}, "the encryption is opened again after a failed save");
      await present.close();
      return open();
    }, open);
    return engine;
  };
  return {
    receiveSync: async (sections) => (await current()).receiveSync(sections),
    trackUsers: async (users) => (await current()).trackUsers(users),
    encrypt: async (message) => (await current()).encrypt(message),
    decrypt: async (roomId, event) => (await current()).decrypt(roomId, event),
    isVerified: async () => (await current()).isVerified(),
    trust: async () => (await current()).trust(),
    recover: async (recoveryKey) => (await current()).recover(recoveryKey),
    verify: async () => (await current()).verify(),
    close: () => {
      closed ??= engine.then(
        (present) => present.close(),
        () => undefined,
      );
      return closed;
    },
  };
}
