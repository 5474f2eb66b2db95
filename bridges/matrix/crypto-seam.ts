// What encryption is to the rest of the bridge; crypto/machine.ts is one. A session without it never sends into an encrypted
// room, and shows a placeholder for what it cannot read.
import { BridgeError } from "#bridge";
import type { JsonObject } from "./json.ts";

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
      readonly key: { readonly roomId: string; readonly sessionId: string };
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
