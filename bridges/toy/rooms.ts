// Rooms of the toy network: who is in them, and what everybody in them is told.
import {
  type AvatarId,
  BridgeError,
  type Incoming,
  type IncomingMessage,
  type Rank,
  type RoomChange,
  type RoomSummary,
} from "#bridge";

interface ToyMember {
  name: string;
  rank: Rank;
}

export interface ToyRoom {
  readonly id: string;
  /** Such as "#lobby"; rooms without one are found by invitation only. */
  readonly address: string | undefined;
  name: string;
  topic: string;
  avatar: AvatarId | undefined;
  readonly open: boolean;
  readonly members: Map<string, ToyMember>;
  readonly invited: Map<string, string>;
  readonly banned: Set<string>;
}

export interface NewToyRoom {
  readonly id?: string;
  readonly address?: string;
  readonly name?: string;
  readonly topic?: string;
  readonly open?: boolean;
  /** By name: their rank. */
  readonly members?: Readonly<Record<string, Rank>>;
}

/** How somebody goes out of a room. */
type Exit = "left" | "kicked" | "banned";

export class ToyRooms {
  readonly all = new Map<string, ToyRoom>();
  /** By room, oldest first: what nobody was told of when it was said. */
  readonly past = new Map<string, readonly IncomingMessage[]>();
  readonly #tell: (to: string, ...events: readonly Incoming[]) => void;
  readonly #avatarOf: (who: string) => AvatarId | undefined;
  #events = 0;

  constructor(
    tell: (to: string, ...events: readonly Incoming[]) => void,
    avatarOf: (who: string) => AvatarId | undefined,
  ) {
    this.#tell = tell;
    this.#avatarOf = avatarOf;
  }

  /** A room as if somebody had made it; its members are told nothing. */
  create(made: NewToyRoom): ToyRoom {
    const members = Object.entries(made.members ?? {}).map(([name, rank]) => [name, { name, rank }] as const);
    const room: ToyRoom = {
      id: made.id ?? `room-${this.all.size + 1}`,
      address: made.address,
      name: made.name ?? made.address ?? "",
      topic: made.topic ?? "",
      avatar: undefined,
      open: made.open ?? true,
      members: new Map(members),
      invited: new Map(),
      banned: new Set(),
    };
    this.all.set(room.id, room);
    return room;
  }

  list(who: string): RoomSummary[] {
    const rooms = [...this.all.values()].filter((room) => room.members.has(who) || room.invited.has(who));
    return rooms.map((room) => {
      const invitedBy = room.invited.get(who);
      return {
        id: room.id,
        name: room.name,
        members: room.members.size,
        state: room.members.has(who) ? "joined" : "invited",
        ...(room.address === undefined ? {} : { address: room.address }),
        ...(invitedBy === undefined ? {} : { invitedBy }),
      };
    });
  }

  /** By id or address. Throws BridgeError. */
  enter(who: string, where: string): ToyRoom {
    const room = this.all.get(where) ?? [...this.all.values()].find((one) => one.address === where);
    if (room === undefined) throw new BridgeError("reject", "There is no such room.", { condition: "item-not-found" });
    if (room.members.has(who)) {
      this.show(who, room);
      return room;
    }
    if (room.banned.has(who)) throw refused("You are banned from this room.");
    if (!room.open && !room.invited.has(who)) throw refused("This room takes members only.");
    room.invited.delete(who);
    room.members.set(who, { name: who, rank: "member" });
    this.show(who, room);
    this.#toOthers(room, who, this.#membership(room, who, who, "joined"));
    return room;
  }

