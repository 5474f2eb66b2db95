// User to network: messages, edits, retractions, reactions, how far was read.
import {
  BridgeError,
  type Json,
  type MessageRef,
  type OutgoingMessage,
  type Peer,
  type RemoteId,
  type Sent,
} from "#bridge";
import type { Api } from "./api.ts";
import type { DirectChats } from "./direct-chats.ts";
import { MatrixError, matrixError } from "./errors.ts";
import { isEventId, isRoomId, isUserId } from "./ids.ts";
import { field, isObject, type JsonObject, listAt, objectAt, textAt } from "./json.ts";
import { voteIn } from "./events/polls.ts";
import type { Media } from "./media.ts";
import { editContent, fileContent, messageContent, qualified, reactionContent, threadOf } from "./message-to-event.ts";
import { type RoomSender, sealedType } from "./room-sender.ts";
import type { Rooms } from "./rooms.ts";
import { parseEvents } from "./wire.ts";

export interface OutgoingDeps {
  readonly api: Api;
  readonly rooms: Pick<Rooms, "self" | "chatWith" | "newestOf">;
  readonly direct: Pick<DirectChats, "open">;
  readonly sender: RoomSender;
  readonly media: Media;
  /** A message went into a room. */
  readonly onSent: (roomId: string) => void;
}

export interface Outgoing {
  prepare(message: OutgoingMessage): Promise<Json>;
  send(message: OutgoingMessage, prepared?: Json): Promise<Sent>;
  edit(target: MessageRef, message: OutgoingMessage): Promise<Sent>;
  retract(target: MessageRef, peer: Peer, key: string, reason?: string): Promise<void>;
  react(target: MessageRef, peer: Peer, emoji: string, key: string): Promise<Sent>;
  unreact(reaction: RemoteId, peer: Peer, key: string, target?: MessageRef): Promise<void>;
  markRead(target: MessageRef, peer: Peer): Promise<void>;
  /** The room of a peer that has one. */
  roomOf(peer: Peer, target?: MessageRef): string;
}

const messageType = "m.room.message";

/** What `prepare` makes of a message: where it goes, and in an encrypted room the very bytes. */
interface Frozen {
  readonly room: string;
  /** Content of an m.room.encrypted. */
  readonly sealed?: JsonObject;
}

/** The library's ciphertext came as JSON. */
const toJson = ({ room, sealed }: Frozen): Json => (sealed === undefined ? room : { room, sealed: sealed as Json });

/** Undefined for what is not of `toJson`: the room was not known then. */
function fromJson(prepared: Json | undefined): Frozen | undefined {
  if (typeof prepared === "string") return isRoomId(prepared) ? { room: prepared } : undefined;
  const [room, sealed] = [textAt(prepared, "room"), field(prepared, "sealed")];
  return room !== undefined && isRoomId(room) && isObject(sealed) ? { room, sealed } : undefined;
}

