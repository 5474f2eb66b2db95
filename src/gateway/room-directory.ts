// What is known of rooms: found by how users address them.
import type { RemoteId } from "#bridge";
import { GatewayError } from "./errors.ts";
import type { AccountRecord } from "./ports.ts";
import { mostListed } from "./room-people.ts";
import type { ArchiveEntry, ArchiveQuery, NamedPeer, ParticipantRecord, RoomRecord, RoomStore } from "./room-ports.ts";

export interface FoundRoom {
  readonly account: AccountRecord;
  readonly room: RoomRecord;
}

/** A room that a client is in. */
export interface EnteredRoom extends FoundRoom {
  /** The user's own participant. */
  readonly own: ParticipantRecord;
}

export interface RoomDirectoryOptions {
  readonly store: RoomStore;
  readonly accountsOf: (bridge: string, user: string) => readonly AccountRecord[];
}

/** Rooms in a list for a user. */
export const mostShown = 500;

export class RoomDirectory {
  readonly #o: RoomDirectoryOptions;

  constructor(options: RoomDirectoryOptions) {
    this.#o = options;
  }

  /** Who a local part was allocated to, for this user. */
  async named(bridge: string, user: string, local: string): Promise<NamedPeer | undefined> {
    for (const account of this.#o.accountsOf(bridge, user)) {
      const peer = await this.#o.store.read((rooms) => rooms.named(account.id, local));
      if (peer) return peer;
    }
    return undefined;
  }

  /** The room of the account that is in it, or else of one that knows it. */
  async find(bridge: string, user: string, local: string): Promise<FoundRoom | undefined> {
    let known: FoundRoom | undefined;
    for (const account of this.#o.accountsOf(bridge, user)) {
      const room = await this.#o.store.read((rooms) => {
        const peer = rooms.named(account.id, local);
        return peer?.kind === "room" ? rooms.room(account.id, peer.id) : undefined;
      });
      if (room?.self === "joined") return { account, room };
      if (room) known ??= { account, room };
    }
    return known;
  }

  /** Throws GatewayError `not-acceptable` unless this client is in the room. */
  async inside(bridge: string, user: string, local: string, client: string): Promise<EnteredRoom> {
    const found = await this.find(bridge, user, local);
    const own =
      found &&
      (await this.#o.store.read((rooms) => {
        const { account, room } = found;
        const isIn = rooms.occupants(account.id, room.id).some((occupant) => occupant.client === client);
        return isIn ? rooms.participant(account.id, room.id, account.self) : undefined;
      }));
    if (found && own) return { ...found, own };
    throw new GatewayError("not-acceptable", "You are not in this room: join it first.");
  }

  /** Somebody in a room, by the nick they are shown under. */
  async person({ account, room }: FoundRoom, nick: string): Promise<ParticipantRecord | undefined> {
    return this.#o.store.read((rooms) => rooms.byNick(account.id, room.id, nick));
  }

  /** Somebody in a room, by their id. */
  async participant({ account, room }: FoundRoom, id: RemoteId): Promise<ParticipantRecord | undefined> {
    return this.#o.store.read((rooms) => rooms.participant(account.id, room.id, id));
  }

  /** Everybody of a rank, as far as the gateway knows them. */
  async ranked({ account, room }: FoundRoom, rank: ParticipantRecord["rank"]): Promise<ParticipantRecord[]> {
    return this.#o.store.read((rooms) => rooms.ranked(account.id, room.id, rank, mostListed));
  }

  /** Those shown as present. */
  async people({ account, room }: FoundRoom): Promise<ParticipantRecord[]> {
    return this.#o.store.read((rooms) => rooms.listed(account.id, room.id));
  }

  /** The rooms a user is in or invited to. */
  async list(bridge: string, user: string): Promise<RoomRecord[]> {
    const all = await Promise.all(
      this.#o.accountsOf(bridge, user).map(({ id }) => this.#o.store.read((rooms) => rooms.rooms(id, mostShown))),
    );
    return all.flat().slice(0, mostShown);
  }

  /** A page of what was said, and how much there is in all. */
  async archive(
    { account, room }: FoundRoom,
    query: ArchiveQuery,
  ): Promise<{ readonly entries: readonly ArchiveEntry[]; readonly count: number }> {
    return this.#o.store.read((rooms) => ({
      entries: rooms.archive(account.id, room.id, query),
      count: rooms.archiveCount(account.id, room.id, query),
    }));
  }

  async archived({ account, room }: FoundRoom, id: string): Promise<ArchiveEntry | undefined> {
    return this.#o.store.read((rooms) => rooms.archived(account.id, room.id, id));
  }
}
