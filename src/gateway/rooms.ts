// Rooms of networks as group chats: who of the user's clients is in which, and what they do there. What networks report
// is in room-changes.ts and room-sayings.ts.
import {
  type AnyBridge,
  type Incoming,
  type LiveSession,
  type OutgoingMessage,
  type RemoteId,
  type RoomChange,
  type RoomSummary,
  type Sent,
} from "#bridge";
import { inTime } from "./ask.ts";
import { GatewayError } from "./errors.ts";
import { newKey } from "./keys.ts";
import {
  type AccountId,
  type AccountRecord,
  type Clock,
  type Delivery,
  type IncomingRow,
  type LaneStore,
  type OutgoingBody,
  type OutgoingRow,
  peerKey,
  peerOfKey,
  type XmppOutput,
} from "./ports.ts";
import { RateLimit } from "./rate.ts";
import {
  membershipChanged,
  mostListed,
  offer,
  personOf,
  type RoomContext,
  roomChanged,
  roomOf,
  toPerson,
} from "./room-changes.ts";
import type { HistoryRequest, RoomView } from "./room-events.ts";
import { historyOf } from "./room-history.ts";
import { reflected, said } from "./room-sayings.ts";
import type {
  ArchiveEntry,
  ArchiveQuery,
  NamedPeer,
  ParticipantRecord,
  RoomRecord,
  RoomStore,
  RoomTables,
  Saying,
} from "./room-ports.ts";
import type { UserHints } from "./user-hints.ts";

export interface RoomsOptions {
  readonly store: RoomStore;
  readonly lanes: LaneStore;
  readonly clock: Clock;
  /** Characters of one message. */
  readonly textLength: number;
  readonly bridge: (name: string) => { readonly bridge: AnyBridge; readonly output: XmppOutput };
  readonly account: (id: AccountId) => AccountRecord | undefined;
  /** The user's accounts on a bridge, the one to use for new things last. */
  readonly accountsOf: (bridge: string, user: string) => readonly AccountRecord[];
  /** The account for new things, made where domain mode gives one. Throws GatewayError. */
  readonly accountFor: (bridge: string, user: string) => Promise<AccountRecord>;
  readonly sessionOf: (account: AccountId) => LiveSession | undefined;
  readonly hints: () => UserHints;
  /** Throws GatewayError when the user writes too fast. */
  readonly slowDown: (user: string) => void;
}

export interface FoundRoom {
  readonly account: AccountRecord;
  readonly room: RoomRecord;
}

/** A room that a client is in. */
export interface EnteredRoom extends FoundRoom {
  /** The user's own participant. */
  readonly own: ParticipantRecord;
}

export interface Entry {
  readonly local: string;
  /** Full JID. */
  readonly client: string;
  readonly nick: string;
  readonly history: HistoryRequest;
}

/** Clients of one user in one room. */
const mostClients = 20;
/** Rooms in a list for a user. */
const mostShown = 500;
/** A user gets no more invitations than this; the rooms are in their list all the same. */
const invitationsPerHour = 20;

export class Rooms {
  readonly #o: RoomsOptions;
  readonly #invitations: RateLimit;
  /** Joins under way on a network, by account and room: clients come in together. */
  readonly #joining = new Map<string, Promise<RemoteId>>();

  constructor(options: RoomsOptions) {
    this.#o = options;
    this.#invitations = new RateLimit(options.clock, invitationsPerHour / 60, invitationsPerHour);
  }

  // --- looking ----------------------------------------------------------------------------------------------------

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

  // --- what users do ----------------------------------------------------------------------------------------------

