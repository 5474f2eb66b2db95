// What is known of one room: only what this bridge needs, so that an account in many rooms costs little.
import type { IncomingRoom } from "#bridge";
import { avatarIn } from "./events/media.ts";
import { isRoomId } from "./ids.ts";
import { entriesOf, field, type JsonObject, listAt, numberAt, objectAt, textAt } from "./json.ts";
import { cleanLabel, cleanText, cutAt } from "./text/characters.ts";
import type { RoomEvent } from "./wire.ts";

export type Membership = "join" | "invite" | "knock" | "leave" | "ban";

export interface Member {
  readonly membership: Membership;
  readonly name?: string;
  /** mxc: URI, checked. */
  readonly avatar?: string;
}

/** One room. Changed only as a copy that a `Draft` holds. */
export interface Room {
  readonly id: string;
  /** The user's own membership. */
  self: Membership;
  name?: string;
  topic?: string;
  alias?: string;
  /** mxc: URI, checked. */
  avatar?: string;
  /** m.room.encryption was seen. Never taken back: nothing goes into this room in the clear again. */
  encrypted: boolean;
  /** The content of that event, as far as it says how to encrypt. */
  encryption?: JsonObject;
  historyVisibility?: string;
  joinRule?: string;
  /** A space (m.space) is no chat. */
  space: boolean;
  /** m.room.create, as far as it says who made the room and may do everything in it. */
  create?: JsonObject;
  /** The content of m.room.power_levels, as far as it is read. */
  power?: JsonObject;
  /** Those who were heard of, newest last; at most `mostMembers`. */
  members: Map<string, Member>;
  joinedCount?: number;
  invitedCount?: number;
  /** From the summary: who the room is named after when it has no name. */
  heroes: readonly string[];
  invitedBy?: string;
  /** An invitation to a chat of two. */
  directInvite: boolean;
  /** A chat of two that is shown as a group chat: a third one was there, or the user wants it so. */
  asRoom?: boolean;
  /** The last one who left: a chat of two is over when its other person did. */
  lastLeft?: string;
  /** The room that is to take this one's place (m.room.tombstone), and by whose word. */
  successor?: string;
  replacedBy?: string;
  /** The user is to be taken along. */
  following?: boolean;
  /** The room whose place this one says to take (m.room.create). Believed where that one names this one. */
  predecessor?: string;
  /** The first of the rooms that this one continues: the core knows all of them under its id. */
  origin?: string;
  /** The newest event of the timeline. */
  lastEvent?: string;
  /** When something was last said here, in milliseconds since the epoch. */
  activeAt: number;
}

/** Names of people that speak in a huge room come and go; what is missing is looked up. */
const mostMembers = 60;
const longestText = 4000;

/** The state that is asked for: what `applyState` reads. */
export const stateTypes: readonly string[] = [
  "m.room.name",
  "m.room.topic",
  "m.room.canonical_alias",
  "m.room.avatar",
  "m.room.encryption",
  "m.room.history_visibility",
  "m.room.join_rules",
  "m.room.create",
  "m.room.tombstone",
  "m.room.power_levels",
  "m.room.member",
];

export function newRoom(id: string, self: Membership): Room {
  return {
    id,
    self,
    encrypted: false,
    space: false,
    members: new Map(),
    heroes: [],
    directInvite: false,
    activeAt: 0,
  };
}

export function copyRoom(room: Room): Room {
  return { ...room, members: new Map(room.members) };
}

/** Takes in one state event, of the room's state or of its timeline. */
export function applyState(
  room: Room,
  event: Pick<RoomEvent, "type" | "state_key" | "sender" | "content">,
  self: string,
): void {
  const { content } = event;
  if (event.type === "m.room.member") return applyMember(room, event, self);
  if (event.state_key !== "") return;
  switch (event.type) {
    case "m.room.name":
      return setText(room, "name", textAt(content, "name"));
    case "m.room.topic":
      return setText(room, "topic", textAt(content, "topic"));
    case "m.room.canonical_alias":
      return setText(room, "alias", textAt(content, "alias"));
    case "m.room.avatar":
      return setText(room, "avatar", avatarIn(content, "url"));
    case "m.room.join_rules":
      return setText(room, "joinRule", textAt(content, "join_rule"));
    case "m.room.encryption":
      room.encrypted = true;
      room.encryption = kept(content, ["algorithm", "rotation_period_ms", "rotation_period_msgs"]);
      return;
    case "m.room.history_visibility":
      return setText(room, "historyVisibility", textAt(content, "history_visibility"));
    case "m.room.power_levels":
      room.power = powerOf(content);
      return;
    case "m.room.create":
      room.space = textAt(content, "type") === "m.space";
      room.create = { sender: event.sender, content: kept(content, ["room_version", "additional_creators"]) };
      return setRoom(room, "predecessor", textAt(objectAt(content, "predecessor"), "room_id"));
    case "m.room.tombstone":
      room.replacedBy = event.sender;
      return setRoom(room, "successor", textAt(content, "replacement_room"));
  }
}

