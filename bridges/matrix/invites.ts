// Rooms that the user is invited to, and rooms that they are no longer in. Nothing is joined by itself.
import type { Incoming } from "#bridge";
import { parseUserId } from "./ids.ts";
import type { Reading } from "./incoming.ts";
import { listAt, objectAt, textAt } from "./json.ts";
import { isOver } from "./rooms.ts";
import { applyState, describeRoom, displayName, type Room } from "./room-state.ts";
import { readTimeline } from "./timeline.ts";
import { cleanLabel, cleanName } from "./text/characters.ts";
import { continuedBy } from "./upgrades.ts";
import { parseEvents, type RoomEvent } from "./wire.ts";

/** An invitation: to a chat of two it is a word of the person who invites, to a room it is the room's. */
export async function readInvite(roomId: string, inviteState: unknown, reading: Reading): Promise<void> {
  const { draft, self, since } = reading;
  const room = draft.room(roomId);
  room.self = "invite";
  for (const event of parseEvents(listAt(inviteState, "events"))) applyState(room, event, self);
  room.self = "invite";
  if (room.encrypted) await reading.encryption.start();
  if (since === undefined || room.space || room.invitedBy === undefined) return;
  const continued = continuedBy(roomId, reading.rooms);
  if (continued !== undefined)
    return void reading.successors.set(continued.id, { roomId, via: parseUserId(room.invitedBy)?.server });
  const peer = draft.peerOf(room);
  const from = room.invitedBy;
  // Stripped state has no ids; a repeat of the same answer is asked for with the same token.
  const base = { id: `invite ${roomId} ${since}`, peer, from, sentAt: Date.now() };
  const name = room.members.get(from)?.name;
  const news: Incoming =
    peer.kind === "room"
      ? { type: "room", ...base, ...describeRoom(room) }
      : {
          type: "message",
          ...base,
          text: `${from} invites you to a chat on Matrix. Write something to accept.`,
          automatic: true,
          ...(name === undefined ? {} : { name: cleanName(name, from) }),
        };
  await reading.emit([news]);
}

/** The user was not in it: only they hear that they will not be. */
function readRefusal(room: Room, own: RoomEvent | undefined, { self, since, notice }: Reading): void {
  room.self = own?.content["membership"] === "ban" ? "ban" : "leave";
  if (since === undefined || own === undefined || own.sender === self) return;
  const reason = cleanLabel(textAt(own.content, "reason") ?? "", 500);
  notice(
    `You were not let into ${cleanLabel(displayName(room) ?? room.id, 100)}.${reason === "" ? "" : ` "${reason}"`}`,
  );
}

/** The user asked to be let in. */
export function readKnock(roomId: string, knockState: unknown, { draft, self }: Reading): void {
  const room = draft.room(roomId);
  for (const event of parseEvents(listAt(knockState, "events"))) applyState(room, event, self);
  room.self = "knock";
}

/** The user left, was removed or declined: what was said up to then is still told. */
export async function readLeft(roomId: string, data: unknown, reading: Reading): Promise<void> {
  const { draft, since, self } = reading;
  const before = draft.peek(roomId)?.self;
  if (before === undefined || before === "leave" || before === "ban") return;
  const timeline = parseEvents(listAt(objectAt(data, "timeline"), "events"));
  const own = timeline.findLast((event) => event.type === "m.room.member" && event.state_key === self);
  if (before === "join") await readTimeline(roomId, data, reading);
  if (before === "knock") return readRefusal(draft.room(roomId), own, reading);
  const room = draft.room(roomId);
  room.self = own?.content["membership"] === "ban" ? "ban" : "leave";
  const peer = draft.peerOf(room);
  // An older version that is left behind changes nothing.
  if (since === undefined || peer.kind === "contact" || room.space || isOver(room, draft)) return;
  const id = `left ${roomId} ${since}`;
  await reading.emit([
    { type: "room", id, peer, from: own?.sender ?? "self", sentAt: own?.origin_server_ts ?? Date.now(), self: "left" },
  ]);
}