  /** A client comes in; the network is asked first where the user is not in the room there. Throws GatewayError. */
  async enter(bridge: string, user: string, entry: Entry): Promise<void> {
    const found = await this.find(bridge, user, entry.local);
    const account = found?.account ?? (await this.#o.accountFor(bridge, user));
    const id = found?.room.self === "joined" ? found.room.id : await this.#join(account, found?.room.id, entry.local);
    const context = this.#context(account);
    const refusal = await this.#o.store.change(account.id, (tables) => {
      const room = this.#settledRoom(tables, context, id, entry.local);
      if (room === undefined) return "You are in too many rooms here.";
      if (room.local !== entry.local)
        return `This room is ${this.#o.bridge(bridge).output.roomAddress(room.local)} here: join that.`;
      return admit(tables, context, room, entry);
    });
    if (refusal) throw new GatewayError("not-acceptable", refusal);
  }

  /** A client goes out; the user stays in the room on the network. Undefined: it was not in. */
  async goOut(bridge: string, user: string, local: string, client: string): Promise<EnteredRoom | undefined> {
    const found = await this.find(bridge, user, local);
    if (found === undefined) return undefined;
    const { account, room } = found;
    const own = await this.#o.store.change(account.id, (tables) =>
      tables.removeOccupant(account.id, room.id, client)
        ? tables.participant(account.id, room.id, account.self)
        : undefined,
    );
    return own && { ...found, own };
  }

  /** The user leaves the room on the network. Throws GatewayError. */
  async leave(account: AccountRecord, id: RemoteId): Promise<void> {
    const session = this.#session(account);
    if (session.leave === undefined)
      throw new GatewayError("feature-not-implemented", "Rooms cannot be left from here.");
    await inTime(session.leave(id), this.#o.clock);
    const context = this.#context(account);
    await this.#o.store.change(account.id, (tables) =>
      roomChanged(tables, context, {
        type: "room",
        id: newKey(context.now),
        peer: { kind: "room", id },
        from: "self",
        sentAt: context.now,
        self: "left",
      }),
    );
  }

  /** A message, edit, retraction, reaction or read marker into a room. Resolves once it is on disk. Throws GatewayError. */
  async say({ account, room }: EnteredRoom, body: OutgoingBody): Promise<void> {
    const { lanes, clock, textLength, bridge, slowDown } = this.#o;
    const most = Math.min(textLength, bridge(account.bridge).bridge.limits?.textLength ?? Number.POSITIVE_INFINITY);
    if ((body.text?.length ?? 0) > most)
      throw new GatewayError("policy-violation", `This message is too long: ${most} characters are the limit.`);
    if (body.kind !== "read") slowDown(account.user);
    const peer = peerKey({ kind: "room", id: room.id });
    const row = { direction: "outgoing", account: account.id, peer, key: newKey(clock.now()), body } as const;
    await lanes.append([row], body.kind === "read" ? { supersedes: "read" } : {});
  }

  /** Subject, nick, invitations, kicks, ranks: what the network makes of it comes back as events. Throws GatewayError. */
  async change({ account, room }: FoundRoom, change: RoomChange): Promise<void> {
    this.#o.slowDown(account.user);
    const session = this.#session(account);
    if (session.changeRoom === undefined)
      throw new GatewayError("feature-not-implemented", "This network does not let you change that.");
    await inTime(session.changeRoom(room.id, change), this.#o.clock);
  }

  /** Fleeting. */
  typingHere({ account, room }: EnteredRoom, active: boolean): void {
    this.#o.hints().typingIn(account, { kind: "room", id: room.id }, active);
  }

  /** The rooms the network has for an account, named here. Throws GatewayError. */
  async choices(account: AccountRecord): Promise<readonly (RoomSummary & { readonly local: string })[]> {
    const session = this.#session(account);
    if (session.listRooms === undefined)
      throw new GatewayError("feature-not-implemented", "This network does not list its rooms.");
    const summaries = (await inTime(session.listRooms(), this.#o.clock)).slice(0, mostShown);
    const context = this.#context(account);
    const named = await this.#o.store.change(account.id, (tables) =>
      summaries.flatMap((summary) => {
        const room = roomOf(tables, context, summary.id, summary);
        return room ? [{ ...summary, local: room.local }] : [];
      }),
    );
    return named ?? [];
  }

  /** The user chose a room: they are invited, for only their client can go in. */
  async offer(account: AccountRecord, id: RemoteId): Promise<void> {
    const context = this.#context(account);
    await this.#o.store.change(account.id, (tables) => {
      const room = roomOf(tables, context, id);
      if (room) offer(tables, context, room, {});
    });
  }

  // --- what networks report ---------------------------------------------------------------------------------------

  /** What an event in a room is committed as: `delivery` is what it would be in a conversation with a contact. */
  delivery(id: AccountId, event: Incoming, delivery: Delivery): Delivery {
    const account = this.#o.account(id);
    if (account === undefined) return {};
    const context = this.#context(account);
    if (event.type === "room") return { rooms: (tables) => roomChanged(tables, context, event) };
    if (event.type === "membership") return { rooms: (tables) => membershipChanged(tables, context, event) };
    const { row, ...rest } = delivery;
    const peer = row && peerOfKey(row.peer);
    if (row === undefined || peer === undefined || event.type === "original") return delivery;
    const body = row.body as Saying;
    const utterance = {
      room: peer.id,
      from: event.from,
      name: event.type === "message" ? event.name : undefined,
      reason: event.type === "retraction" ? event.reason : undefined,
      body,
      sentAt: event.sentAt,
      stanzaId: row.key,
      key: row.key,
    };
    return { ...rest, rooms: (tables) => said(tables, context, utterance) };
  }

  /** What the network took from a client of the user's. Undefined for other conversations. */
  reflection(
    row: OutgoingRow,
    sent?: { readonly message: OutgoingMessage; readonly as: Sent },
  ): ((tables: RoomTables) => void) | undefined {
    const peer = peerOfKey(row.peer);
    const account = this.#o.account(row.account);
    if (peer?.kind !== "room" || account === undefined) return undefined;
    const context = this.#context(account);
    return (tables) => reflected(tables, context, peer.id, row, sent);
  }

  /** Clients correct messages by the id they gave them; rooms know them by their stanza ids. */
  async stanzaIdOf(account: AccountId, room: RemoteId, xmppId: string): Promise<string | undefined> {
    return this.#o.store.read((rooms) => rooms.ownId(account, room, xmppId));
  }

  /** Who gets a row and what they need for it; undefined when nobody is there. */
  async view(row: IncomingRow): Promise<RoomView | undefined> {
    const id = peerOfKey(row.peer)?.id;
    const account = this.#o.account(row.account);
    if (id === undefined || account === undefined) return undefined;
    const { body } = row;
    if (body.kind === "room" && body.event.do === "invited" && this.#invitations.take(account.user) > 0)
      return undefined;
    return this.#o.store.read((rooms) => {
      const room = rooms.room(account.id, id);
      if (room === undefined) return undefined;
      const present = rooms.occupants(account.id, id).filter((occupant) => occupant.since <= row.id);
      const clients = clientsOf(
        row,
        account.user,
        present.map((occupant) => occupant.client),
      );
      if (clients.length === 0) return undefined;
      const base: RoomView = { local: room.local, id, name: room.name, self: account.self, clients };
      if (body.kind !== "room" || body.event.do !== "entered") return base;
      const people = rooms.listed(account.id, id).filter((one) => one.id !== account.self);
      const subject = {
        text: room.topic ?? "",
        ...(room.topicBy === undefined ? {} : { by: room.topicBy }),
        ...(room.topicAt === undefined ? {} : { at: room.topicAt }),
      };
      const context = this.#context(account);
      const entry = {
        people: people.map((one) => toPerson(one, context)),
        history: historyOf(rooms, account.id, id, body.event),
        subject,
      };
      return { ...base, entry };
    });
  }

  /** Somebody types in a room. Fleeting. */
  typingThere(account: AccountRecord, id: RemoteId, from: RemoteId, active: boolean): void {
    void this.#o.store.read((rooms) => {
      const clients = rooms.occupants(account.id, id).map((occupant) => occupant.client);
      const who = clients.length > 0 ? rooms.participant(account.id, id, from) : undefined;
      const room = who?.listed ? rooms.room(account.id, id) : undefined;
      if (who && room) this.#o.bridge(account.bridge).output.roomTyping(room.local, who.nick, clients, active);
    });
  }

  /** The account goes: its clients are told that they are out of its rooms. */
  async farewell(account: AccountRecord): Promise<void> {
    const { output } = this.#o.bridge(account.bridge);
    const all = await this.#o.store.read((rooms) =>
      rooms.rooms(account.id, Number.MAX_SAFE_INTEGER).map((room) => ({
        room,
        own: rooms.participant(account.id, room.id, account.self),
        clients: rooms.occupants(account.id, room.id).map((occupant) => occupant.client),
      })),
    );
    for (const { room, own, clients } of all) if (own) output.roomGone(room.local, own.nick, clients);
  }

  // --- inside -----------------------------------------------------------------------------------------------------

  #context(account: AccountRecord): RoomContext {
    const { bridge, output } = this.#o.bridge(account.bridge);
    const naming = { contacts: bridge.contacts, rooms: bridge.rooms, fits: (local: string) => output.fits(local) };
    return { account, naming, now: this.#o.clock.now() };
  }

  #session(account: AccountRecord): LiveSession {
    const session = this.#o.sessionOf(account.id);
    if (session) return session;
    throw new GatewayError("remote-server-timeout", `${account.self} is not connected now; try again in a moment.`, {
      wait: true,
    });
  }

  /** Has the network take the user into a room. Throws GatewayError. */
  async #join(account: AccountRecord, known: RemoteId | undefined, local: string): Promise<RemoteId> {
    const target = known ?? this.#o.bridge(account.bridge).bridge.rooms?.fromLocal(local);
    if (target === undefined) throw new GatewayError("item-not-found", "There is no such room.");
    const session = this.#session(account);
    if (session.join === undefined)
      throw new GatewayError("feature-not-implemented", "Rooms cannot be joined from here.");
    const key = `${account.id}/${target}`;
    const under = this.#joining.get(key);
    if (under) return under;
    this.#o.slowDown(account.user);
    const joining = inTime(session.join(target), this.#o.clock)
      .then(({ id }) => id)
      .finally(() => this.#joining.delete(key));
    this.#joining.set(key, joining);
    return joining;
  }

  /**
   * The record of a room that the user is in now. They joined it under `local`: that becomes its local part when nobody is
   * there under another one.
   */
  #settledRoom(tables: RoomTables, context: RoomContext, id: RemoteId, local: string): RoomRecord | undefined {
    const { account, naming } = context;
    const room = roomOf(tables, context, id, { address: naming.rooms?.fromLocal(local) });
    if (room === undefined) return undefined;
    const joined: RoomRecord = { ...room, self: "joined", invitedBy: undefined };
    if (room.self !== "joined") tables.saveRoom(joined);
    const isFree = tables.named(account.id, local) === undefined && tables.occupants(account.id, id).length === 0;
    if (room.local === local || !isFree) return joined;
    tables.saveName(account.id, { kind: "room", id }, local);
    return { ...joined, local };
  }
}

