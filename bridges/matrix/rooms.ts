// All rooms of one account, and which of them are chats of two. Changes are made on a draft and become true when the core
// has committed them, so that a sync answer that is processed again meets the same state.
import type { Peer, RecordChanges, Records } from "#bridge";
import { type DirectRooms, directToJson, parseDirect, partnersOf, withChat, withoutChat } from "./direct-rooms.ts";
import { parseBytes, toBytes } from "./json.ts";
import { copyRoom, differs, newRoom, type Room, roomFromJson, roomToJson } from "./room-state.ts";

const roomPrefix = "room/";
const directKey = "direct";
const unwrittenKey = "unwritten";
/** Versions of one room; nobody makes more. */
const mostUpgrades = 100;

export class Rooms {
  readonly self: string;
  readonly #records: Records;
  readonly #rooms: Map<string, Room>;
  #direct: DirectRooms;
  #unwritten: DirectRooms;
  #last: Promise<unknown> = Promise.resolve();
  /** The other way round. */
  #partners: ReadonlyMap<string, string>;

  private constructor(self: string, records: Records, rooms: Map<string, Room>, chats: Chats) {
    this.self = self;
    this.#records = records;
    this.#rooms = rooms;
    this.#direct = chats.direct;
    this.#unwritten = chats.unwritten;
    this.#partners = partnersOf(chats.direct);
  }

  static async load(self: string, records: Records): Promise<Rooms> {
    const rooms = new Map<string, Room>();
    for (const [key, bytes] of await records.load(roomPrefix)) {
      const id = key.slice(roomPrefix.length);
      const room = roomFromJson(id, parseBytes(bytes));
      if (room !== undefined) rooms.set(id, room);
    }
    const chatsAt = async (key: string): Promise<DirectRooms> => {
      const bytes = (await records.load(key)).get(key);
      return bytes === undefined ? new Map() : parseDirect(parseBytes(bytes));
    };
    const chats = { direct: await chatsAt(directKey), unwritten: await chatsAt(unwrittenKey) };
    return new Rooms(self, records, rooms, chats);
  }

  get(id: string): Room | undefined {
    return this.#rooms.get(id);
  }

  /** At once and for ever: a message that is on its way now must not go out in the clear. The draft keeps it. */
  noteEncrypted(id: string): void {
    const room = this.#rooms.get(id);
    if (room !== undefined) room.encrypted = true;
  }

  all(): Iterable<Room> {
    return this.#rooms.values();
  }

  get direct(): DirectRooms {
    return this.#direct;
  }

  /** Those of `direct` that the account data has not been seen to have: a list from the server does not end them. */
  get unwritten(): DirectRooms {
    return this.#unwritten;
  }

  draft(): Draft {
    return new Draft(this, (rooms, chats) => {
      for (const [id, room] of rooms) this.#rooms.set(id, room);
      if (chats === undefined) return;
      this.#direct = chats.direct;
      this.#unwritten = chats.unwritten;
      this.#partners = partnersOf(chats.direct);
    });
  }

  /** One change after the other: two drafts at a time would undo each other. */
  exclusive<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(change);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** A chat that was just opened, before the sync tells of it. To be called within `exclusive`. */
  async addDirect(roomId: string, userId: string): Promise<void> {
    const draft = this.draft();
    const room = draft.room(roomId);
    // An accepted invitation stays one until the sync tells what was said since.
    if (room.self !== "invite") room.self = "join";
    // An earlier one, made when the gateway was killed and heard of only later, does not take its place.
    room.activeAt ||= Date.now();
    draft.addDirect(roomId, userId);
    await this.#records.save(draft.records());
    draft.commit();
  }

  /** The newest of the rooms that are this one to the core, which the user is or was in. */
  newestOf(id: string): string {
    let newest = id;
    for (let count = 0; count < mostUpgrades; count++) {
      const room = this.#rooms.get(newest);
      const next = this.#rooms.get(room?.successor ?? "");
      if (room === undefined || next?.origin === undefined || next.origin !== nameOf(room)) break;
      newest = next.id;
    }
    return newest;
  }

  /** Whether the room goes on in another one that the user is in. */
  isOver(room: Room): boolean {
    return this.newestOf(room.id) !== room.id;
  }

  partnerOf(roomId: string): string | undefined {
    return this.#partners.get(roomId);
  }

  peerOf(room: Room): Peer {
    return peerOf(room, this.partnerOf(room.id));
  }

  /** One of several chats with a person, and not the one that goes on. */
  isAside(room: Room): boolean {
    const partner = this.partnerOf(room.id);
    return partner !== undefined && this.peerOf(room).kind === "contact" && this.chatWith(partner)?.id !== room.id;
  }

  /** From now on the room is shown as a group chat, whatever `m.direct` says. */
  showAsRoom(roomId: string): Promise<void> {
    return this.exclusive(async () => {
      const draft = this.draft();
      draft.room(roomId).asRoom = true;
      await this.#records.save(draft.records());
      draft.commit();
    });
  }

