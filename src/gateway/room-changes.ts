// What events of a network do to the rooms of an account: inside one commit, from what is stored to what is true now and
// the rows that tell it to those who are in the room.
import type { AvatarId, IncomingMembership, IncomingRoom, RemoteId } from "#bridge";
import { newKey } from "./keys.ts";
import { cleanNick } from "./nicks.ts";
import type { Departure, RoomEvent } from "./room-events.ts";
import { roomLocal } from "./room-names.ts";
import {
  append,
  isOccupied,
  list,
  mostListed,
  nickOf,
  personOf,
  rename,
  type RoomContext,
  tell,
  toPerson,
} from "./room-people.ts";
import type { ParticipantRecord, RoomRecord, RoomTables } from "./room-ports.ts";

/** Anybody can invite the user anywhere: rooms beyond this are not remembered. */
const mostRooms = 10_000;
/** Characters. */
const longestTopic = 10_000;

/** The record of a room, made when it is new. Undefined when there are too many, or it can have no JID. */
export function roomOf(
  tables: RoomTables,
  { account, naming }: RoomContext,
  id: RemoteId,
  hints: { readonly address?: RemoteId | undefined; readonly name?: string | undefined } = {},
): RoomRecord | undefined {
  const known = tables.room(account.id, id);
  if (known) return known;
  if (tables.roomCount(account.id) >= mostRooms) return undefined;
  const local = roomLocal(tables, account.id, id, naming, hints);
  if (local === undefined) return undefined;
  const room: RoomRecord = {
    account: account.id,
    id,
    local,
    name: undefined,
    topic: undefined,
    topicBy: undefined,
    topicAt: undefined,
    access: "members",
    members: undefined,
    self: "unknown",
    invitedBy: undefined,
  };
  tables.saveRoom(room);
  return room;
}

export function roomChanged(tables: RoomTables, context: RoomContext, event: IncomingRoom): void {
  const { account } = context;
  const before = roomOf(tables, context, event.peer.id, event);
  if (before === undefined) return;
  const by = nickOf(tables, context, before.id, event.from);
  const topicChanged = event.topic !== undefined && event.topic !== (before.topic ?? "");
  const after: RoomRecord = {
    ...before,
    name: event.name === undefined ? before.name : cleanNick(event.name) || undefined,
    ...(topicChanged
      ? { topic: event.topic?.slice(0, longestTopic).toWellFormed() || undefined, topicBy: by, topicAt: event.sentAt }
      : {}),
    access: event.access ?? before.access,
    members: event.members ?? before.members,
    avatar: avatarAfter(before.avatar, event.avatar),
  };
  tables.saveRoom(after);
  if (event.anew) leaveAll(tables, context, after.id);
  if (after.name !== before.name || after.access !== before.access || after.avatar !== before.avatar)
    tell(tables, context, after.id, { do: "configured" });
  if (topicChanged) {
    const text = after.topic ?? "";
    tell(tables, context, after.id, { do: "subject", text, at: event.sentAt, ...(by === undefined ? {} : { by }) });
  }
  if (event.self === "joined") tables.saveRoom({ ...after, self: "joined" });
  if (event.self === "invited") invited(tables, context, after, event.from === "self" ? undefined : event.from);
  if (event.self === "left") expel(tables, context, after, { how: "left" });
  if (event.offer !== undefined) show(tables, context, after, event.offer);
  if (event.self === "joined" && tables.participant(account.id, after.id, account.self)?.state !== "joined")
    arrive(tables, context, after.id, account.self, {});
}

export function membershipChanged(tables: RoomTables, context: RoomContext, event: IncomingMembership): void {
  const { account } = context;
  const room = roomOf(tables, context, event.peer.id);
  if (room === undefined) return;
  const id = event.who === "self" ? account.self : event.who;
  const self = id === account.self;
  const by = nickOf(tables, context, room.id, event.from);
  const why = {
    ...(event.reason ? { reason: event.reason } : {}),
    ...(by !== undefined && event.from !== event.who ? { by } : {}),
  };
  switch (event.state) {
    case "joined":
      if (self && room.self !== "joined") tables.saveRoom({ ...room, self: "joined" });
      return arrive(tables, context, room.id, id, event);
    case "invited":
      if (self) return invited(tables, context, room, event.from === "self" ? undefined : event.from, event.reason);
      // Kept for the list of members; somebody who is there already stays.
      if (tables.participant(account.id, room.id, id) === undefined)
        tables.saveParticipant({ ...personOf(tables, context, room.id, id, event.name), state: "invited" });
      return;
    case "left":
    case "kicked":
    case "banned":
      if (self) return expel(tables, context, room, { how: event.state, ...why });
      return depart(tables, context, room.id, id, event.state, why);
    default:
      return event.state satisfies never;
  }
}

