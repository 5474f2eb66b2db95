// Who comes into rooms and goes: ours are told of their rooms, rooms are told apart from chats of two.
import type { IncomingRoom, RemoteId } from "#bridge";
import { field, listAt, objectAt, textAt } from "../json.ts";
import { introduce } from "../members.ts";
import { applyState, describeRoom, parseMembership, stateTypes } from "../room-state.ts";
import { isUserId } from "../ids.ts";
import { parseEvents, type RoomEvent } from "../wire.ts";
import { fillIn, type Found, lookInto } from "./look.ts";
import { accountOf, enrolled, newsFor, type Reading, tellAll } from "./telling.ts";
import { peerIn, type SharedRoom, stateFor } from "./shared-rooms.ts";

/** With less time than this (ms) a look is not begun. */
const shortestLook = 100;

/** Strangers make rooms: an invitation to one more is refused. */
const mostRooms = 50_000;

/**
 * In the content of m.room.create: with whom a user of ours began a chat of two. It comes before everything else of the
 * room, also when the answer to the request got lost.
 */
export const directWith = "org.viaduct.direct_with";

/** A room that a user of ours made. */
export function startedByUs(event: RoomEvent, room: SharedRoom): void {
  const partner = textAt(event.content, directWith);
  room.ours.set(event.sender, "join");
  if (partner === undefined || !isUserId(partner)) return;
  room.partner = partner;
  room.partnerThere = true;
}

/** Something happened to one of ours. */
export async function readOurMember(event: RoomEvent, roomId: string, reading: Reading): Promise<void> {
  const who = event.state_key ?? "";
  switch (parseMembership(event.content)) {
    case "invite":
      return invited(who, event, roomId, reading);
    case "join":
      return joined(who, event, reading.change.rooms.room(roomId), reading);
    case "leave":
    case "ban":
      return gone(who, event, roomId, reading);
    default:
      return;
  }
}

async function invited(who: RemoteId, event: RoomEvent, roomId: string, reading: Reading): Promise<void> {
  const { change, bot, rooms } = reading;
  const before = change.rooms.peek(roomId);
  const refuse = (text: string): void => change.todo({ do: "refuse", room: roomId, user: who, text });
  const direct = field(event.content, "is_direct") === true && before === undefined;
  if (who === bot && !direct) return refuse("I talk in direct chats only.");
  if (before === undefined && rooms.size >= mostRooms) return refuse("This gateway has no room for more chats.");
  const account = who === bot ? undefined : await enrolled(who, reading);
  if (who !== bot && account === undefined) return refuse("There is nobody with this address who may use Matrix here.");
  const room = change.rooms.room(roomId);
  room.ours.set(who, "invite");
  for (const stripped of parseEvents(listAt(event.unsigned, "invite_room_state"))) applyState(room.state, stripped, "");
  applyState(room.state, event, "");
  if (direct) {
    room.partner = event.sender;
    room.partnerThere = true;
    change.todo({ do: "accept", room: roomId, user: who });
    return;
  }
  await becomeRoom(room, event, reading);
  const { event_id: id, sender: from, origin_server_ts: sentAt } = event;
  const invitation: IncomingRoom = {
    type: "room",
    id,
    peer: peerIn(room),
    from,
    sentAt,
    ...describeRoom(stateFor(room, who)),
    self: "invited",
  };
  if (account !== undefined) change.tell(account, [invitation]);
  await tellAll(event, room, reading, who);
}

async function joined(who: RemoteId, event: RoomEvent, room: SharedRoom, reading: Reading): Promise<void> {
  const before = room.ours.get(who);
  room.ours.set(who, "join");
  applyState(room.state, event, "");
  count(room, event);
  await tellAll(event, room, reading, who);
  const account = who === reading.bot ? undefined : await accountOf(who, reading);
  if (account === undefined) return;
  if (before === "join" && room.known) return reading.change.tell(account, newsFor(who, event, room, reading.now));
  if (!room.known || room.partner !== undefined) return lookAround(who, event, account, room, reading);
  reading.change.tell(account, welcome(who, event.event_id, event.origin_server_ts, room));
}

/** Now, so that what was said before the join is told before what comes behind it; later when that takes too long. */
async function lookAround(
  who: RemoteId,
  event: RoomEvent,
  account: number,
  room: SharedRoom,
  reading: Reading,
): Promise<void> {
  const timeout = Math.floor(reading.deadline - performance.now());
  const found = await lookNow(who, event, room, reading, timeout);
  if (found === undefined) return reading.change.todo({ do: "look", room: room.state.id, user: who });
  introduceTo({ ghost: who, account, id: event.event_id }, found, room, reading);
}