/** Lets a client in; a sentence when that is not possible. */
function admit(tables: RoomTables, context: RoomContext, room: RoomRecord, entry: Entry): string | undefined {
  const { account } = context;
  const others = tables.occupants(account.id, room.id).filter((occupant) => occupant.client !== entry.client);
  if (others.length >= mostClients) return `${mostClients} of your clients are in this room already.`;
  const known = personOf(tables, context, room.id, account.self, undefined);
  const own: ParticipantRecord = { ...known, state: "joined", listed: true };
  tables.saveParticipant(own);
  if (others.length === 0) tables.relist(account.id, room.id, mostListed, account.self);
  const [newest] = tables.archive(account.id, room.id, { newest: true, limit: 1 });
  const row = tables.append({
    direction: "incoming",
    account: account.id,
    peer: peerKey({ kind: "room", id: room.id }),
    key: newKey(context.now),
    body: {
      kind: "room",
      event: {
        do: "entered",
        client: entry.client,
        asked: entry.nick,
        person: toPerson(own, context),
        history: entry.history,
        until: newest?.seq ?? 0,
      },
    },
  });
  tables.saveOccupant({ account: account.id, room: room.id, client: entry.client, since: row.id });
  return undefined;
}

/** The full JIDs that a row is for; for an invitation the user. */
function clientsOf({ body }: IncomingRow, user: string, present: readonly string[]): readonly string[] {
  if (body.kind === "failed") return [body.origin.from];
  if (body.kind !== "room") return [];
  switch (body.event.do) {
    case "invited":
      return [user];
    case "expelled":
      return body.event.clients;
    case "entered": {
      const { client } = body.event;
      return present.filter((one) => one === client);
    }
    default:
      return present;
  }
}
