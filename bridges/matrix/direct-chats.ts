// Chats of two: found, accepted or made, and kept in the account data `m.direct`, where other clients look for them.
import { BridgeError, type Logger } from "#bridge";
import type { Api } from "./api.ts";
import { MatrixError, matrixError } from "./errors.ts";
import { type JsonObject, textAt } from "./json.ts";
import { isUserId } from "./ids.ts";
import { type DirectRooms, directToJson, parseDirect, partnersOf, withoutChat } from "./direct-rooms.ts";
import type { Rooms } from "./rooms.ts";

export interface DirectChatsDeps {
  readonly rooms: Rooms;
  readonly api: Api;
  readonly log: Logger;
  /** Whether a new chat is encrypted. @throws BridgeError */
  readonly encrypt: () => Promise<boolean>;
}

/** A request that made a room may have reached the server: so long its echo is waited for before the next try (ms). */
const afterLostAnswer = 5000;

export class DirectChats {
  readonly #deps: DirectChatsDeps;
  readonly #opening = new Map<string, Promise<string>>();
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: DirectChatsDeps) {
    this.#deps = deps;
  }

  /** The room of the chat with a person; an invitation of theirs is accepted, or a room made. @throws BridgeError */
  async open(userId: string): Promise<string> {
    const { rooms, api } = this.#deps;
    const chat = rooms.chatWith(userId);
    if (chat?.self === "join") return chat.id;
    const under = this.#opening.get(userId);
    if (under !== undefined) return under;
    // No sync answer is read meanwhile: it would take the room for one like others.
    const opening = rooms.exclusive(async () => {
      const roomId = await (chat === undefined ? this.#create(userId) : join(chat.id, api));
      await rooms.addDirect(roomId, userId);
      return roomId;
    });
    this.#opening.set(userId, opening);
    try {
      const roomId = await opening;
      this.remember(new Map([[roomId, userId]]));
      return roomId;
    } finally {
      this.#opening.delete(userId);
    }
  }

  /** Puts chats into `m.direct`, person by room, in the background. */
  remember(chats: ReadonlyMap<string, string>): void {
    for (const [roomId, userId] of chats)
      this.#change((direct) => {
        const known = direct.get(userId) ?? [];
        return known.includes(roomId) ? direct : new Map([...direct, [userId, [...known, roomId]]]);
      });
  }

  /** Takes a chat out of `m.direct`, in the background. */
  forget(roomId: string): void {
    this.#change((direct) => (partnersOf(direct).has(roomId) ? withoutChat(direct, roomId) : direct));
  }

  async close(): Promise<void> {
    await this.#writing;
  }

  async #create(userId: string): Promise<string> {
    if (!isUserId(userId))
      throw new BridgeError("reject", "That is not a Matrix user.", { condition: "item-not-found" });
    await this.#mustExist(userId);
    const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
    const encrypted = await this.#deps.encrypt();
    try {
      const answer = await this.#deps.api.request("POST", ["v3", "createRoom"], {
        body: {
          preset: "trusted_private_chat",
          is_direct: true,
          invite: [userId],
          ...(encrypted ? { initial_state: [encryption] } : {}),
        },
      });
      const roomId = textAt(answer, "room_id");
      if (roomId !== undefined) return roomId;
    } catch (cause) {
      const error = matrixError(cause);
      if (error.kind !== "retry" || !error.uncertain) throw error;
      const retryAfter = Math.max(error.retryAfter ?? 0, afterLostAnswer);
      throw new BridgeError("retry", error.message, { retryAfter, cause });
    }
    throw new BridgeError("retry", "The Matrix server made a room without an id.", { retryAfter: afterLostAnswer });
  }

  /** A mistyped address would get a room with nobody in it: servers invite whoever is named. */
  async #mustExist(userId: string): Promise<void> {
    try {
      await this.#deps.api.request("GET", ["v3", "profile", userId]);
    } catch (cause) {
      // Profiles may be hidden, and other servers away: only a clear no counts. Synapse 1.160 says M_UNKNOWN with it.
      const isNo = cause instanceof MatrixError && cause.status === 404 && /^M_(?:NOT_FOUND|UNKNOWN)$/.test(cause.code);
      if (!isNo) return;
      throw new BridgeError("reject", `There is no ${userId} on Matrix.`, { condition: "item-not-found", cause });
    }
  }

  /** Reads the list anew: another client may have written since the last sync. `change` returns the same when there is none. */
  #change(change: (direct: DirectRooms) => DirectRooms): void {
    const { api, rooms, log } = this.#deps;
    const path = ["v3", "user", rooms.self, "account_data", "m.direct"];
    this.#writing = this.#writing.then(async () => {
      try {
        const direct = parseDirect(await api.request("GET", path).catch(emptyIfAbsent));
        const changed = change(direct);
        if (changed !== direct) await api.request("PUT", path, { body: directToJson(changed) });
      } catch (error) {
        // Other clients then show the chat as a room; the registry here has it.
        log.warn({ err: error }, "m.direct could not be written");
      }
    });
  }
}

async function join(roomId: string, api: Api): Promise<string> {
  try {
    await api.request("POST", ["v3", "rooms", roomId, "join"], { body: {} });
    return roomId;
  } catch (cause) {
    throw matrixError(cause);
  }
}

function emptyIfAbsent(error: unknown): JsonObject {
  if (error instanceof MatrixError && error.status === 404) return {};
  throw error;
}