  /** What was said before anybody was told: the newest first. */
  older(
    where: string,
    before: string | undefined,
    limit: number,
  ): { readonly page: readonly IncomingMessage[]; readonly complete: boolean } {
    const all = this.past.get(this.#room(where).id) ?? [];
    const end = all.findIndex(({ id }) => id === before);
    const rest = all.slice(0, end < 0 ? all.length : end).toReversed();
    return { page: rest.slice(0, limit), complete: rest.length <= limit };
  }

  /** All that somebody in a room is told of it. */
  show(who: string, room: ToyRoom): void {
    const state: Incoming = {
      ...this.#base(room, "self"),
      type: "room",
      name: room.name,
      topic: room.topic,
      access: room.open ? "open" : "members",
      members: room.members.size,
      self: "joined",
      avatar: room.avatar ?? null,
      ...(room.address === undefined ? {} : { address: room.address }),
    };
    const people = [...room.members.keys()].map((name) => this.#membership(room, name, name, "joined", who));
    this.#tell(who, state, ...people);
  }

  exit(who: string, where: string, how: Exit = "left", by = who, reason?: string): void {
    const room = this.#room(where);
    if (room.invited.delete(who) || !room.members.has(who)) return;
    const event = (to: string) => ({
      ...this.#membership(room, who, by, how, to),
      ...(reason === undefined ? {} : { reason }),
    });
    if (how === "banned") room.banned.add(who);
    for (const to of room.members.keys()) this.#tell(to, event(to));
    room.members.delete(who);
  }

  invite(by: string, where: string, who: string, reason?: string): void {
    const room = this.#room(where);
    room.invited.set(who, by);
    this.#tell(who, {
      ...this.#base(room, by),
      type: "room",
      name: room.name,
      self: "invited",
      ...(room.address === undefined ? {} : { address: room.address }),
    });
    if (reason) this.#toOthers(room, who, this.#membership(room, who, by, "invited"));
  }

  change(by: string, where: string, change: RoomChange): void {
    const room = this.#room(where);
    const member = room.members.get(by);
    if (member === undefined) throw refused("You are not in this room.");
    if (change.do === "invite") return this.invite(by, where, change.who, change.reason);
    if (change.do === "nick") {
      member.name = change.name;
      return this.#toAll(room, (to) => this.#membership(room, by, by, "joined", to));
    }
    this.mustModerate(by, where);
    if (change.do === "subject") {
      room.topic = change.text;
      return this.#toAll(room, (to) => ({
        ...this.#base(room, to === by ? "self" : by),
        type: "room",
        topic: change.text,
      }));
    }
    if (change.do === "kick") return this.exit(change.who, where, "kicked", by, change.reason);
    if (change.rank === "outcast") return this.exit(change.who, where, "banned", by, change.reason);
    const target = room.members.get(change.who);
    if (target) target.rank = change.rank;
    return this.#toAll(room, (to) => this.#membership(room, change.who, by, "joined", to));
  }

  /** Somebody in the room shows another picture: everybody is told who they are. */
  refresh(who: string, where: string): void {
    const room = this.#room(where);
    this.#toAll(room, (to) => this.#membership(room, who, who, "joined", to));
  }

  /** Throws BridgeError. */
  mustModerate(who: string, where: string): void {
    const rank = this.#room(where).members.get(who)?.rank;
    if (rank !== "owner" && rank !== "admin") throw refused("Only its admins may do that.");
  }

  /** Everybody but `except` is told; a session does not hear its own message back. */
  say(from: string, where: string, text: string, id: string, replyTo?: string, except?: string): void {
    const room = this.#room(where);
    const member = room.members.get(from);
    if (member === undefined) throw refused("You are not in this room.");
    if (member.rank === "visitor") throw refused("You may not speak in this room.");
    for (const to of room.members.keys()) {
      if (to === except) continue;
      this.#tell(to, {
        ...this.#base(room, to === from ? "self" : from),
        id,
        type: "message",
        text,
        name: member.name,
        ...(replyTo === undefined ? {} : { replyTo: [replyTo] }),
      });
    }
  }

  #membership(room: ToyRoom, who: string, by: string, state: "joined" | "invited" | Exit, to?: string) {
    const member = room.members.get(who);
    const seen = (name: string) => (name === to ? "self" : name);
    return {
      ...this.#base(room, seen(by)),
      type: "membership" as const,
      who: seen(who),
      state,
      ...(member ? { name: member.name, rank: member.rank, avatar: this.#avatarOf(who) ?? null } : {}),
    };
  }

  #base(room: ToyRoom, from: string) {
    return { id: `event-${++this.#events}`, peer: { kind: "room" as const, id: room.id }, from, sentAt: Date.now() };
  }

  #toAll(room: ToyRoom, event: (to: string) => Incoming): void {
    for (const to of room.members.keys()) this.#tell(to, event(to));
  }

  #toOthers(room: ToyRoom, who: string, event: Incoming): void {
    for (const to of room.members.keys()) if (to !== who) this.#tell(to, event);
  }

  #room(where: string): ToyRoom {
    const room = this.all.get(where);
    if (room === undefined) throw new BridgeError("reject", "There is no such room.", { condition: "item-not-found" });
    return room;
  }
}

const refused = (text: string) => new BridgeError("reject", text, { condition: "forbidden" });
