// The shared rooms as one of ours sees them: what sending and the verbs of account mode ask of an account's rooms.
import type { Peer, RemoteId } from "#bridge";
import type { Room } from "../room-state.ts";
import type { DirectRooms } from "../direct-rooms.ts";
import type { RoomsView } from "../room-verbs.ts";
import { peerIn, type SharedRoom, type SharedRooms, stateFor } from "./shared-rooms.ts";

export class GhostRooms implements RoomsView {
  readonly self: RemoteId;
  readonly #rooms: SharedRooms;

  constructor(self: RemoteId, rooms: SharedRooms) {
    this.self = self;
    this.#rooms = rooms;
  }

  get(id: string): Room | undefined {
    return this.#seen(this.#rooms.get(id));
  }

  *all(): Iterable<Room> {
    for (const room of this.#rooms.of(this.self)) yield stateFor(room, this.self);
  }

  get direct(): DirectRooms {
    const direct = new Map<string, string[]>();
    for (const { partner, state } of this.#rooms.of(this.self)) {
      if (partner !== undefined) direct.set(partner, [...(direct.get(partner) ?? []), state.id]);
    }
    return direct;
  }

  chatWith(userId: string): Room | undefined {
    return this.#seen(this.#rooms.chatWith(this.self, userId));
  }

  peerOf(room: Room): Peer {
    const shared = this.#rooms.get(room.id);
    return shared === undefined ? { kind: "room", id: room.id } : peerIn(shared);
  }

  /** Ours are not taken along by themselves: a new version is a room of its own. */
  newestOf(id: string): string {
    return id;
  }

  isOver(): boolean {
    return false;
  }

  isAside(): boolean {
    return false;
  }

  /** Only transactions change rooms, one after the other. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }

  /** What a chat is follows from who is in it. */
  async showAsRoom(): Promise<void> {}

  #seen(room: SharedRoom | undefined): Room | undefined {
    return room && stateFor(room, this.self);
  }
}
