// The encryption of one account, as its session uses it: opened when the first encrypted room is seen or sent into, and with
// every sync from then on, over restarts. It costs 2 MB and 50 uploaded keys, which accounts in plain rooms do not pay.
import { BridgeError, type Logger, type Records } from "#bridge";
import type { MatrixCredentials } from "./credentials.ts";
import { hasCrypto } from "./crypto/database-records.ts";
import type { Decrypted } from "./crypto/decryption.ts";
import type { Crypto, CryptoDeps, SyncSections, TrustState } from "./crypto/machine.ts";
import type { Recovered } from "./crypto/recovery.ts";
import type { RoomMessage } from "./crypto/room-encryption.ts";
import type { Verification } from "./crypto/verification.ts";
import { type JsonObject, objectAt, textAt } from "./json.ts";
import type { Recipients } from "./recipients.ts";
import type { Sealer } from "./room-sender.ts";

export interface EncryptionDeps {
  readonly credentials: Pick<MatrixCredentials, "kind" | "userId" | "deviceId">;
  readonly records: Records;
  readonly request: CryptoDeps["request"];
  /** Who is to read what is sent. */
  readonly recipients: Recipients;
  readonly onKeys: CryptoDeps["onKeys"];
  readonly onVerification: NonNullable<CryptoDeps["onVerification"]>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** A first sync may name hundreds of encrypted rooms (ms). */
const restAfterFailure = 30_000;

export class Encryption implements Sealer {
  readonly #deps: EncryptionDeps;
  /** Why this account has none: a sentence for the user. Undefined: it has, or will when it is needed. */
  readonly unavailable: string | undefined;
  #opening: Promise<Crypto> | undefined;
  /** Whether it ever was, as the disk says at the start. */
  #before: boolean | undefined;
  /** After a failure nobody but the user makes another try before (milliseconds since the epoch). */
  #restsUntil = 0;
  #closed = false;

  constructor(deps: EncryptionDeps) {
    this.#deps = deps;
    this.unavailable = reasonAgainst(deps.credentials);
  }

  /**
   * The sections of a sync answer that are for it, before the rooms of the answer are read. What they bring comes once, so
   * where encryption was ever in use a failure is one of the sync. @throws BridgeError
   */
  async receiveSync(sections: SyncSections): Promise<void> {
    if (await this.isInUse()) await (await this.#open()).receiveSync(sections);
  }

  /** An encrypted room was seen. Until others know our keys they send us none, so this cannot wait for the first message. */
  async start(): Promise<void> {
    await this.#started();
  }

  /** @returns the content of an `m.room.encrypted`. @throws BridgeError */
  async encrypt(message: Omit<RoomMessage, "members">): Promise<JsonObject> {
    this.mustBeAvailable();
    const members = await this.#deps.recipients.of(message.roomId, message.historyVisibility);
    return (await this.#open()).encrypt({ ...message, members });
  }

  /** Nothing goes into an encrypted room in the clear. @throws BridgeError `reject` where there is no encryption */
  mustBeAvailable(): void {
    if (this.unavailable !== undefined) throw refusal(this.unavailable);
  }

  /** @param event the `m.room.encrypted` event as the server sent it. @throws BridgeError `retry` when the store fails */
  async decrypt(roomId: string, event: JsonObject): Promise<Decrypted> {
    if (this.unavailable !== undefined) return { kind: "failed", reason: unreadableHere(this.unavailable) };
    const crypto = await this.#started();
    if (crypto !== undefined) return crypto.decrypt(roomId, event);
    const sessionId = textAt(objectAt(event, "content"), "session_id") ?? "";
    return { kind: "missing", key: { roomId, sessionId }, reason: "This message is encrypted." };
  }

  /** It was needed at some time. @throws BridgeError or what the store throws */
  async isInUse(): Promise<boolean> {
    if (this.unavailable !== undefined) return false;
    if (this.#opening !== undefined) return true;
    this.#before ??= await hasCrypto(this.#deps.records);
    return this.#before;
  }

  /** Whether the user's other devices vouch for this one: then new chats may begin encrypted. @throws BridgeError */
  async isVerified(): Promise<boolean> {
    return (await this.isInUse()) && (await this.#open()).isVerified();
  }

  /** @throws BridgeError, as do the following */
  async trust(): Promise<TrustState> {
    return (await this.#open()).trust();
  }

  async recover(recoveryKey: string): Promise<Recovered> {
    return (await this.#open()).recover(recoveryKey);
  }

  async verify(): Promise<Verification> {
    return (await this.#open()).verify();
  }

  /** Returns when nothing of it runs any more. */
  async close(): Promise<void> {
    this.#closed = true;
    const crypto = await this.#opening?.catch(() => undefined);
    await crypto?.close();
  }

  /** Undefined when it cannot be started now: the rest of the account goes on without it, and the next need tries again. */
  async #started(): Promise<Crypto | undefined> {
    if (this.unavailable !== undefined) return undefined;
    if (this.#opening === undefined && Date.now() < this.#restsUntil) return undefined;
    try {
      return await this.#open();
    } catch (error) {
      this.#restsUntil = Date.now() + restAfterFailure;
      if (!this.#closed) this.#deps.log.warn({ err: error }, "the encryption of an account does not start");
      return undefined;
    }
  }

  #open(): Promise<Crypto> {
    if (this.#closed) return Promise.reject(new BridgeError("retry", "The session is closing."));
    this.#opening ??= this.#create().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #create(): Promise<Crypto> {
    const { credentials, recipients: _, ...rest } = this.#deps;
    const { userId, deviceId } = credentials;
    const { createCrypto } = await import("./crypto/machine.ts");
    const crypto = await createCrypto({ ...rest, userId, deviceId });
    try {
      // Changes of one's own devices are told only of those whose devices are followed.
      await crypto.trackUsers([userId]);
      // Brings the keys of a new device on their way: the next sync may be half a minute off.
      await crypto.receiveSync({ toDevice: [] });
      return crypto;
    } catch (error) {
      await crypto.close();
      throw error;
    }
  }
}

/** A second user of one device would break the keys of both. */
function reasonAgainst({ kind, deviceId }: EncryptionDeps["credentials"]): string | undefined {
  if (kind !== "token" && deviceId !== "") return undefined;
  return 'The gateway has no keys here, because it was signed in with an access token, which may be in use elsewhere: sign in again with your password or in the browser ("logout", then "login").';
}

const refusal = (reason: string): BridgeError =>
  new BridgeError("reject", `This chat is encrypted, and nothing is sent into it in the clear. ${reason}`, {
    condition: "not-acceptable",
  });

/** Of those who have no keys and get none. */
export const noEncryption = (reason: string): Sealer => ({
  mustBeAvailable() {
    throw refusal(reason);
  },
  encrypt: () => Promise.reject(refusal(reason)),
});

const unreadableHere = (reason: string): string => `This message is encrypted. ${reason}`;

/** What stands in place of a message that cannot be read (security.md M17). */
export async function placeholderFor(
  read: Exclude<Decrypted, { kind: "ok" }>,
  encryption: Pick<Encryption, "isVerified">,
): Promise<string> {
  if (read.kind === "failed") return `[${read.reason}]`;
  const verified = await encryption.isVerified().catch(() => false);
  const advice = verified ? "" : ' To help, tell the gateway "recover" (with your recovery key) or "verify".';
  return `[${read.reason} It will be shown here when its key comes.${advice}]`;
}