  /** The chat with a person: where something was said last; one they invite to when there is no other. */
  chatWith(userId: string): Room | undefined {
    const candidates = (this.#direct.get(userId) ?? []).flatMap((id) => this.#rooms.get(id) ?? []);
    for (const room of this.#rooms.values()) {
      if (room.self === "invite" && room.directInvite && room.invitedBy === userId) candidates.push(room);
    }
    return candidates
      .filter((room) => !room.asRoom && !this.isOver(room))
      .filter((room) => (room.self === "join" || room.self === "invite") && isPair(room) && room.lastLeft !== userId)
      .toSorted((a, b) => rank(b) - rank(a) || b.activeAt - a.activeAt)[0];
  }
}

interface Chats {
  readonly direct: DirectRooms;
  readonly unwritten: DirectRooms;
}

/** A set of changes to the rooms, over what is there. */
export class Draft {
  readonly #base: Rooms;
  readonly #commit: (rooms: ReadonlyMap<string, Room>, chats: Chats | undefined) => void;
  readonly #rooms = new Map<string, Room>();
  #chats: Chats | undefined;
  #partners: ReadonlyMap<string, string> | undefined;

  constructor(base: Rooms, commit: (rooms: ReadonlyMap<string, Room>, chats: Chats | undefined) => void) {
    this.#base = base;
    this.#commit = commit;
  }

  /** As it is after the changes so far; not to be changed. */
  peek(id: string): Room | undefined {
    return this.#rooms.get(id) ?? this.#base.get(id);
  }

  /** Those that were asked for to be changed. */
  touched(): Iterable<Room> {
    return this.#rooms.values();
  }

  /** To be changed. One that was not known begins as left. */
  room(id: string): Room {
    const known = this.#rooms.get(id);
    if (known !== undefined) return known;
    const before = this.#base.get(id);
    const room = before === undefined ? newRoom(id, "leave") : copyRoom(before);
    this.#rooms.set(id, room);
    return room;
  }

  get direct(): DirectRooms {
    return (this.#chats ?? this.#base).direct;
  }

  /** The server's list. What it has still to learn of stays a chat of two: its messages are the person's. */
  readDirect(list: DirectRooms): void {
    const written = partnersOf(list);
    let direct = list;
    let unwritten: DirectRooms = new Map();
    for (const [room, user] of partnersOf((this.#chats ?? this.#base).unwritten)) {
      if (written.has(room)) continue;
      direct = withChat(direct, room, user);
      unwritten = withChat(unwritten, room, user);
    }
    this.#setChats({ direct, unwritten });
  }

  /** A chat that `m.direct` is to be told of. @returns whether it was new */
  addDirect(roomId: string, userId: string): boolean {
    const { direct, unwritten } = this.#chats ?? this.#base;
    if (direct.get(userId)?.includes(roomId)) return false;
    this.#setChats({ direct: withChat(direct, roomId, userId), unwritten: withChat(unwritten, roomId, userId) });
    return true;
  }

  /** A chat that is none any more. `m.direct` may still name it for a while. */
  removeDirect(roomId: string): void {
    const { direct, unwritten } = this.#chats ?? this.#base;
    this.#setChats({ direct: withoutChat(direct, roomId), unwritten: withoutChat(unwritten, roomId) });
  }

  partnerOf(roomId: string): string | undefined {
    return this.#partners === undefined ? this.#base.partnerOf(roomId) : this.#partners.get(roomId);
  }

  peerOf(room: Room): Peer {
    return peerOf(room, this.partnerOf(room.id));
  }

  /** Whether more is new than where timelines stand. */
  get changed(): boolean {
    if (this.#chats !== undefined) return true;
    return [...this.#rooms].some(([id, room]) => {
      const before = this.#base.get(id);
      return before === undefined || differs(before, room);
    });
  }

  /** The changes as records. */
  records(): RecordChanges {
    const changes = new Map<string, Uint8Array>();
    for (const [id, room] of this.#rooms) changes.set(`${roomPrefix}${id}`, toBytes(roomToJson(room)));
    if (this.#chats !== undefined) {
      changes.set(directKey, toBytes(directToJson(this.#chats.direct)));
      changes.set(unwrittenKey, toBytes(directToJson(this.#chats.unwritten)));
    }
    return changes;
  }

  /** The records are on disk: from now on the changes hold. */
  commit(): void {
    this.#commit(this.#rooms, this.#chats);
  }

  #setChats(chats: Chats): void {
    this.#chats = chats;
    this.#partners = partnersOf(chats.direct);
  }
}

/** A chat of two is its other person; with a third in it, it is a room. */
function peerOf(room: Room, partner: string | undefined): Peer {
  const other = partner ?? (room.self === "invite" && room.directInvite ? room.invitedBy : undefined);
  return other !== undefined && isPair(room) && !room.asRoom
    ? { kind: "contact", id: other }
    : { kind: "room", id: nameOf(room) };
}

/** Whether the room goes on in another one that the user was in. */
export function isOver(room: Room, rooms: Pick<Draft, "peek">): boolean {
  return room.successor !== undefined && rooms.peek(room.successor)?.origin === nameOf(room);
}

/** The id that the core knows a room by: it stays over upgrades. */
export function nameOf(room: Pick<Room, "id" | "origin">): string {
  return room.origin ?? room.id;
}

function isPair(room: Room): boolean {
  return (room.joinedCount ?? 0) + (room.invitedCount ?? 0) <= 2 && !room.space;
}

function rank(room: Room): number {
  return room.self === "join" ? 1 : 0;
}