async function lookNow(
  who: RemoteId,
  event: RoomEvent,
  room: SharedRoom,
  { homeserver, log }: Reading,
  timeout: number,
): Promise<Found | undefined> {
  if (timeout < shortestLook) return undefined;
  try {
    return await lookInto(room, who, event.event_id, homeserver.as(who), timeout);
  } catch (error) {
    log.warn({ err: error, room: room.state.id }, "a room is looked into later: what was said before may come late");
    return undefined;
  }
}

/** To whom a room is new; `id` makes the ids of what they are told. */
export interface Newcomer {
  readonly ghost: RemoteId;
  readonly account: number;
  readonly id: string;
}

/** Tells them what the room is like, and in a chat of two what was said since the invitation. */
export function introduceTo(
  { ghost, account, id }: Newcomer,
  { seen, earlier }: Found,
  room: SharedRoom,
  { change, now }: Pick<Reading, "change" | "now">,
): void {
  fillIn(room, seen);
  change.tell(account, welcome(ghost, id, now, room));
  for (const one of room.partner === undefined ? [] : earlier) {
    const isKnown = one.state_key !== undefined && stateTypes.includes(one.type);
    if (!isKnown && one.sender !== ghost) change.tell(account, newsFor(ghost, one, room, now));
  }
}

function welcome(who: RemoteId, id: string, sentAt: number, room: SharedRoom) {
  const peer = peerIn(room);
  return peer.kind === "room" && !room.state.space ? introduce(stateFor(room, who), peer, who, id, sentAt) : [];
}

async function gone(who: RemoteId, event: RoomEvent, roomId: string, reading: Reading): Promise<void> {
  const { change, bot } = reading;
  if (change.rooms.peek(roomId)?.ours.has(who) !== true) return;
  const room = change.rooms.room(roomId);
  const peer = peerIn(room);
  const account = who === bot ? undefined : await accountOf(who, reading);
  if (account !== undefined && peer.kind === "room") {
    const { event_id, sender, origin_server_ts: sentAt } = event;
    const left: IncomingRoom = {
      type: "room",
      id: `left ${event_id}`,
      peer,
      from: sender === who ? "self" : sender,
      sentAt,
      self: "left",
    };
    change.tell(account, [...newsFor(who, event, room, reading.now), left]);
  }
  room.ours.delete(who);
  applyState(room.state, event, "");
  count(room, event);
  await tellAll(event, room, reading, who);
}

/** Something happened to somebody else. */
export async function readOtherMember(event: RoomEvent, room: SharedRoom, reading: Reading): Promise<void> {
  const membership = parseMembership(event.content);
  const isThere = membership === "join" || membership === "invite";
  applyState(room.state, event, "");
  count(room, event);
  if (room.partner === undefined) return tellAll(event, room, reading);
  if (event.state_key !== room.partner) return isThere ? becomeRoom(room, event, reading) : undefined;
  if (room.partnerThere && !isThere) await tellOfEnd(event, room, reading);
  // What they show of themselves may be another name or picture.
  else await tellAll(event, room, reading);
  room.partnerThere = isThere;
}

/** The next message makes a new chat; whoever writes it should know that the old one is over. */
async function tellOfEnd(event: RoomEvent, room: SharedRoom, reading: Reading): Promise<void> {
  const before = parseMembership(objectAt(event.unsigned, "prev_content"));
  const { event_id: id, sender: from, origin_server_ts: sentAt } = event;
  const text = before === "invite" ? "/me did not accept the chat." : "/me left the chat.";
  for (const [ghost, membership] of room.ours) {
    const account = membership === "join" && ghost !== reading.bot ? await accountOf(ghost, reading) : undefined;
    if (account === undefined) continue;
    reading.change.tell(account, [{ type: "message", id, peer: peerIn(room), from, sentAt, text, automatic: true }]);
  }
}

/** A chat of two with a third in it is a room, and stays one. */
export async function becomeRoom(room: SharedRoom, event: RoomEvent, reading: Reading): Promise<void> {
  if (room.partner === undefined) return;
  room.partner = undefined;
  for (const [ghost, membership] of room.ours) {
    const account = membership === "join" && ghost !== reading.bot ? await accountOf(ghost, reading) : undefined;
    if (account === undefined) continue;
    reading.change.tell(account, welcome(ghost, `room ${event.event_id}`, event.origin_server_ts, room));
  }
}

/** Nobody else counts for an application service. */
function count({ state }: SharedRoom, event: RoomEvent): void {
  if (state.joinedCount === undefined) return;
  const before = parseMembership(objectAt(event.unsigned, "prev_content"));
  const now = parseMembership(event.content);
  if (now === "join" && before !== "join") state.joinedCount += 1;
  if (now !== "join" && before === "join") state.joinedCount = Math.max(0, state.joinedCount - 1);
}
