// The events of a transaction as news for the users of ours that they concern (Application Service API, "Pushing events").
import { isRoomId } from "../ids.ts";
import { field, type JsonObject, listAt, textAt } from "../json.ts";
import { applyState } from "../room-state.ts";
import { parseEvent, type RoomEvent } from "../wire.ts";
import { readEphemeral } from "./ephemeral.ts";
import { isOurs } from "./ghost-id.ts";
import { readPortalEvent } from "./portal-reading.ts";
import { becomeRoom, readOtherMember, readOurMember, startedByUs } from "./memberships.ts";
import type { SharedRoom } from "./shared-rooms.ts";
import { type Reading, tellAll } from "./telling.ts";

/** The events of a transaction that are events at all, and where they happened. */
export function eventsOf(body: JsonObject): readonly { readonly event: RoomEvent; readonly roomId: string }[] {
  return listAt(body, "events").flatMap((raw) => {
    const event = parseEvent(raw);
    const roomId = textAt(raw, "room_id");
    return event === undefined || event.event_id === "" || !isRoomId(roomId) ? [] : [{ event, roomId }];
  });
}

/**
 * Reads what is new in a transaction.
 * @param isKnown whether an event was had before
 * @returns ids of the events read
 */
export async function readTransaction(
  body: JsonObject,
  isKnown: (eventId: string) => boolean,
  reading: Reading,
): Promise<readonly string[]> {
  const read = new Set<string>();
  for (const { event, roomId } of eventsOf(body)) {
    if (read.has(event.event_id) || isKnown(event.event_id)) continue;
    read.add(event.event_id);
    await readEvent(event, roomId, reading);
  }
  const ephemeral = field(body, "ephemeral") ?? field(body, "de.sorunome.msc2409.ephemeral");
  if (Array.isArray(ephemeral)) await readEphemeral(ephemeral, reading);
  return [...read];
}

async function readEvent(event: RoomEvent, roomId: string, reading: Reading): Promise<void> {
  const { change, space } = reading;
  if (await readPortalEvent(event, roomId, reading)) return;
  if (event.type === "m.room.create" && isOurs(event.sender, space)) startedByUs(event, change.rooms.room(roomId));
  if (event.type === "m.room.member" && isOurs(event.state_key ?? "", space)) {
    return readOurMember(event, roomId, reading);
  }
  // A room that nobody of ours is in any more, or of which nothing is known: its state was asked for with the join.
  if (change.rooms.peek(roomId) === undefined) return;
  if (event.type === "m.room.member") return readOtherMember(event, change.rooms.room(roomId), reading);
  if (event.state_key !== undefined) return readState(event, change.rooms.room(roomId), reading);
  return readSaid(event, roomId, reading);
}

async function readState(event: RoomEvent, room: SharedRoom, reading: Reading): Promise<void> {
  applyState(room.state, event, "");
  if (event.type === "m.room.encryption") {
    // At once: a message that is on its way now must not go out in the clear.
    const current = reading.rooms.get(room.state.id);
    if (current !== undefined) current.state.encrypted = true;
    warn(event, room, reading);
  }
  await tellAll(event, room, reading);
}

async function readSaid(event: RoomEvent, roomId: string, reading: Reading): Promise<void> {
  const { change, space, bot, rooms, now } = reading;
  let room = change.rooms.peek(roomId);
  if (room === undefined) return;
  if (room.partner !== undefined && event.sender !== room.partner && !isOurs(event.sender, space)) {
    room = change.rooms.room(roomId);
    await becomeRoom(room, event, reading);
  }
  rooms.noteActivity(roomId, now);
  // For most chats that is worth no write of its own.
  if (room.partner !== undefined && rooms.hasSeveral(room.partner)) change.rooms.room(roomId).state.activeAt = now;
  if (event.type === "m.room.encrypted" && !isOurs(event.sender, space)) {
    room = change.rooms.room(roomId);
    warn(event, room, reading);
  }
  if (room.ours.get(bot) === "join") askBot(event, room, reading);
  await tellAll(event, room, reading);
}

/** Only what a person wrote, in a chat of two, is a question (M05). */
function askBot(event: RoomEvent, room: SharedRoom, { change, bot, space }: Reading): void {
  const text = textAt(event.content, "body");
  const isText = event.type === "m.room.message" && textAt(event.content, "msgtype") === "m.text";
  if (!isText || text === undefined || isOurs(event.sender, space) || event.sender !== room.partner) return;
  const { event_id: key, sender } = event;
  change.todo({ do: "answer", room: room.state.id, user: bot, sender, text: text.slice(0, 500), key });
}

/** Once: who writes there has to know that nobody reads it. */
function warn(event: RoomEvent, room: SharedRoom, { change }: Reading): void {
  const [user] = [...room.ours].find(([, membership]) => membership === "join") ?? [];
  if (room.warned || user === undefined) return;
  room.warned = true;
  change.todo({ do: "tell", room: room.state.id, user, text: cannotRead, key: event.event_id });
}

const cannotRead =
  "This chat is encrypted. Whoever is here through the XMPP gateway can neither read it nor write into it: please start a chat without encryption.";
