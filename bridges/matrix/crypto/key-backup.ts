// The server-side key backup (Client-Server API, "Server-side key backups"): keys of rooms go up as they come, and are
// fetched one by one when a message cannot be read. A whole restore of an old account is tens of thousands of keys.
import { BridgeError, type Logger } from "#bridge";
import { isObject, numberAt, objectAt, textAt } from "../json.ts";
import type { RoomKey } from "./decryption.ts";
import { messageOf, type OutgoingRequests, type ServerRequest } from "./outgoing-requests.ts";
import type { CryptoWasm, Wasm } from "./wasm.ts";

interface BackupDeps {
  readonly wasm: CryptoWasm;
  readonly machine: Wasm.OlmMachine;
  readonly requests: OutgoingRequests;
  readonly request: ServerRequest;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** The one backup we know how to read and write. */
const algorithm = "m.megolm_backup.v1.curve25519-aes-sha2";
const secretName = "m.megolm_backup.v1";
/** Keys that messages wait for. More than one screen of each room: older ones are asked for again when they are read. */
const mostWanted = 1_000;
/** A key that the backup did not have is looked for again after (ms). */
const absentFor = 300_000;
/** Uploads of 100 keys each in one go; the rest follows with the next sync. */
const mostUploads = 50;

export class KeyBackup {
  readonly #deps: BackupDeps;
  /** By room and session; kept while there is no backup key, for the day it comes. */
  readonly #wanted = new Map<string, RoomKey>();
  /** When a key was last not there: milliseconds since the epoch. */
  readonly #absent = new Map<string, number>();
  #fetching: Promise<void> | undefined;
  #uploading: Promise<void> | undefined;
  #checked = false;

  constructor(deps: BackupDeps) {
    this.#deps = deps;
  }

  /** A message waits for this key. */
  want(key: RoomKey): void {
    const name = `${key.roomId} ${key.sessionId}`;
    if (key.sessionId === "" || (this.#absent.get(name) ?? 0) > Date.now() - absentFor) return;
    this.#wanted.set(name, key);
    dropOldest(this.#wanted, mostWanted);
    this.kick();
  }

  /** Fetches and uploads in the background. Called after each sync and when there are new keys. */
  kick(): void {
    if (this.#deps.signal.aborted) return;
    this.#fetching ??= this.#fetchWanted().finally(() => {
      this.#fetching = undefined;
    });
    this.#uploading ??= this.#upload().finally(() => {
      this.#uploading = undefined;
    });
  }

