// Chats of two that a user of ours begins.
import { BridgeError, type RemoteId } from "#bridge";
import type { Api } from "../api.ts";
import { MatrixError, matrixError } from "../errors.ts";
import { isUserId, parseUserId } from "../ids.ts";
import { textAt } from "../json.ts";
import { type GhostSpace, isOurs, userOf } from "./ghost-id.ts";
import type { Ledger } from "./ledger.ts";
import { directWith } from "./memberships.ts";
import type { SharedRooms } from "./shared-rooms.ts";

export interface GhostChatsDeps {
  /** Who begins them. */
  readonly self: RemoteId;
  readonly api: Api;
  readonly rooms: SharedRooms;
  readonly ledger: Ledger;
  readonly space: GhostSpace;
}

/** A request that made a room may have got through: so long the news of it is waited for before the next try (ms). */
const afterLostAnswer = 5000;

export class GhostChats {
  readonly #deps: GhostChatsDeps;
  readonly #opening = new Map<RemoteId, Promise<string>>();

  constructor(deps: GhostChatsDeps) {
    this.#deps = deps;
  }

  /** The room of the chat with a person, made if need be. @throws BridgeError */
  async open(userId: RemoteId): Promise<string> {
    const under = this.#opening.get(userId);
    if (under !== undefined) return under;
    const opening = this.#open(userId).finally(() => this.#opening.delete(userId));
    this.#opening.set(userId, opening);
    return opening;
  }

  async #open(userId: RemoteId): Promise<string> {
    const { self, api, rooms, space } = this.#deps;
    if (isOurs(userId, space)) throw onXmpp(userOf(userId, space));
    try {
      const chat = rooms.chatWith(self, userId);
      if (chat?.ours.get(self) === "join") return chat.state.id;
      if (chat !== undefined) {
        await api.request("POST", ["v3", "rooms", chat.state.id, "join"], { body: {} });
        return chat.state.id;
      }
      await this.#mustExist(userId);
    } catch (cause) {
      throw matrixError(cause);
    }
    const roomId = await this.#create(userId);
    await this.#deps.ledger.change(async ({ rooms: draft }) => {
      const room = draft.room(roomId);
      room.ours.set(self, "join");
      room.partner ??= userId;
      room.partnerThere = true;
      // An earlier one, made when the gateway was killed and heard of only now, does not take its place.
      room.state.activeAt = Date.now();
    });
    return roomId;
  }

  /** The homeserver would invite anybody, and the message would lie in an empty room. Of other servers' users it cannot tell. */
  async #mustExist(userId: RemoteId): Promise<void> {
    const { api, space } = this.#deps;
    if (!isUserId(userId) || parseUserId(userId)?.server !== space.serverName) return;
    try {
      await api.request("GET", ["v3", "profile", userId]);
    } catch (cause) {
      if (!(cause instanceof MatrixError) || cause.code !== "M_NOT_FOUND") throw cause;
      throw new BridgeError("reject", `There is no Matrix user ${userId}.`, { condition: "item-not-found", cause });
    }
  }

  async #create(userId: RemoteId): Promise<string> {
    const body = {
      preset: "trusted_private_chat",
      is_direct: true,
      invite: [userId],
      creation_content: { [directWith]: userId },
    };
    let failure: BridgeError | undefined;
    try {
      const roomId = textAt(await this.#deps.api.request("POST", ["v3", "createRoom"], { body }), "room_id");
      if (roomId !== undefined) return roomId;
    } catch (cause) {
      failure = matrixError(cause);
      if (failure.kind !== "retry" || !failure.uncertain) throw failure;
    }
    throw new BridgeError("retry", "The Matrix server did not say what became of the new chat.", {
      retryAfter: Math.max(failure?.retryAfter ?? 0, afterLostAnswer),
      cause: failure,
    });
  }
}

function onXmpp(user: string | undefined): BridgeError {
  const where = user === undefined ? "" : `: write to ${user}`;
  return new BridgeError("reject", `That is a user of XMPP${where}.`, { condition: "not-acceptable" });
}