/** More people with a level of their own a room does not need; who comes after them counts as everybody. */
const mostUsers = 500;

function powerOf(content: JsonObject): JsonObject {
  const levels = ["users_default", "events_default", "state_default", "invite", "kick", "ban", "redact"];
  const users = Object.fromEntries([...entriesOf(field(content, "users"))].slice(0, mostUsers));
  return {
    ...kept(content, levels),
    users,
    events: kept(objectAt(content, "events"), ["m.room.message", "m.room.topic"]),
  };
}

function kept(content: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(content, key)).map((key) => [key, content[key]]));
}

function applyMember(room: Room, event: Pick<RoomEvent, "state_key" | "sender" | "content">, self: string): void {
  const who = event.state_key;
  const membership = parseMembership(event.content);
  if (!who || membership === undefined) return;
  if (who === self) {
    room.self = membership;
    room.directInvite = membership === "invite" && field(event.content, "is_direct") === true;
    if (membership === "invite") room.invitedBy = event.sender;
  }
  const name = textAt(event.content, "displayname")?.slice(0, 255);
  const avatar = avatarIn(event.content, "avatar_url");
  room.members.delete(who);
  if (membership === "leave" || membership === "ban") {
    room.lastLeft = who;
    return;
  }
  if (room.lastLeft === who) delete room.lastLeft;
  room.members.set(who, {
    membership,
    ...(name === undefined ? {} : { name }),
    ...(avatar === undefined ? {} : { avatar }),
  });
  for (const oldest of room.members.keys()) {
    if (room.members.size <= mostMembers) break;
    room.members.delete(oldest);
  }
}

export function parseMembership(content: JsonObject): Membership | undefined {
  const text = textAt(content, "membership");
  return text === "join" || text === "invite" || text === "knock" || text === "leave" || text === "ban"
    ? text
    : undefined;
}

/** The summary of a sync answer; what it leaves out has not changed. */
export function applySummary(room: Room, summary: JsonObject): void {
  const joined = numberAt(summary, "m.joined_member_count");
  const invited = numberAt(summary, "m.invited_member_count");
  const heroes = field(summary, "m.heroes");
  if (joined !== undefined) room.joinedCount = joined;
  if (invited !== undefined) room.invitedCount = invited;
  if (Array.isArray(heroes)) room.heroes = heroes.filter((hero) => typeof hero === "string").slice(0, 5);
}

function setText(
  room: Room,
  key: "name" | "topic" | "alias" | "avatar" | "joinRule" | "historyVisibility",
  text: string | undefined,
): void {
  if (text === undefined || text === "") delete room[key];
  else room[key] = text.slice(0, longestText);
}

function setRoom(room: Room, key: "successor" | "predecessor", id: string | undefined): void {
  if (id === undefined || !isRoomId(id) || id === room.id) delete room[key];
  else room[key] = id;
}

/** How a room is called: by name, alias, or after those in it (Client-Server API, "Calculating the display name"). */
export function displayName(room: Room): string | undefined {
  if (room.name !== undefined) return room.name;
  if (room.alias !== undefined) return room.alias;
  const names = room.heroes.map((hero) => room.members.get(hero)?.name ?? hero);
  return names.length === 0 ? undefined : names.join(", ");
}

/** What the core is told of a room. */
export function describeRoom(room: Room): Omit<IncomingRoom, "id" | "type" | "peer" | "from" | "sentAt"> {
  const name = displayName(room);
  return {
    ...(name === undefined ? {} : { name: cleanLabel(name) }),
    ...(room.topic === undefined ? {} : { topic: cutAt(cleanText(room.topic), longestText) }),
    ...(room.alias === undefined ? {} : { address: room.alias }),
    access: room.joinRule === "public" ? "open" : "members",
    avatar: room.avatar ?? null,
    ...(room.joinedCount === undefined ? {} : { members: room.joinedCount }),
    self: room.self === "join" ? "joined" : room.self === "invite" ? "invited" : "left",
  };
}

/** Whether more is different than where the timeline stands. */
export function differs(one: Room, other: Room): boolean {
  const standing = (room: Room): string => JSON.stringify(roomToJson({ ...room, lastEvent: "", activeAt: 0 }));
  return standing(one) !== standing(other);
}

/** For a record. A room that was left keeps only what must never be forgotten, and its place among those it continues. */
export function roomToJson(room: Room): unknown {
  if (room.self === "leave" || room.self === "ban") {
    const { self, encrypted, encryption, successor, origin } = room;
    return { self, encrypted, encryption, successor, origin };
  }
  const { id: _, members, ...rest } = room;
  return { ...rest, members: [...members] };
}

/** @returns undefined for what `roomToJson` did not make. */
export function roomFromJson(id: string, json: unknown): Room | undefined {
  const self = parseMembership({ membership: field(json, "self") });
  if (self === undefined) return undefined;
  const members = listAt(json, "members") as readonly [string, Member][];
  return {
    ...newRoom(id, self),
    ...(json as Partial<Room>),
    id,
    members: new Map(members),
  };
}
