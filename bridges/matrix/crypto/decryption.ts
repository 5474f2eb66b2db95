// Reading encrypted events of rooms, and what to tell the user about those that cannot be read (security.md M17).
import { BridgeError } from "#bridge";
import { isObject, type JsonObject, objectAt, textAt } from "../json.ts";
import { type CryptoWasm, roomIdOf, type Wasm } from "./wasm.ts";

/** Names a key of a room: of all messages that one device sent for a while. */
export interface RoomKey {
  readonly roomId: string;
  readonly sessionId: string;
}

export type Decrypted =
  /** The whole event as if it had not been encrypted: `type` and `content` are what the sender's device wrote. */
  | { readonly kind: "ok"; readonly event: JsonObject }
  /** The key is not here. It may come: `onKeys` tells. `reason` is a sentence for the user. */
  | { readonly kind: "missing"; readonly key: RoomKey; readonly reason: string }
  /** It can never be read, or must not be believed. */
  | { readonly kind: "failed"; readonly reason: string };

/** @param event the `m.room.encrypted` event as the server sent it */
export type Decrypt = (roomId: string, event: JsonObject) => Promise<Decrypted>;

export function createDecrypt(wasm: CryptoWasm, machine: Wasm.OlmMachine): Decrypt {
  return async (roomId, event) => {
    const sessionId = textAt(objectAt(event, "content"), "session_id") ?? "";
    const room = roomIdOf(wasm, roomId);
    if (!room) return { kind: "failed", reason: sentences.damaged };
    try {
      const settings = new wasm.DecryptionSettings(wasm.TrustRequirement.Untrusted);
      const decrypted = await machine.decryptRoomEvent(JSON.stringify(event), room, settings);
      const plain: unknown = JSON.parse(decrypted.event);
      return isObject(plain) ? { kind: "ok", event: plain } : { kind: "failed", reason: sentences.damaged };
    } catch (error) {
      if (!(error instanceof wasm.MegolmDecryptionError)) throw storeTrouble(error);
      return refusal(wasm, error, { roomId, sessionId });
    }
  };
}

/** Anything but a judgement on the message: the store, or the library itself. */
export const storeTrouble = (error: unknown): BridgeError =>
  error instanceof BridgeError
    ? error
    : new BridgeError("retry", "The encryption keys cannot be read or stored at the moment.", { cause: error });

const sentences = {
  missing: "The key of this encrypted message is not here (yet).",
  unverified:
    "This encrypted message was not meant for unverified devices: verify this gateway, or give it your recovery key.",
  refused: "The sender's device did not want to share the key of this encrypted message.",
  before: "This encrypted message is from before this gateway got its key: your recovery key may help.",
  forged: "This encrypted message does not come from who it says, so it is not shown.",
  damaged: "This encrypted message is damaged.",
};

function refusal(wasm: CryptoWasm, error: Wasm.MegolmDecryptionError, key: RoomKey): Decrypted {
  const codes = wasm.DecryptionErrorCode;
  switch (error.code) {
    case codes.MissingRoomKey:
      return { kind: "missing", key, reason: withheld(error.withheldCode) };
    case codes.UnknownMessageIndex:
      return { kind: "missing", key, reason: sentences.before };
    case codes.MismatchedIdentityKeys:
    case codes.MismatchedSender:
    case codes.SenderIdentityVerificationViolation:
      return { kind: "failed", reason: sentences.forged };
    case codes.UnknownSenderDevice:
    case codes.UnsignedSenderDevice:
    case codes.UnableToDecrypt:
      return { kind: "failed", reason: sentences.damaged };
  }
}

/** Client-Server API, "Reporting that decryption keys are withheld". */
function withheld(code: string | undefined): string {
  switch (code) {
    case undefined:
      return sentences.missing;
    case "m.unverified":
      return sentences.unverified;
    default:
      return sentences.refused;
  }
}
