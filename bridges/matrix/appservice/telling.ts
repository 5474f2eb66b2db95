// What a transaction is read with, and how users of ours are told of it.
import type { Hint, Incoming, Logger, RemoteId, ServiceHost } from "#bridge";
import { eventToIncoming } from "../event-to-message.ts";
import { isObject } from "../json.ts";
import { ranksChanged } from "../members.ts";
import { resultOf } from "../poll-count.ts";
import type { RoomEvent } from "../wire.ts";
import { type GhostSpace, userOf } from "./ghost-id.ts";
import type { Ghosts } from "./ghosts.ts";
import type { Homeserver } from "./homeserver.ts";
import type { Change } from "./ledger.ts";
import { peerIn, type SharedRoom, type SharedRooms, stateFor } from "./shared-rooms.ts";

/** Who types where, as the last list said; ours are left out (M04). */
export type Typing = Map<string, ReadonlySet<RemoteId>>;

export interface ReadDeps {
  readonly space: GhostSpace;
  readonly bot: RemoteId;
  readonly host: Pick<ServiceHost<unknown>, "findAccount" | "enrol" | "groupChats">;
  readonly ghosts: Ghosts;
  readonly rooms: SharedRooms;
  readonly homeserver: Homeserver;
  readonly typing: Typing;
  /** Of Matrix, in one group chat of XMPP. */
  readonly mostPeople: number;
  readonly log: Logger;
}

/** A transaction on its way. */
export interface Reading extends ReadDeps {
  readonly change: Change;
  /** Fleeting news, for after the commit. */
  readonly hints: { readonly account: number; readonly hint: Hint }[];
  /** Until then (ms, monotonic) the homeserver may be asked something on the way. */
  readonly deadline: number;
  readonly now: number;
  /** Polls whose votes were asked for. */
  readonly counted: Set<string>;
}

/** Everybody of ours who is in the room, but not about what they did themselves (M04). */
export async function tellAll(event: RoomEvent, room: SharedRoom, reading: Reading, except?: RemoteId): Promise<void> {
  if (room.state.space) return;
  const pollResult = await pollResultFor(event, room, reading);
  for (const [ghost, membership] of room.ours) {
    if (membership !== "join" || ghost === reading.bot || ghost === except) continue;
    if (ghost === event.sender && event.state_key === undefined) continue;
    const account = await accountOf(ghost, reading);
    if (account !== undefined) reading.change.tell(account, newsFor(ghost, event, room, reading.now, pollResult));
  }
}

/** The homeserver is asked as one of ours who is in the room, while there is time. */
async function pollResultFor(
  event: RoomEvent,
  room: SharedRoom,
  { homeserver, counted, deadline }: Reading,
): Promise<string | undefined> {
  const [member] = [...room.ours].find(([, membership]) => membership === "join") ?? [];
  if (member === undefined || performance.now() > deadline) return undefined;
  return resultOf(event, room.state.id, { api: homeserver.as(member), encryption: noKeys, counted });
}

const noKeys = { decrypt: async () => ({ kind: "failed", reason: "" }) as const };

/** What an event says to one of ours. */
export function newsFor(
  ghost: RemoteId,
  event: RoomEvent,
  room: SharedRoom,
  arrivedAt: number,
  pollResult?: string,
): readonly Incoming[] {
  const peer = peerIn(room);
  const { state } = room;
  if (event.type === "m.room.power_levels")
    return peer.kind === "room" ? ranksChanged(event, stateFor(room, ghost), peer, ghost) : [];
  const news = eventToIncoming(event, {
    self: ghost,
    peer,
    direct: peer.kind === "contact",
    name: state.members.get(event.sender)?.name,
    arrivedAt,
    pollResult,
    powerLevels: state.power,
    create: state.create,
  });
  return news.map((one) => withPlace(one, event, room));
}

const unreadable: Readonly<Record<string, string>> = {
  "m.room.encrypted": "[This message is encrypted and cannot be read here. The other side was told.]",
  "m.room.encryption":
    "Messages here are encrypted from now on: they can neither be read nor written through this gateway.",
};

/** Several chats with one person look like one: what answers a message must find the room of it again. */
function withPlace(news: Incoming, event: RoomEvent, room: SharedRoom): Incoming {
  if (news.type !== "message") return news;
  const text = unreadable[event.type] ?? news.text;
  if (news.peer.kind === "room") return { ...news, text };
  const context = isObject(news.context) ? news.context : {};
  return { ...news, text, context: { ...context, room: room.state.id } };
}

export async function accountOf(ghost: RemoteId, { host }: Pick<Reading, "host">): Promise<number | undefined> {
  return (await host.findAccount(ghost))?.id;
}

/** The account of one of ours, made for a user who may have one; undefined for what is nobody's id. */
export async function enrolled(
  ghost: RemoteId,
  reading: Pick<Reading, "host" | "space" | "ghosts">,
): Promise<number | undefined> {
  const { host, space, ghosts } = reading;
  const known = await host.findAccount(ghost);
  if (known !== undefined) return known.id;
  const user = userOf(ghost, space);
  if (user === undefined || !ghosts.admit(ghost)) return undefined;
  const made = await host.enrol(user);
  return made?.self === ghost ? made.id : undefined;
}
