// One joined room of a sync answer: its state, the gap before its timeline, and the timeline as news.
import type { Incoming, IncomingMessage } from "#bridge";
import { noteCrowd, offered } from "./chat-kinds.ts";
import { MatrixError } from "./errors.ts";
import { fillGap, type Filled } from "./gaps.ts";
import type { Reading } from "./incoming.ts";
import { field, isObject, listAt, objectAt, textAt } from "./json.ts";
import { introduce } from "./members.ts";
import { applyState, applySummary, type Membership, type Room } from "./room-state.ts";
import { tell } from "./telling.ts";
import { anew, readUpgrade } from "./upgrades.ts";
import { parseEvents, type RoomEvent, transactionOf } from "./wire.ts";

/** Events of the first sync that are remembered as history. */
const mostHistory = 5000;

export async function readTimeline(roomId: string, data: unknown, reading: Reading): Promise<void> {
  const { draft, self, since, history } = reading;
  const before = draft.peek(roomId);
  const timeline = parseEvents(listAt(objectAt(data, "timeline"), "events"));
  const room = draft.room(roomId);
  const invited =
    before !== undefined && before.self === "invite" && before.directInvite ? before.invitedBy : undefined;
  room.self = "join";
  // MSC4222: `state_after` is the state after the timeline, `state` the one before it.
  const after = field(data, "state_after") ?? field(data, "org.matrix.msc4222.state_after");
  if (!isObject(after)) applyAll(room, listAt(objectAt(data, "state"), "events"), self);
  // Whose place it takes decides whose news its events are.
  for (const event of [...timeline, ...parseEvents(isObject(after) ? listAt(after, "events") : [])])
    if (event.type === "m.room.create") applyState(room, event, self);
  applySummary(room, objectAt(data, "summary"));
  noteRecipients(roomId, data, timeline, reading);
  // Rooms come in pieces while they are being made: the invitation may be in a later answer than the room.
  const events = before?.self === "join" ? timeline : [...timeline, ...stateOf(data)];
  if (since !== undefined) noteDirect(room, invited ?? ownDirectInvite(events, self), reading);
  if (since === undefined) {
    for (const event of timeline) {
      applyState(room, event, self);
      if (history.size < mostHistory) history.add(event.event_id);
      noteActivity(room, event);
    }
  } else {
    await readUpgrade(room, reading);
    await noteCrowd(room, before, reading);
    const news = await newsOf(room, before?.self, timeline, data, reading);
    for (const event of news) await reading.emit(await readOne(event, room, reading));
  }
  if (isObject(after)) applyAll(room, listAt(after, "events"), self);
  // An answer may tell of the state only.
  room.self = "join";
  await readUpgrade(room, reading);
  if (!room.encrypted) return;
  reading.rooms.noteEncrypted(roomId);
  await reading.encryption.start();
}

/** In a gap anybody may have come or gone. */
function noteRecipients(
  roomId: string,
  data: unknown,
  timeline: readonly RoomEvent[],
  { recipients, gapEnd }: Reading,
): void {
  if (gapEnd === undefined || field(objectAt(data, "timeline"), "limited") === true) return recipients.forget(roomId);
  for (const event of [...stateOf(data), ...timeline]) recipients.apply(roomId, event);
}

function applyAll(room: Room, events: readonly unknown[], self: string): void {
  for (const event of parseEvents(events)) applyState(room, event, self);
}

function stateOf(data: unknown): RoomEvent[] {
  return parseEvents(listAt(objectAt(data, "state"), "events"));
}

/** Whom the user invited to a chat of two. The answer to the request that made it may have been lost. */
function ownDirectInvite(events: readonly RoomEvent[], self: string): string | undefined {
  const isInvite = ({ type, sender, content }: RoomEvent): boolean =>
    type === "m.room.member" &&
    sender === self &&
    textAt(content, "membership") === "invite" &&
    field(content, "is_direct") === true;
  return events.find(isInvite)?.state_key;
}

/** A chat of two that somebody made with us, or we with somebody, belongs into `m.direct`. */
function noteDirect(room: Room, partner: string | undefined, { draft, newDirect }: Reading): void {
  if (partner === undefined || !draft.addDirect(room.id, partner)) return;
  newDirect.set(room.id, partner);
}