  /** Resolves when nothing is on its way; after the signal that is soon. */
  async idle(): Promise<void> {
    await Promise.all([this.#fetching, this.#uploading]);
  }

  /**
   * Uses the account's backup with this private key, in base64, from now on.
   * @returns how many sessions it holds; undefined when the server has no backup, or one of another key
   */
  async open(secret: string): Promise<number | undefined> {
    const { wasm, machine } = this.#deps;
    const key = wasm.BackupDecryptionKey.fromBase64(secret);
    const current = await this.#current();
    if (current?.publicKey !== key.megolmV1PublicKey.publicKeyBase64) return undefined;
    await machine.saveBackupDecryptionKey(key, current.version);
    await machine.enableBackupV1(current.publicKey, current.version);
    this.#checked = true;
    this.#absent.clear();
    this.kick();
    return current.sessions;
  }

  /** Opens the backup with a key that another device of the user sent, now or before the last restart. */
  async openFromInbox(): Promise<void> {
    const { machine, log } = this.#deps;
    try {
      for (const secret of await machine.getSecretsFromInbox(secretName)) await this.open(secret);
      await machine.deleteSecretsFromInbox(secretName);
    } catch (error) {
      // It stays in the inbox: the next start looks again.
      log.debug({ error: messageOf(error) }, "a key of the backup could not be used");
    }
  }

  /** Whether keys go to a backup and come from it. */
  async isOpen(): Promise<boolean> {
    return (await this.#key()) !== undefined;
  }

  /** The private key and its version, after a look once a start whether the server still has that backup. */
  async #key(): Promise<{ key: Wasm.BackupDecryptionKey; version: string } | undefined> {
    const { machine, log } = this.#deps;
    const { decryptionKey: key, backupVersion: version } = await machine.getBackupKeys();
    if (!key || version === undefined) return undefined;
    if (!this.#checked) {
      const current = await this.#current();
      if (current?.version !== version || current.publicKey !== key.megolmV1PublicKey.publicKeyBase64) {
        // Another device made a new backup. Its key is in secret storage: the user gives the recovery key again.
        log.info({ version }, "the key backup on the server is another one now");
        await machine.disableBackup();
        return undefined;
      }
      await machine.enableBackupV1(current.publicKey, version);
      this.#checked = true;
    }
    return { key, version };
  }

  async #current(): Promise<{ version: string; publicKey: string; sessions: number } | undefined> {
    const info = await absentIsUndefined(this.#deps.request("GET", ["v3", "room_keys", "version"]));
    const version = textAt(info, "version");
    const publicKey = textAt(objectAt(info, "auth_data"), "public_key");
    if (textAt(info, "algorithm") !== algorithm || version === undefined || publicKey === undefined) return undefined;
    return { version, publicKey, sessions: numberAt(info, "count") ?? 0 };
  }

  async #fetchWanted(): Promise<void> {
    const { log, signal } = this.#deps;
    if (this.#wanted.size === 0) return;
    try {
      const open = await this.#key();
      if (!open) return;
      for (const [name, wanted] of this.#wanted) {
        if (signal.aborted) return;
        const found = await this.#fetch(wanted, open.key, open.version);
        this.#wanted.delete(name);
        if (!found) this.#absent.set(name, Date.now());
        dropOldest(this.#absent, mostWanted);
      }
    } catch (error) {
      // The next sync tries again.
      log.debug({ error: messageOf(error), waiting: this.#wanted.size }, "keys could not be fetched from the backup");
    }
  }

  async #fetch({ roomId, sessionId }: RoomKey, key: Wasm.BackupDecryptionKey, version: string): Promise<boolean> {
    const { wasm, machine, request } = this.#deps;
    const path = ["v3", "room_keys", "keys", roomId, sessionId];
    const data = objectAt(await absentIsUndefined(request("GET", path, { query: { version } })), "session_data");
    const [ephemeral, mac, ciphertext] = [textAt(data, "ephemeral"), textAt(data, "mac"), textAt(data, "ciphertext")];
    if (ephemeral === undefined || mac === undefined || ciphertext === undefined) return false;
    let session: unknown;
    try {
      session = JSON.parse(key.decryptV1(ephemeral, mac, ciphertext));
    } catch {
      return false; // not encrypted with our key: damaged, or somebody else's
    }
    if (!isObject(session)) return false;
    const sessions = new Map([[sessionId, { ...session, session_id: sessionId, room_id: roomId }]]);
    const { importedCount } = await machine.importBackedUpRoomKeys(
      new Map([[new wasm.RoomId(roomId), sessions]]),
      () => undefined,
      version,
    );
    return importedCount > 0;
  }

  async #upload(): Promise<void> {
    const { machine, requests, log, signal } = this.#deps;
    try {
      if (!(await this.#key())) return;
      for (let batch = 0; batch < mostUploads && !signal.aborted; batch++) {
        const upload = await machine.backupRoomKeys();
        if (!upload) return;
        await requests.send(upload);
      }
    } catch (error) {
      // M_WRONG_ROOM_KEYS_VERSION among others: look again which backup the server has.
      if (error instanceof BridgeError && error.kind === "reject") this.#checked = false;
      log.debug({ error: messageOf(error) }, "keys could not be put into the backup");
    }
  }
}

/** Undefined for M_NOT_FOUND. */
export async function absentIsUndefined(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof BridgeError && error.condition === "item-not-found") return undefined;
    throw error;
  }
}

function dropOldest(map: Map<string, unknown>, most: number): void {
  for (const name of map.keys()) {
    if (map.size <= most) return;
    map.delete(name);
  }
}
