// A room and its people as news: when the user comes into it, and when ranks change.
import type { Incoming, IncomingMembership, Peer, RemoteId } from "#bridge";
import { cleanName } from "./text/characters.ts";
import { rankOf } from "./events/ranks.ts";
import { describeRoom, type Room } from "./room-state.ts";
import type { RoomEvent } from "./wire.ts";

/** The room and everybody known in it, for a room that is new to the user. `id` makes the events' ids. */
export function introduce(room: Room, peer: Peer, self: string, id: string, sentAt: number): Incoming[] {
  return [
    { type: "room", id, peer, from: "self", sentAt, ...describeRoom(room) },
    ...people(room, peer, self, id, "self", sentAt),
  ];
}

/** After a change of power levels: the ranks of all who are known. */
export function ranksChanged(event: RoomEvent, room: Room, peer: Peer, self: string): Incoming[] {
  return people(room, peer, self, event.event_id, selfOr(event.sender, self), event.origin_server_ts);
}

function people(
  room: Room,
  peer: Peer,
  self: string,
  id: string,
  from: RemoteId | "self",
  sentAt: number,
): IncomingMembership[] {
  return [...room.members]
    .filter(([, member]) => member.membership === "join")
    .map(([who, { name, avatar = null }]) => ({
      type: "membership",
      id: `${id} ${who}`,
      peer,
      from,
      sentAt,
      who: selfOr(who, self),
      state: "joined",
      rank: rankOf(room.power, room.create, who),
      avatar,
      ...(name === undefined ? {} : { name: cleanName(name, who) }),
    }));
}

export function selfOr(user: string, self: string): RemoteId | "self" {
  return user === self ? "self" : user;
}
