// What encryption is to the rest of the bridge; `createCrypto` of crypto/machine.ts opens one. A session without it never
// sends into an encrypted room, and shows a placeholder for what it cannot read.
import { BridgeError, type Logger, type Records } from "#bridge";
import type { Method } from "./api.ts";
import type { JsonObject } from "./json.ts";
import type { RoomKey } from "./unreadable.ts";

/** What encryption gets of its account's session. */
export interface CryptoIo {
  readonly userId: string;
  readonly deviceId: string;
  readonly records: Records;
  /** Rejects with BridgeError only. `path`: segments below /_matrix/client. */
  readonly request: (
    method: Method,
    path: readonly string[],
    request?: { readonly query?: Readonly<Record<string, string>>; readonly body?: unknown },
  ) => Promise<unknown>;
  /** Messages with these keys may be readable now. Does not throw. */
  readonly onKeys: (keys: readonly RoomKey[]) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export type OpenCrypto = (io: CryptoIo) => Promise<RoomCrypto>;

/** Encryption of one account. Its own state is on disk before any of these resolves. */
export interface RoomCrypto {
  /**
   * The sections of a sync answer that are for it, before the rooms of the answer are read. The same sections may come
   * again after a crash: the sync token is saved later.
   */
  receiveSync(sections: CryptoSections): Promise<void>;
  /** @returns the content of an `m.room.encrypted` event. @throws BridgeError */
  encrypt(message: PlainMessage): Promise<JsonObject>;
  /** @param event the `m.room.encrypted` event as the server sent it */
  decrypt(roomId: string, event: JsonObject): Promise<Decrypted>;
  close(): Promise<void>;
}

export interface CryptoSections {
  readonly toDevice: readonly unknown[];
  /** The first answer, or one after the token was lost: whose devices changed meanwhile is not known. */
  readonly initial?: boolean;
  readonly deviceLists?: unknown;
  readonly oneTimeKeyCounts?: unknown;
  readonly unusedFallbackKeys?: unknown;
}

export interface PlainMessage {
  readonly roomId: string;
  readonly type: string;
  readonly content: JsonObject;
  /** All who are to read it: joined and invited. */
  readonly members: readonly string[];
  /** The content of the room's `m.room.encryption`. */
  readonly encryption: JsonObject;
  readonly historyVisibility?: string;
}

export type Decrypted =
  | { readonly kind: "ok"; readonly event: JsonObject }
  | {
      readonly kind: "missing";
      readonly key: RoomKey;
      readonly reason: string;
    }
  | { readonly kind: "failed"; readonly reason: string };

/** Nothing goes into an encrypted room in the clear. */
export function refusePlain(): BridgeError {
  return new BridgeError(
    "reject",
    "This chat is encrypted, and this gateway has no keys of yours: nothing is sent into it in the clear.",
    { condition: "not-acceptable" },
  );
}
