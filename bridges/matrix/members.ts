// State events as news: who came and went, what a room is called now.
import type { Incoming, IncomingMembership, Peer, RemoteId } from "#bridge";
import { objectAt, textAt } from "./json.ts";
import { rankOf } from "./power-levels.ts";
import { describeRoom, parseMembership, type Room } from "./room-state.ts";
import type { RoomEvent } from "./wire.ts";

export interface StateNews {
  readonly room: Room;
  readonly peer: Peer;
  readonly self: string;
}

/** Ranks of more people than this do not change with one event. */
const mostRanks = 60;

/** What one state event of the timeline tells. `room` is as it is after the event. */
export function stateToIncoming(event: RoomEvent, news: StateNews): Incoming[] {
  switch (event.type) {
    case "m.room.member":
      return memberToIncoming(event, news);
    case "m.room.name":
    case "m.room.topic":
    case "m.room.canonical_alias":
    case "m.room.join_rules":
      return news.peer.kind === "room" ? [roomNews(event, news)] : [];
    case "m.room.power_levels":
      return news.peer.kind === "room" ? ranksToIncoming(event, news) : [];
    default:
      return [];
  }
}

function memberToIncoming(event: RoomEvent, { room, peer, self }: StateNews): Incoming[] {
  const who = event.state_key;
  const now = parseMembership(event.content);
  if (!who || now === undefined || now === "knock") return [];
  const before = parseMembership(objectAt(event.unsigned, "prev_content"));
  const base = { id: event.event_id, peer, from: selfOr(event.sender, self), sentAt: event.origin_server_ts };
  if (who === self) {
    // How the user's own coming and going is told is the same for rooms and chats of two.
    if (now === before && peer.kind === "contact") return [];
    if (now !== before) return [{ type: "room", ...base, ...describeRoom(room) }];
  }
  const byOther = event.sender !== who;
  const state =
    now === "join" ? "joined" : now === "invite" ? "invited" : now === "ban" ? "banned" : byOther ? "kicked" : "left";
  // An unban or a withdrawn knock moves nobody.
  if (state === "kicked" && before !== "join" && before !== "invite" && before !== undefined) return [];
  const name = textAt(event.content, "displayname");
  const reason = textAt(event.content, "reason");
  const membership: IncomingMembership = {
    type: "membership",
    ...base,
    who: selfOr(who, self),
    state,
    rank: state === "banned" ? "outcast" : rankOf(room, who),
    ...(name === undefined ? {} : { name }),
    ...(reason === undefined ? {} : { reason }),
  };
  return [membership];
}

function roomNews(event: RoomEvent, { room, peer, self }: StateNews): Incoming {
  const { event_id: id, origin_server_ts: sentAt } = event;
  return { type: "room", id, peer, from: selfOr(event.sender, self), sentAt, ...describeRoom(room) };
}

function ranksToIncoming(event: RoomEvent, { room, peer, self }: StateNews): Incoming[] {
  const base = { type: "membership", peer, from: selfOr(event.sender, self), sentAt: event.origin_server_ts } as const;
  return [...room.members]
    .filter(([, member]) => member.membership === "join")
    .slice(-mostRanks)
    .map(([who]) => ({
      ...base,
      id: `${event.event_id} ${who}`,
      who: selfOr(who, self),
      state: "joined",
      rank: rankOf(room, who),
    }));
}

/** The room and everybody known in it, for a room that is new to the user. `id` makes the events' ids. */
export function introduce(room: Room, peer: Peer, self: string, id: string, now: number): Incoming[] {
  const base = { peer, from: "self", sentAt: now } as const;
  const people = [...room.members].filter(([, member]) => member.membership === "join");
  return [
    { type: "room", id, ...base, ...describeRoom(room) },
    ...people.map(
      ([who, { name }]): IncomingMembership => ({
        type: "membership",
        ...base,
        id: `${id} ${who}`,
        who: selfOr(who, self),
        state: "joined",
        rank: rankOf(room, who),
        ...(name === undefined ? {} : { name }),
      }),
    ),
  ];
}

export function selfOr(user: string, self: string): RemoteId | "self" {
  return user === self ? "self" : user;
}
