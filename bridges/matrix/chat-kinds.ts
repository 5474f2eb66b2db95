// A room is a chat with a person or a group chat, and may change from the one to the other: another client says so
// (`m.direct`), a third person comes, or the user wants it.
import type { Incoming, IncomingRoom, Peer } from "#bridge";
import type { Reading } from "./incoming.ts";
import { introduce } from "./members.ts";
import type { Room } from "./room-state.ts";
import { type DirectRooms, partnersOf } from "./direct-rooms.ts";

/** What the core is told when a room that the user is in is another kind of chat from now on. `stamp` makes the ids. */
export function kindChanged(room: Room, was: Peer, peer: Peer, self: string, stamp: string): Incoming[] {
  const base = { from: "self", sentAt: Date.now() } as const;
  const line = (contact: Peer, text: string): Incoming => ({
    ...base,
    type: "message",
    id: `kind ${stamp}`,
    peer: contact,
    from: contact.id,
    text,
    automatic: true,
  });
  if (was.kind === "contact" && peer.kind === "room")
    return [
      line(was, "This chat is a group chat from now on: you are invited to it."),
      ...introduce(room, peer, self, `kind ${stamp}`, base.sentAt).map((event) => offered(event, "invite")),
    ];
  if (was.kind === "room" && peer.kind === "contact")
    return [
      { ...base, type: "room", id: `kind ${stamp}`, peer: was, self: "left" },
      line(peer, "What was a group chat of the two of you goes on here."),
    ];
  return [];
}

/** The user did not join it from here: their clients have to hear of it. */
export const offered = (event: Incoming, offer: IncomingRoom["offer"] = "ask"): Incoming =>
  event.type === "room" && offer !== undefined ? { ...event, offer } : event;

/** After the summary was read: more than two people are no chat of two, and it does not become one again by itself. */
export async function noteCrowd(room: Room, before: Room | undefined, reading: Reading): Promise<void> {
  const { draft, rooms, self, since, emit } = reading;
  const was = before?.self === "join" ? rooms.peerOf(before) : undefined;
  const peer = draft.peerOf(room);
  if (since === undefined || was?.kind !== "contact" || peer.kind !== "room") return;
  room.asRoom = true;
  await emit(kindChanged(room, was, peer, self, `${room.id} ${since}`));
}

/** After `m.direct` was read: rooms that it names anew, or names no longer. */
export async function noteKinds(before: DirectRooms, reading: Reading): Promise<void> {
  const { draft, rooms, self, since, emit } = reading;
  const [was, is] = [partnersOf(before), partnersOf(draft.direct)];
  for (const roomId of new Set([...was.keys(), ...is.keys()])) {
    const known = rooms.get(roomId);
    if (known === undefined || was.get(roomId) === is.get(roomId)) continue;
    const room = draft.room(roomId);
    // Another client made it a chat of two.
    if (is.has(roomId)) delete room.asRoom;
    if (since === undefined || room.self !== "join" || room.space || rooms.isOver(known)) continue;
    await emit(kindChanged(room, rooms.peerOf(known), draft.peerOf(room), self, `${roomId} ${since}`));
  }
}
