// A sync answer as news (Client-Server API, "Syncing"): what is encrypted first, then account data, then room by room, each
// in the order of its timeline. Changes of state go into a draft, which the caller commits with the sync token.
import type { Hint, Incoming, Logger } from "#bridge";
import type { Api } from "./api.ts";
import { noteKinds } from "./chat-kinds.ts";
import type { Encryption } from "./encryption.ts";
import { readReceipts, readTyping, type Typing } from "./ephemeral.ts";
import { entriesOf, field, type JsonObject, listAt, objectAt, textAt } from "./json.ts";
import { readInvite, readKnock, readLeft } from "./invites.ts";
import type { Recipients } from "./recipients.ts";
import { describeRoom } from "./room-state.ts";
import { parseDirect } from "./direct-rooms.ts";
import { type Draft, isOver, type Rooms } from "./rooms.ts";
import type { SentEvents } from "./sent-events.ts";
import { readTimeline } from "./timeline.ts";
import { isRoomId } from "./ids.ts";
import { cleanLabel } from "./text/characters.ts";
import type { Successor } from "./upgrades.ts";
import type { Unread, Unreadable } from "./unreadable.ts";
import { parseEvent } from "./wire.ts";

/** Rooms that an account brings along into the user's clients. */
const mostKnown = 100;

/** What reading needs of the session. */
export interface SyncContext {
  readonly rooms: Rooms;
  readonly self: string;
  readonly api: Api;
  readonly encryption: Encryption;
  readonly recipients: Recipients;
  readonly unreadable: Unreadable;
  readonly sent: SentEvents;
  readonly typing: Typing;
  /** Event ids of the first sync: history, whatever a later answer says. */
  readonly history: Set<string>;
  readonly hint: (hint: Hint) => void;
  /** A line from the gateway to the user. Must not reject. */
  readonly notice: (text: string) => void;
  readonly log: Logger;
}

/** One answer on its way: what the parts of this folder that read it share. */
export interface Reading extends SyncContext {
  readonly draft: Draft;
  /** The token the answer was asked with; undefined: the first sync, which tells no news. */
  readonly since: string | undefined;
  /** Where gaps end; undefined: at the last event known, because the server does not know the token any more. */
  readonly gapEnd: string | undefined;
  /** Resolves when there is room for more. */
  readonly emit: (events: readonly Incoming[]) => Promise<void>;
  /** Chats of two that `m.direct` does not have yet: room and person. */
  readonly newDirect: Map<string, string>;
  /** Polls whose votes were asked for. */
  readonly counted: Set<string>;
  /** Rooms to go into, because they take the place of one that the user is in: by that one's id. */
  readonly successors: Map<string, Successor>;
  /** Messages that could not be read, and those that need not be any more. */
  readonly unread: Map<string, Unread | undefined>;
}

export type Reader = SyncContext & Pick<Reading, "emit" | "gapEnd">;

/** Reads one answer. @throws what filling a gap, decrypting or emitting throws: then the answer is to be asked for again */
export async function readSync(answer: JsonObject, since: string | undefined, reader: Reader): Promise<Reading> {
  const reading: Reading = {
    ...reader,
    draft: reader.rooms.draft(),
    since,
    newDirect: new Map(),
    counted: new Set(),
    successors: new Map(),
    unread: new Map(),
  };
  await reader.encryption.receiveSync({
    toDevice: listAt(objectAt(answer, "to_device"), "events"),
    initial: reader.gapEnd === undefined,
    deviceLists: field(answer, "device_lists"),
    oneTimeKeyCounts: field(answer, "device_one_time_keys_count"),
    unusedFallbackKeys: field(answer, "device_unused_fallback_key_types"),
  });
  await readAccountData(answer, reading);
  const rooms = objectAt(answer, "rooms");
  for (const [roomId, data] of entriesOf(field(rooms, "invite"))) {
    if (isRoomId(roomId)) await readInvite(roomId, objectAt(data, "invite_state"), reading);
  }
  // A room that takes another one's place is read after the word that it does.
  const joined = [...entriesOf(field(rooms, "join"))].toSorted(([a], [b]) => newness(a, reading) - newness(b, reading));
  for (const [roomId, data] of joined) {
    if (!isRoomId(roomId)) continue;
    if (hasNews(data)) await readTimeline(roomId, data, reading);
    await readEphemeral(roomId, data, reading);
  }
  for (const [roomId, data] of entriesOf(field(rooms, "knock"))) {
    if (isRoomId(roomId)) readKnock(roomId, objectAt(data, "knock_state"), reading);
  }
  for (const [roomId, data] of entriesOf(field(rooms, "leave"))) {
    if (isRoomId(roomId)) await readLeft(roomId, data, reading);
  }
  if (since === undefined && reading.gapEnd === undefined) await reading.emit(knownRooms(reading));
  readPresence(answer, reading);
  return reading;
}

/** With an account come its rooms. They are listed; nobody asks the user into each of them. */
function knownRooms({ draft, rooms }: Reading): Incoming[] {
  const here = [...draft.touched()].filter((room) => room.self === "join" && !room.space && !isOver(room, draft));
  const newest = here.toSorted((a, b) => b.activeAt - a.activeAt).map((room) => ({ room, peer: draft.peerOf(room) }));
  return newest
    .filter(({ peer }) => peer.kind === "room")
    .slice(0, mostKnown)
    .map(({ room, peer }) => {
      // Who is in it is asked for when a client goes in.
      const { self: _, ...facts } = describeRoom(room);
      const id = `known ${room.id} ${rooms.self}`;
      return { type: "room", id, peer, from: "self", sentAt: Date.now(), ...facts, offer: "list" };
    });
}

const newness = (roomId: string, { rooms }: Reading): number => (rooms.get(roomId)?.self === "join" ? 0 : 1);

/** Often there is nothing of a room but who types and who has read. */
function hasNews(data: unknown): boolean {
  const passing = new Set(["ephemeral", "account_data", "unread_notifications", "unread_thread_notifications"]);
  return [...entriesOf(data)].some(([key, value]) => !passing.has(key) && !isEmpty(value));
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  // A timeline always has its token.
  const { prev_batch: _, limited, ...rest } = value as JsonObject;
  return limited !== true && Object.values(rest).every((part) => Array.isArray(part) && part.length === 0);
}

async function readAccountData(answer: JsonObject, reading: Reading): Promise<void> {
  const { draft } = reading;
  for (const event of listAt(objectAt(answer, "account_data"), "events")) {
    if (textAt(event, "type") !== "m.direct") continue;
    const before = draft.direct;
    draft.readDirect(parseDirect(field(event, "content")));
    await noteKinds(before, reading);
  }
}

async function readEphemeral(roomId: string, data: unknown, reading: Reading): Promise<void> {
  if (reading.since === undefined) return;
  readTyping(roomId, data, reading);
  await reading.emit(readReceipts(roomId, data, reading));
}

/** Presence of those with whom the user has a chat of two; of others it would be a flood. */
function readPresence(answer: JsonObject, { draft, self, hint }: Reading): void {
  for (const value of listAt(objectAt(answer, "presence"), "events")) {
    const event = parseEvent(value);
    if (event === undefined || event.sender === self || !draft.direct.has(event.sender)) continue;
    const presence = textAt(event.content, "presence");
    const status = cleanLabel(textAt(event.content, "status_msg") ?? "", 500);
    const show = presence === "online" ? "online" : presence === "unavailable" ? "away" : "offline";
    hint({ type: "presence", from: event.sender, show, ...(status ? { status } : {}) });
  }
}