/** Asks the user in, unless they were asked already or are there. */
function invited(
  tables: RoomTables,
  context: RoomContext,
  room: RoomRecord,
  by: RemoteId | undefined,
  reason?: string,
): void {
  if (room.self === "invited" || room.self === "joined") return;
  tables.saveRoom({ ...room, self: "invited", invitedBy: by });
  offer(tables, context, room, { ...(by === undefined ? {} : { by }), ...(reason ? { reason } : {}) });
}

/** An invitation row, whoever is in the room. */
export function offer(
  tables: RoomTables,
  context: RoomContext,
  room: RoomRecord,
  why: { readonly by?: RemoteId; readonly reason?: string },
): void {
  const event: RoomEvent = { do: "invited", ...why, ...(room.name === undefined ? {} : { name: room.name }) };
  append(tables, context, room.id, event, newKey(context.now));
}

/** The user's clients hear of a room that they did not join. */
function show(
  tables: RoomTables,
  context: RoomContext,
  room: RoomRecord,
  offer: NonNullable<IncomingRoom["offer"]>,
): void {
  const { account } = context;
  if (isOccupied(tables, context, room.id)) return;
  const { nick } = personOf(tables, context, room.id, account.self, undefined);
  const name = room.name === undefined ? {} : { name: room.name };
  append(tables, context, room.id, { do: "joined", nick, offer, ...name }, newKey(context.now));
}

function arrive(
  tables: RoomTables,
  context: RoomContext,
  room: RemoteId,
  id: RemoteId,
  event: Partial<Pick<IncomingMembership, "name" | "rank" | "avatar">>,
): void {
  const { account, now } = context;
  const known = tables.participant(account.id, room, id);
  const before = known ?? personOf(tables, context, room, id, event.name);
  const wasThere = known?.state === "joined";
  const called = event.name === undefined || event.name === before.name ? before : rename(tables, before, event.name);
  const after: ParticipantRecord = {
    ...called,
    rank: event.rank ?? (before.rank === "outcast" ? "member" : before.rank),
    state: "joined",
    activeAt: wasThere ? before.activeAt : now,
    avatar: avatarAfter(before.avatar, event.avatar),
  };
  if (!before.listed) {
    // Only who speaks takes the place of another one: a crowd that comes in is no storm of presence (security.md M14).
    const isRoom = tables.counts(account.id, room).listed < mostListed;
    if (isRoom && isOccupied(tables, context, room)) return list(tables, context, after);
    return tables.saveParticipant(after);
  }
  tables.saveParticipant(after);
  if (after.nick === before.nick && after.rank === before.rank && after.avatar === before.avatar) return;
  const was = after.nick === before.nick ? {} : { was: before.nick };
  tell(tables, context, room, { do: "here", person: toPerson(after, context), ...was });
}

/** The network says anew who is there. */
function leaveAll(tables: RoomTables, context: RoomContext, room: RemoteId): void {
  for (const person of tables.departAll(context.account.id, room, context.account.self))
    tell(tables, context, room, { do: "gone", person: toPerson(person, context), how: "left" });
}

function depart(
  tables: RoomTables,
  context: RoomContext,
  room: RemoteId,
  id: RemoteId,
  how: "left" | "kicked" | "banned",
  why: { readonly by?: string; readonly reason?: string },
): void {
  const known = tables.participant(context.account.id, room, id);
  // Of somebody who was never there only the ban is worth remembering.
  if (known === undefined && how !== "banned") return;
  const before = known ?? personOf(tables, context, room, id, undefined);
  const after: ParticipantRecord = {
    ...before,
    rank: how === "banned" ? "outcast" : before.rank === "outcast" ? "member" : before.rank,
    state: how === "banned" ? "banned" : "left",
    listed: false,
  };
  tables.saveParticipant(after);
  if (before.listed) tell(tables, context, room, { do: "gone", person: toPerson(after, context), how, ...why });
}

/** M13: who was put out on the network is out here in the same commit. */
function expel(
  tables: RoomTables,
  context: RoomContext,
  room: RoomRecord,
  why: { readonly how: Departure; readonly by?: string; readonly reason?: string },
): void {
  const { account } = context;
  tables.saveRoom({ ...room, self: "left", invitedBy: undefined });
  const own = personOf(tables, context, room.id, account.self, undefined);
  const clients = tables.occupants(account.id, room.id).map((occupant) => occupant.client);
  if (clients.length > 0)
    tell(tables, context, room.id, { do: "expelled", person: toPerson(own, context), clients, ...why });
  if (room.self === "joined") append(tables, context, room.id, { do: "forgotten" }, newKey(context.now));
  for (const client of clients) tables.removeOccupant(account.id, room.id, client);
  tables.saveParticipant({ ...own, state: why.how === "banned" ? "banned" : "left", listed: false });
}

const longestAvatar = 1_000;

/** That there is no picture is news only where there may have been one. */
function avatarAfter(
  before: AvatarId | null | undefined,
  told: AvatarId | null | undefined,
): AvatarId | null | undefined {
  if (told === undefined || (told === null && before === undefined)) return before;
  return told !== null && told.length > longestAvatar ? before : told;
}
