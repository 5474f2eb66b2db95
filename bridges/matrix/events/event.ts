// An event taken apart: the fields that all events have (client-server specification, "Room event format").
import type { Peer, RemoteId } from "#bridge";
import { isEventId, isUserId } from "../ids.ts";
import { field, isObject, text } from "./shape.ts";

/** What the caller knows and the event does not say. */
export interface EventContext {
  /** The user's own id. */
  readonly self: RemoteId;
  readonly peer: Peer;
  /** The room is a conversation of two: who is in it and what it is called is no news. */
  readonly direct: boolean;
  /** Display name of the sender in the room, as the network has it. */
  readonly name?: string | undefined;
  /** Milliseconds since the epoch: events cannot be newer, whatever they claim. */
  readonly arrivedAt?: number | undefined;
  /** What is said in place of an m.room.encrypted, which could not be decrypted. */
  readonly undecryptable?: string | undefined;
  /** For the end of a poll: its result, in place of what the event says. */
  readonly pollResult?: string | undefined;
  /** Content of the room's m.room.power_levels. */
  readonly powerLevels?: unknown;
  /** The room's whole m.room.create event. */
  readonly create?: unknown;
}

/** What all incoming events have. */
export interface Base {
  readonly id: RemoteId;
  readonly peer: Peer;
  readonly from: RemoteId | "self";
  readonly sentAt: number;
}

/** An event, taken apart. `content` is an object, `stateKey` undefined for an event of the timeline. */
export interface ParsedEvent {
  readonly base: Base;
  readonly type: string;
  readonly sender: RemoteId;
  readonly content: object;
  readonly stateKey: string | undefined;
  readonly raw: unknown;
}

/** Undefined for what is no event of a room. */
export function parseEvent(raw: unknown, { self, peer, arrivedAt }: EventContext): ParsedEvent | undefined {
  const [id, sender, type] = [field(raw, "event_id"), field(raw, "sender"), text(field(raw, "type"))];
  const content = field(raw, "content");
  if (!isEventId(id) || !isUserId(sender) || type === undefined || !isObject(content)) return undefined;
  const claimed = field(raw, "origin_server_ts");
  const latest = arrivedAt ?? Number.MAX_SAFE_INTEGER;
  const sentAt = Number.isSafeInteger(claimed) && Number(claimed) > 0 ? Math.min(Number(claimed), latest) : arrivedAt;
  return {
    base: { id, peer, from: sender === self ? "self" : sender, sentAt: sentAt ?? 0 },
    type,
    sender,
    content,
    stateKey: text(field(raw, "state_key")),
    raw,
  };
}
