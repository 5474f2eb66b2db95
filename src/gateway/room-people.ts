// The people of a room as one account sees them: nicks, who is shown, and rows for those who are there.
import type { AnyBridge, RemoteId } from "#bridge";
import { newKey } from "./keys.ts";
import { nickFor } from "./nicks.ts";
import { peerKey } from "./lane-ports.ts";
import type { AccountRecord } from "./ports.ts";
import type { XmppOutput } from "./xmpp-ports.ts";
import type { Person, RoomEvent } from "./room-events.ts";
import { keepContact, type Naming } from "./room-names.ts";
import type { ParticipantRecord, RoomTables } from "./room-ports.ts";

export interface RoomContext {
  readonly account: AccountRecord;
  readonly naming: Naming;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export function contextOf(
  account: AccountRecord,
  { bridge, output }: { readonly bridge: AnyBridge; readonly output: XmppOutput },
  now: number,
): RoomContext {
  const naming = { contacts: bridge.contacts, rooms: bridge.rooms, fits: (local: string) => output.fits(local) };
  return { account, naming, now };
}

/** People kept of one room. */
const mostKept = 2_000;
/** People shown in one room: more presence than this no client wants (matrix.md section 8). */
export const mostListed = 500;
/** Somebody's last activity is written down this often, in milliseconds: it only orders people. */
const activityStep = 60_000;

/** Somebody who is known to be in the room because they act there. */
export function actingPerson(
  tables: RoomTables,
  context: RoomContext,
  room: RemoteId,
  id: RemoteId,
  name: string | undefined,
): ParticipantRecord {
  const known = personOf(tables, context, room, id, name);
  const hidden = known.state === "joined" && !known.listed && isOccupied(tables, context, room);
  if (!hidden && context.now - known.activeAt < activityStep) return known;
  const active = { ...known, activeAt: context.now };
  if (hidden) list(tables, context, active);
  else tables.saveParticipant(active);
  return active;
}

/** A row for those who are in the room; none when nobody is. */
export function tell(
  tables: RoomTables,
  context: RoomContext,
  room: RemoteId,
  event: RoomEvent,
  key = newKey(context.now),
): void {
  if (isOccupied(tables, context, room)) append(tables, context, room, event, key);
}

export const toPerson = (participant: ParticipantRecord, { account }: RoomContext): Person => ({
  id: participant.id,
  nick: participant.nick,
  rank: participant.rank,
  self: participant.id === account.self,
  avatar: participant.avatar,
});

/** The record of somebody, made when they are new. */
export function personOf(
  tables: RoomTables,
  context: RoomContext,
  room: RemoteId,
  id: RemoteId,
  name: string | undefined,
): ParticipantRecord {
  const { account, naming, now } = context;
  const known = tables.participant(account.id, room, id);
  if (known) return known;
  keepContact(tables, account.id, id, naming);
  if (tables.counts(account.id, room).kept >= mostKept) {
    const dropped = tables.dropParticipant(account.id, room, account.self);
    if (dropped?.listed)
      tell(tables, context, room, { do: "gone", person: toPerson(dropped, context), how: "unlisted" });
  }
  const fresh: ParticipantRecord = {
    account: account.id,
    room,
    id,
    ...nickFor(name, id, (skeleton) => tables.bySkeleton(account.id, room, skeleton) !== undefined),
    name,
    rank: "member",
    state: "joined",
    listed: false,
    activeAt: now,
  };
  tables.saveParticipant(fresh);
  return fresh;
}

/** Under another name; the nick follows. */
export function rename(tables: RoomTables, person: ParticipantRecord, name: string): ParticipantRecord {
  const taken = (skeleton: string) => {
    const owner = tables.bySkeleton(person.account, person.room, skeleton);
    return owner !== undefined && owner.id !== person.id;
  };
  return { ...person, name, ...nickFor(name, person.id, taken) };
}

/** Somebody is shown from now on; in a crowd the least active one is not any more. */
export function list(tables: RoomTables, context: RoomContext, person: ParticipantRecord): void {
  const { account, room } = person;
  if (tables.counts(account, room).listed >= mostListed) {
    const hidden = tables.unlistOne(account, room, context.account.self);
    if (hidden) tell(tables, context, room, { do: "gone", person: toPerson(hidden, context), how: "unlisted" });
  }
  tables.saveParticipant({ ...person, listed: true });
  tell(tables, context, room, { do: "here", person: toPerson(person, context) });
}

/** As what somebody is known in the room. */
export function nickOf(
  tables: RoomTables,
  { account }: RoomContext,
  room: RemoteId,
  who: RemoteId | "self",
): string | undefined {
  return tables.participant(account.id, room, who === "self" ? account.self : who)?.nick;
}

/** A client of the user's is in. */
export const isOccupied = (tables: RoomTables, { account }: RoomContext, room: RemoteId): boolean =>
  tables.occupants(account.id, room).length > 0;

/** A row of the room's lane, whoever is in it. */
export function append(
  tables: RoomTables,
  { account }: RoomContext,
  room: RemoteId,
  event: RoomEvent,
  key: string,
): void {
  const peer = peerKey({ kind: "room", id: room });
  tables.append({ direction: "incoming", account: account.id, peer, key, body: { kind: "room", event } });
}
