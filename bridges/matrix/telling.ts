// One event of a timeline as news: decrypted where that can be, with a placeholder where not, and told again when it can.
import type { Incoming } from "#bridge";
import { type Encryption, placeholderFor } from "./encryption.ts";
import { asCorrection, eventToIncoming } from "./event-to-message.ts";
import type { EventContext } from "./events/event.ts";
import type { Reading } from "./incoming.ts";
import { isObject, type JsonObject, objectAt, textAt } from "./json.ts";
import { ranksChanged } from "./members.ts";
import { resultOf } from "./poll-count.ts";
import type { Room } from "./room-state.ts";
import type { Unread } from "./unreadable.ts";
import { parseEvent, type RoomEvent } from "./wire.ts";

export async function tell(event: RoomEvent, room: Room, reading: Reading): Promise<readonly Incoming[]> {
  const { self, draft, encryption, unread, unreadable } = reading;
  const peer = draft.peerOf(room);
  if (event.type === "m.room.power_levels" && peer.kind === "room") return ranksChanged(event, room, peer, self);
  if (event.type === "m.room.encryption" && !isTurnedOn(event, reading.rooms.get(room.id), self)) return [];
  let readable = event;
  let undecryptable: string | undefined;
  if (event.type === "m.room.encrypted") {
    const read = await encryption.decrypt(room.id, { ...event });
    if (read.kind === "ok") readable = decrypted(event, read.event);
    else undecryptable = await placeholderFor(read, encryption);
    if (read.kind === "missing") unread.set(event.event_id, { event: kept(event), key: read.key, at: Date.now() });
  }
  const pollResult = await resultOf(readable, room.id, reading);
  const news = newsFrom(readable, room, { self, draft, undecryptable, pollResult });
  const find = (id: string): Unread | undefined => unread.get(id) ?? unreadable.get(id);
  for (const id of outdated(news, self, find)) unread.set(id, undefined);
  return news.map((one) => withNotice(one, event, encryption));
}

/** What to tell of an event that stood there as a placeholder, now that it can be read. */
export function corrected(
  event: RoomEvent,
  plain: JsonObject,
  room: Room,
  telling: Pick<Reading, "self" | "draft">,
): readonly Incoming[] {
  const [first, ...more] = newsFrom(decrypted(event, plain), room, telling);
  if (first?.type === "message") return [...asCorrection(first), ...more];
  // A change of another message, or nothing for people: the placeholder goes.
  const { sender, event_id: id, origin_server_ts: sentAt } = event;
  const from = sender === telling.self ? "self" : sender;
  const gone: Incoming = { type: "retraction", id, peer: telling.draft.peerOf(room), from, sentAt, target: id };
  return first === undefined ? [gone] : [gone, first, ...more];
}

/** The ids of messages that wait for their key and will not be shown any more: changed or taken back since. */
export function outdated(
  news: readonly Incoming[],
  self: string,
  find: (id: string) => Unread | undefined,
): readonly string[] {
  return news.flatMap((one) => {
    if (one.type !== "edit" && one.type !== "retraction") return [];
    const waiting = find(one.target);
    if (waiting === undefined) return [];
    // Only its sender can change a message; who may take one back, the server has decided.
    const isSenders = waiting.event.sender === (one.from === "self" ? self : one.from);
    return one.type === "retraction" || isSenders ? [one.target] : [];
  });
}

/**
 * An event with what its sender encrypted in it. Nothing else of that counts: state, ids and redactions are the server's,
 * which has checked who may send them.
 */
function decrypted({ state_key: _, redacts: __, ...event }: RoomEvent, plain: JsonObject): RoomEvent {
  const type = textAt(plain, "type") ?? "";
  const isServers = type === "m.room.redaction" || type === "m.room.encrypted";
  return { ...event, type: isServers ? "m.dummy" : type, content: objectAt(plain, "content") };
}

/** What is needed to read it later. */
function kept({ unsigned: _, ...event }: RoomEvent): RoomEvent {
  return event;
}

type Telling = Pick<Reading, "self" | "draft"> & Pick<EventContext, "undecryptable" | "pollResult" | "name">;

/** What an event of the past says, and what to remember when it cannot be read yet. */
export async function tellPast(
  event: RoomEvent,
  room: Room,
  { encryption, ...telling }: Pick<Reading, "self" | "draft" | "encryption"> & { readonly name?: string | undefined },
): Promise<{ readonly news: readonly Incoming[]; readonly unread?: Unread }> {
  if (event.type !== "m.room.encrypted") return { news: newsFrom(withLastText(event), room, telling) };
  const read = await encryption.decrypt(room.id, { ...event });
  if (read.kind === "ok") {
    const edit = lastEdit(event);
    const newer = edit === undefined ? undefined : await encryption.decrypt(room.id, { ...edit });
    const plain = decrypted(event, read.event);
    const text = newer?.kind === "ok" ? objectAt(objectAt(newer.event, "content"), "m.new_content") : {};
    return { news: newsFrom(withText(plain, text), room, telling) };
  }
  const news = newsFrom(event, room, { ...telling, undecryptable: await placeholderFor(read, encryption) });
  if (read.kind !== "missing") return { news };
  return { news, unread: { event: kept(event), key: read.key, at: Date.now() } };
}

/** The server bundles the newest edit with what it changes (Client-Server API, "Aggregations of event replacements"). */
function lastEdit(event: RoomEvent): RoomEvent | undefined {
  const edit = parseEvent(objectAt(objectAt(event.unsigned, "m.relations"), "m.replace"));
  return edit?.sender === event.sender ? edit : undefined;
}

function withLastText(event: RoomEvent): RoomEvent {
  return withText(event, objectAt(lastEdit(event)?.content, "m.new_content"));
}

/** What the message answers is said in its first version only. */
function withText(event: RoomEvent, text: JsonObject): RoomEvent {
  if (Object.keys(text).length === 0) return event;
  const relation = event.content["m.relates_to"];
  return { ...event, content: { ...text, ...(relation === undefined ? {} : { "m.relates_to": relation }) } };
}

function newsFrom(
  event: RoomEvent,
  room: Room,
  { self, draft, undecryptable, pollResult, name = room.members.get(event.sender)?.name }: Telling,
): readonly Incoming[] {
  const peer = draft.peerOf(room);
  const news = eventToIncoming(event, {
    self,
    peer,
    direct: peer.kind === "contact",
    name,
    arrivedAt: Date.now(),
    undecryptable,
    pollResult,
    powerLevels: room.power,
    create: room.create,
  });
  return news.map((one) => withPlace(one, room));
}

/** Several rooms may look like one: what answers a message, or changes it, must find the room of it again. */
function withPlace(news: Incoming, room: Room): Incoming {
  if (news.type !== "message" || news.peer.id === room.id) return news;
  return { ...news, context: { ...(isObject(news.context) ? news.context : {}), room: room.id } };
}

/** Who makes an encrypted room, or turns it on in another program, need not be told. */
function isTurnedOn({ sender }: RoomEvent, before: Room | undefined, self: string): boolean {
  return sender !== self && before?.self === "join" && before.encryption === undefined;
}

function withNotice(news: Incoming, event: RoomEvent, { unavailable }: Encryption): Incoming {
  if (news.type !== "message" || event.type !== "m.room.encryption" || unavailable === undefined) return news;
  return { ...news, text: `Messages here are encrypted from now on. ${unavailable}` };
}