/** The events to tell of, oldest first: the timeline, what is missing before it, and nothing from before the user came. */
async function newsOf(
  room: Room,
  before: Membership | undefined,
  timeline: readonly RoomEvent[],
  data: unknown,
  reading: Reading,
): Promise<readonly RoomEvent[]> {
  const { self, since, gapEnd } = reading;
  const isNew = before !== "join";
  // A chat of two begins with the invitation: what was said since was meant for the user.
  const start = reading.draft.peerOf(room).kind === "contact" ? ["invite", "join"] : ["join"];
  const isStart = (event: RoomEvent): boolean =>
    isNew &&
    event.type === "m.room.member" &&
    event.state_key === self &&
    start.includes(textAt(event.content, "membership") ?? "");
  const isKnown = (event: RoomEvent): boolean =>
    event.event_id === room.lastEvent || (isNew && isFirst(event, isStart, start));
  const from = textAt(objectAt(data, "timeline"), "prev_batch");
  const limited = field(objectAt(data, "timeline"), "limited") === true;
  let events = timeline;
  const begun = isNew && timeline.some((event) => isFirst(event, isStart, start));
  if (limited && from !== undefined && !begun) {
    const gap = { roomId: room.id, from, to: isNew ? undefined : gapEnd, isKnown };
    const filled = await fill(gap, reading);
    events = [...filled.events, ...timeline];
    if (!filled.complete) await reading.emit([gapNotice(room, timeline, reading)]);
  }
  // Known up to its last event: a server that repeats itself tells nothing new.
  if (!isNew) return events.slice(events.findIndex((event) => event.event_id === room.lastEvent) + 1);
  const first = events.findIndex((event) => isFirst(event, isStart, start));
  // What came before is no news, but it made the room what it is.
  for (const event of events.slice(0, first + 1)) applyState(room, event, self);
  const own = events.find(isStart);
  const peer = reading.draft.peerOf(room);
  const id = own?.event_id ?? `joined ${room.id} ${since}`;
  if (peer.kind === "room" && !room.space) {
    const told = introduce(room, peer, self, id, own?.origin_server_ts ?? Date.now());
    await reading.emit(room.origin === undefined ? told.map((event) => offered(event)) : anew(told));
  }
  return events.slice(first + 1);
}

/** The event with which the user's time in the room begins: the invitation where that counts, else the join. */
function isFirst(event: RoomEvent, isStart: (event: RoomEvent) => boolean, start: readonly string[]): boolean {
  return isStart(event) && textAt(event.content, "membership") === start[0];
}

/** A room that the server does not let us read back in is told of as a gap, not as a failure that repeats for ever. */
async function fill(gap: Parameters<typeof fillGap>[0], { api, log }: Reading): Promise<Filled> {
  try {
    return await fillGap(gap, api);
  } catch (error) {
    if (!(error instanceof MatrixError) || error.status >= 500 || error.status === 429 || error.status === 401)
      throw error;
    log.warn({ room: gap.roomId, code: error.code }, "a gap of a timeline cannot be filled");
    return { events: [], complete: false };
  }
}

function gapNotice(room: Room, timeline: readonly RoomEvent[], { draft, since }: Reading): IncomingMessage {
  const peer = draft.peerOf(room);
  return {
    type: "message",
    id: `gap ${room.id} ${since}`,
    peer,
    from: peer.id,
    sentAt: timeline[0]?.origin_server_ts ?? Date.now(),
    text:
      peer.kind === "room"
        ? "Earlier messages are missing here: there were too many while the gateway was away. The archive of this room brings them when you read back."
        : "Earlier messages of this chat are missing here: there were too many while the gateway was away. They are in your Matrix client.",
    automatic: true,
    gap: true,
  };
}

/** One event of the timeline, applied and told. */
async function readOne(event: RoomEvent, room: Room, reading: Reading): Promise<readonly Incoming[]> {
  const { self, sent, history } = reading;
  noteActivity(room, event);
  if (history.has(event.event_id)) return [];
  const transaction = transactionOf(event);
  if (sent.isOurs(transaction)) sent.note(transaction, event.event_id);
  if (event.state_key !== undefined) applyState(room, event, self);
  else if (sent.isOurs(transaction)) return [];
  if (room.space) return [];
  return tell(event, room, reading);
}

function noteActivity(room: Room, event: RoomEvent): void {
  room.lastEvent = event.event_id;
  // A server may lie about the time, but not into the future.
  if (event.state_key === undefined)
    room.activeAt = Math.max(room.activeAt, Math.min(event.origin_server_ts, Date.now()));
}