export function createOutgoing({ api, rooms, direct, sender, media, onSent }: OutgoingDeps): Outgoing {
  /** What answers a message belongs into that message's room, also when the chat goes on in another by now. */
  function placeOf(peer: Peer, target: MessageRef | undefined): string | undefined {
    const named = textAt(target?.context, "room");
    if (named !== undefined && isRoomId(named)) return named;
    // Without a place of its own it was said before the first upgrade of the room.
    if (peer.kind === "room") return isRoomId(peer.id) ? (target ? peer.id : rooms.newestOf(peer.id)) : undefined;
    const chat = rooms.chatWith(peer.id);
    return chat?.self === "join" ? chat.id : undefined;
  }

  function roomOf(peer: Peer, target?: MessageRef): string {
    const roomId = placeOf(peer, target);
    if (roomId !== undefined) return roomId;
    throw new BridgeError("reject", "There is no such chat on Matrix.", { condition: "item-not-found" });
  }

  /** Where something new is said: in the version of a room that is open. */
  function openPlaceOf(peer: Peer, target: MessageRef | undefined): string | undefined {
    const roomId = placeOf(peer, target);
    return roomId === undefined ? undefined : rooms.newestOf(roomId);
  }

  /** The same, but a person without a chat gets one. */
  async function openRoom(peer: Peer, target: MessageRef | undefined): Promise<string> {
    const roomId = openPlaceOf(peer, target);
    if (roomId !== undefined) return roomId;
    if (peer.kind === "room" || !isUserId(peer.id)) return roomOf(peer);
    return direct.open(peer.id);
  }

  /** As it would go into a room that is not encrypted. */
  async function eventOf(message: OutgoingMessage, roomId: string) {
    return voteIn(message) ?? { type: messageType, content: await contentOf(message, roomId) };
  }

  async function contentOf(message: OutgoingMessage, roomId: string) {
    const encrypted = await sender.isEncrypted(roomId);
    if (message.file === undefined) return messageContent(message, { encrypted });
    // Before the upload: what will be refused is not carried there.
    await sender.mustBeSendable(roomId);
    const upload = await media.take(message.file, encrypted);
    if (!encrypted && (await sender.isEncrypted(roomId)))
      throw new BridgeError("retry", "The chat became encrypted while the file was on its way.", { retryAfter: 0 });
    return fileContent(message, upload, { encrypted });
  }

  async function freeze(message: OutgoingMessage, roomId: string): Promise<Frozen> {
    if (!(await sender.isEncrypted(roomId))) return { room: roomId };
    const event = await eventOf(message, roomId);
    const sealed = await sender.seal({ roomId, ...event, transaction: message.key });
    return { room: roomId, sealed: sealed.content };
  }

  return {
    roomOf,
    // A retry goes where the first attempt went, even if the chat with that person has moved meanwhile.
    async prepare(message) {
      const roomId = openPlaceOf(message.peer, message.replyTo);
      return roomId === undefined ? null : toJson(await freeze(message, roomId));
    },
    async send(message, prepared) {
      const { room: roomId, sealed } =
        fromJson(prepared) ?? (await freeze(message, await openRoom(message.peer, message.replyTo)));
      const transaction = message.key;
      const event =
        sealed === undefined
          ? { roomId, ...(await eventOf(message, roomId)), transaction }
          : { roomId, type: sealedType, content: sealed, transaction };
      const id = await sender.send(event, { uncertain: message.uncertain, since: message.sentAt });
      onSent(roomId);
      const thread = threadOf(message);
      return {
        id,
        context: {
          ...(roomId === message.peer.id ? {} : { room: roomId }),
          ...(thread === undefined ? {} : { thread }),
        },
        ...(thread === undefined ? {} : { thread }),
      };
    },
    async edit(target, message) {
      const roomId = roomOf(message.peer, target);
      const encrypted = await sender.isEncrypted(roomId);
      const content = editContent(target.id, message, { encrypted });
      const event = { roomId, type: messageType, content, transaction: message.key };
      const id = await sender.send(event, { uncertain: message.uncertain, since: message.sentAt });
      return { id, ...(target.context === undefined ? {} : { context: target.context }) };
    },
    async retract(target, peer, key, reason) {
      await sender.redact(roomOf(peer, target), target.id, key, reason);
    },
    async react(target, peer, emoji, key) {
      const roomId = roomOf(peer, target);
      try {
        return {
          id: await sender.send({
            roomId,
            type: "m.reaction",
            content: reactionContent(target.id, emoji),
            transaction: key,
          }),
        };
      } catch (error) {
        const cause = error instanceof BridgeError ? error.cause : error;
        if (!(cause instanceof MatrixError) || cause.code !== "M_DUPLICATE_ANNOTATION") throw error;
        // It stands there already, from another client or an attempt that the server forgot.
        return { id: (await ownReaction(roomId, target.id, emoji)) ?? `${target.id} ${emoji}` };
      }
    },
    async unreact(reaction, peer, key, target) {
      if (isEventId(reaction)) await sender.redact(roomOf(peer, target), reaction, key);
    },
    async markRead(target, peer) {
      const path = ["v3", "rooms", roomOf(peer, target), "read_markers"];
      sender.noteRead(target.id);
      try {
        await api.request("POST", path, { body: { "m.fully_read": target.id, "m.read": target.id } });
      } catch (cause) {
        throw matrixError(cause);
      }
    },
  };

  async function ownReaction(roomId: string, eventId: string, emoji: string): Promise<string | undefined> {
    const path = ["v1", "rooms", roomId, "relations", eventId, "m.annotation", "m.reaction"];
    const answer = await api.request("GET", path, { query: { limit: "100" } }).catch(() => ({}));
    const isIt = (content: unknown): boolean => field(objectAt(content, "m.relates_to"), "key") === qualified(emoji);
    return parseEvents(listAt(answer, "chunk")).find((event) => event.sender === rooms.self && isIt(event.content))
      ?.event_id;
  }
}
