// Encrypting for a room (Client-Server API, "Messaging Algorithms", m.megolm.v1.aes-sha2).
import { BridgeError } from "#bridge";
import { isObject, type JsonObject, numberAt, textAt } from "../json.ts";
import type { OutgoingRequests } from "./outgoing-requests.ts";
import { createSerial } from "./serial.ts";
import { type CryptoWasm, roomIdOf, userIds, type Wasm } from "./wasm.ts";

/** What to encrypt and for whom. */
export interface RoomMessage {
  readonly roomId: string;
  readonly type: string;
  readonly content: JsonObject;
  /** Who is to read it: all who are joined, and the invited unless history is for members only. */
  readonly members: readonly string[];
  /** The content of the room's `m.room.encryption`, as it came. */
  readonly encryption: JsonObject;
  /** The room's `m.room.history_visibility`; anything unknown counts as "shared". */
  readonly historyVisibility?: string;
}

/** @returns the content of an `m.room.encrypted` event */
export type Encrypt = (message: RoomMessage) => Promise<JsonObject>;

export function createEncrypt(wasm: CryptoWasm, machine: Wasm.OlmMachine, requests: OutgoingRequests): Encrypt {
  const serial = createSerial();

  const encrypt = async (message: RoomMessage): Promise<JsonObject> => {
    const room = roomIdOf(wasm, message.roomId);
    if (!room) throw new BridgeError("reject", "This room has no valid id.");
    await machine.updateTrackedUsers(userIds(wasm, message.members));
    // Who joined since the last time has devices that we have not seen; without them they could not read this.
    await requests.flush();
    await serial("claim", async () => {
      const claim = await machine.getMissingSessions(userIds(wasm, message.members));
      if (claim) await requests.send(claim);
    });
    // Before every message: the library does not change an old session for a new one by itself, it throws. What could
    // not be sent is in the next answer again.
    const shares = await machine.shareRoomKey(room, userIds(wasm, message.members), settingsOf(wasm, message));
    for (const share of shares) await requests.send(share);
    const content = JSON.parse(
      await machine.encryptRoomEvent(room, message.type, JSON.stringify(message.content)),
    ) as unknown;
    if (!isObject(content)) throw new Error("the encrypted content is no object");
    return content;
  };

  return (message) => {
    if (textAt(message.encryption, "algorithm") !== "m.megolm.v1.aes-sha2") {
      return Promise.reject(new BridgeError("reject", "This room is encrypted in a way that is not known here."));
    }
    return serial(`room ${message.roomId}`, () => encrypt(message));
  };
}

function settingsOf(wasm: CryptoWasm, { encryption, historyVisibility }: RoomMessage): Wasm.EncryptionSettings {
  const settings = new wasm.EncryptionSettings();
  settings.algorithm = wasm.EncryptionAlgorithm.MegolmV1AesSha2;
  settings.historyVisibility = visibilityOf(wasm, historyVisibility);
  // All devices, as Element does by default: a message that some do not get is worse than one that an unverified gets.
  settings.sharingStrategy = wasm.CollectStrategy.deviceBasedStrategy(false, false);
  const milliseconds = positive(numberAt(encryption, "rotation_period_ms"));
  if (milliseconds !== undefined) settings.rotationPeriod = BigInt(milliseconds) * 1000n; // in microseconds
  const messages = positive(numberAt(encryption, "rotation_period_msgs"));
  if (messages !== undefined) settings.rotationPeriodMessages = BigInt(messages);
  return settings;
}

/** The room's admin writes what they like; the library sets its own bounds to what is a number. */
const positive = (value: number | undefined): number | undefined =>
  Number.isSafeInteger(value) && Number(value) > 0 && Number(value) < 2 ** 43 ? value : undefined;

function visibilityOf(wasm: CryptoWasm, name: string | undefined): Wasm.HistoryVisibility {
  switch (name) {
    case "invited":
      return wasm.HistoryVisibility.Invited;
    case "joined":
      return wasm.HistoryVisibility.Joined;
    case "world_readable":
      return wasm.HistoryVisibility.WorldReadable;
    default:
      return wasm.HistoryVisibility.Shared;
  }
}
