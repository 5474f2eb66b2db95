// The rooms in which somebody of ours is. One record serves all of ours in a room; changes are made on a draft and become
// true when they are committed.
import type { Peer, RecordChanges, Records, RemoteId } from "#bridge";
import { field, listAt, objectAt, parseBytes, textAt, toBytes } from "../json.ts";
import { copyRoom, newRoom, type Room, roomFromJson, roomToJson } from "../room-state.ts";

const prefix = "room/";

export interface SharedRoom {
  /** What the room is like; its `self` means nothing here. */
  readonly state: Room;
  /** Ours, the bot included, and whether they are in it. */
  readonly ours: Map<RemoteId, "join" | "invite">;
  /** In a chat of two: the other person. */
  partner: RemoteId | undefined;
  /** That person is in it or invited. */
  partnerThere: boolean;
  /** What was there before ours came has been asked for. */
  known: boolean;
  /** The people in it were told that nothing encrypted can be read. */
  warned: boolean;
}

export class SharedRooms {
  readonly #rooms: Map<string, SharedRoom>;
  /** Chats of two by their other person. */
  readonly #chats = new Map<RemoteId, Set<string>>();
  /** When something was last said in a chat of two (ms since the epoch). */
  readonly #activity = new Map<string, number>();

  private constructor(rooms: Map<string, SharedRoom>) {
    this.#rooms = rooms;
    for (const room of rooms.values()) this.#index(room);
  }

  static async load(records: Records): Promise<SharedRooms> {
    const rooms = new Map<string, SharedRoom>();
    for (const [key, bytes] of await records.load(prefix)) {
      const id = key.slice(prefix.length);
      const room = fromJson(id, parseBytes(bytes));
      if (room !== undefined) rooms.set(id, room);
    }
    return new SharedRooms(rooms);
  }

  get size(): number {
    return this.#rooms.size;
  }

  get(id: string): SharedRoom | undefined {
    return this.#rooms.get(id);
  }

  *of(ghost: RemoteId): Iterable<SharedRoom> {
    for (const room of this.#rooms.values()) if (room.ours.has(ghost)) yield room;
  }

  /** The chat of two where something was said last. Encrypted ones are of no use: nothing goes into them. */
  chatWith(ghost: RemoteId, partner: RemoteId): SharedRoom | undefined {
    return this.#chatsWith(partner)
      .filter((room) => room.ours.has(ghost) && room.partnerThere && !room.state.encrypted)
      .toSorted((a, b) => this.#activeAt(b) - this.#activeAt(a))[0];
  }

  /** A person has several chats of two with ours: which of them is in use must outlive this process. */
  hasSeveral(partner: RemoteId): boolean {
    return (this.#chats.get(partner)?.size ?? 0) > 1;
  }

  /** Ours that have a chat of two with somebody. */
  oursWith(partner: RemoteId): RemoteId[] {
    return [...new Set(this.#chatsWith(partner).flatMap((room) => [...room.ours.keys()]))];
  }

  noteActivity(id: string, at: number): void {
    if (this.#rooms.get(id)?.partner !== undefined) this.#activity.set(id, at);
  }

  draft(): RoomsDraft {
    return new RoomsDraft(this, (changes) => {
      for (const [id, room] of changes) this.#put(id, room);
    });
  }

  #chatsWith(partner: RemoteId): SharedRoom[] {
    return [...(this.#chats.get(partner) ?? [])].flatMap((id) => this.#rooms.get(id) ?? []);
  }

  #activeAt({ state }: SharedRoom): number {
    return this.#activity.get(state.id) ?? state.activeAt;
  }

  #put(id: string, room: SharedRoom): void {
    const partner = this.#rooms.get(id)?.partner;
    if (partner !== undefined) {
      const chats = this.#chats.get(partner);
      chats?.delete(id);
      if (chats?.size === 0) this.#chats.delete(partner);
    }
    if (room.ours.size === 0) {
      this.#rooms.delete(id);
      this.#activity.delete(id);
      return;
    }
    this.#rooms.set(id, room);
    this.#index(room);
  }

  #index({ partner, state: { id } }: SharedRoom): void {
    if (partner === undefined) return;
    const chats = this.#chats.get(partner);
    if (chats) chats.add(id);
    else this.#chats.set(partner, new Set([id]));
  }
}

/** Changes to the rooms, over what is there. A room without anybody of ours is forgotten. */
export class RoomsDraft {
  readonly #base: SharedRooms;
  readonly #commit: (changes: ReadonlyMap<string, SharedRoom>) => void;
  readonly #changes = new Map<string, SharedRoom>();

  constructor(base: SharedRooms, commit: (changes: ReadonlyMap<string, SharedRoom>) => void) {
    this.#base = base;
    this.#commit = commit;
  }

  /** As it is after the changes so far; not to be changed. */
  peek(id: string): SharedRoom | undefined {
    return this.#changes.get(id) ?? this.#base.get(id);
  }

  /** To be changed. */
  room(id: string): SharedRoom {
    const known = this.#changes.get(id);
    if (known !== undefined) return known;
    const before = this.#base.get(id);
    const room: SharedRoom =
      before === undefined
        ? {
            state: newRoom(id, "join"),
            ours: new Map(),
            partner: undefined,
            partnerThere: false,
            known: false,
            warned: false,
          }
        : { ...before, state: copyRoom(before.state), ours: new Map(before.ours) };
    this.#changes.set(id, room);
    return room;
  }

  records(): RecordChanges {
    const changes = new Map<string, Uint8Array | undefined>();
    for (const [id, room] of this.#changes) {
      changes.set(`${prefix}${id}`, room.ours.size === 0 ? undefined : toBytes(toJson(room)));
    }
    return changes;
  }

  commit(): void {
    this.#commit(this.#changes);
  }
}

/** How the user of ours calls the room: a chat of two is its other person. */
export function peerIn(room: SharedRoom): Peer {
  return room.partner === undefined ? { kind: "room", id: room.state.id } : { kind: "contact", id: room.partner };
}

/** The room as one of ours sees it. */
export function stateFor(room: SharedRoom, ghost: RemoteId): Room {
  return { ...room.state, self: room.ours.get(ghost) ?? "leave" };
}

function toJson({ state, ours, ...rest }: SharedRoom): unknown {
  return { ...rest, state: roomToJson(state), ours: [...ours] };
}

/** @returns undefined for what `toJson` did not make. */
function fromJson(id: string, json: unknown): SharedRoom | undefined {
  const state = roomFromJson(id, objectAt(json, "state"));
  if (state === undefined) return undefined;
  return {
    state,
    ours: new Map(listAt(json, "ours") as readonly [RemoteId, "join" | "invite"][]),
    partner: textAt(json, "partner"),
    partnerThere: field(json, "partnerThere") === true,
    known: field(json, "known") === true,
    warned: field(json, "warned") === true,
  };
}
