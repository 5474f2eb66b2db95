// What users do with the rooms of a network: their clients come in and go out, speak, and change what they may.
import type { AnyBridge, LiveSession, RemoteId, RoomChange, RoomSummary } from "#bridge";
import type { Arrivals } from "./arrivals.ts";
import { inTime } from "./ask.ts";
import { GatewayError } from "./errors.ts";
import { newKey } from "./keys.ts";
import { type LaneStore, type OutgoingBody, peerKey } from "./lane-ports.ts";
import type { AccountId, AccountRecord, Clock } from "./ports.ts";
import type { XmppOutput } from "./xmpp-ports.ts";
import { offer, roomChanged, roomOf } from "./room-changes.ts";
import { mostListed, personOf, type RoomContext, toPerson } from "./room-people.ts";
import { type EnteredRoom, type FoundRoom, mostShown, type RoomDirectory } from "./room-directory.ts";
import type { RoomPast } from "./room-past.ts";
import type { HistoryRequest, Subject } from "./room-events.ts";
import type { ArchiveQuery, ParticipantRecord, RoomRecord, RoomStore, RoomTables } from "./room-ports.ts";
import type { UserHints } from "./user-hints.ts";

export interface RoomsOptions {
  readonly store: RoomStore;
  readonly lanes: LaneStore;
  readonly known: RoomDirectory;
  readonly past: RoomPast;
  readonly arrivals: Arrivals;
  readonly clock: Clock;
  /** Characters of one message. */
  readonly textLength: number;
  readonly bridge: (name: string) => { readonly bridge: AnyBridge; readonly output: XmppOutput };
  readonly contextOf: (account: AccountRecord) => RoomContext;
  /** The account for new things, made where domain mode gives one. Throws GatewayError. */
  readonly accountFor: (bridge: string, user: string) => Promise<AccountRecord>;
  readonly sessionOf: (account: AccountId) => LiveSession | undefined;
  readonly hints: () => UserHints;
  /** Throws GatewayError when the user writes too fast. */
  readonly slowDown: (user: string) => void;
}

export interface Entry {
  readonly local: string;
  /** Full JID. */
  readonly client: string;
  readonly nick: string;
  readonly history: HistoryRequest;
}

/** Milliseconds for a session to start. */
const startPatience = 5_000;
/** Clients of one user in one room. */
const mostClients = 20;

export class Rooms {
  readonly #o: RoomsOptions;
  readonly known: RoomDirectory;
  /** Joins under way on a network, by account and room: clients come in together. */
  readonly #joining = new Map<string, Promise<RemoteId>>();

  constructor(options: RoomsOptions) {
    this.#o = options;
    this.known = options.known;
  }

  /** A page of what was said, with what had to be fetched for it. */
  async archive(found: FoundRoom, query: ArchiveQuery): ReturnType<RoomDirectory["archive"]> {
    await this.#o.past.forPage(found, query);
    return this.known.archive(found, query);
  }

  /** A client comes in; the network is asked first where the user is not in the room there. Throws GatewayError. */
  async enter(bridge: string, user: string, entry: Entry): Promise<void> {
    const found = await this.known.find(bridge, user, entry.local);
    const account = found?.account ?? (await this.#o.accountFor(bridge, user));
    const id = found?.room.self === "joined" ? found.room.id : await this.#join(account, found?.room.id, entry.local);
    const joined = await this.#o.store.read((rooms) => rooms.room(account.id, id));
    if (joined) await this.#o.past.forEntry({ account, room: joined }, entry.history);
    const context = this.#o.contextOf(account);
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
    const found = await this.known.find(bridge, user, local);
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
    const session = await this.#session(account);
    if (session.leave === undefined)
      throw new GatewayError("feature-not-implemented", "Rooms cannot be left from here.");
    await inTime(session.leave(id), this.#o.clock);
    const context = this.#o.contextOf(account);
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
    const session = await this.#session(account);
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
    const session = await this.#session(account);
    if (session.listRooms === undefined)
      throw new GatewayError("feature-not-implemented", "This network does not list its rooms.");
    const summaries = (await inTime(session.listRooms(), this.#o.clock)).slice(0, mostShown);
    const context = this.#o.contextOf(account);
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
    const context = this.#o.contextOf(account);
    await this.#o.store.change(account.id, (tables) => {
      const room = roomOf(tables, context, id);
      if (room) offer(tables, context, room, {});
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

  /** A session that may just be starting is waited for, a little. Throws GatewayError. */
  async #session(account: AccountRecord): Promise<LiveSession> {
    const { clock, sessionOf } = this.#o;
    for (const end = clock.now() + startPatience; ; ) {
      const session = sessionOf(account.id);
      if (session) return session;
      if (clock.now() >= end) break;
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, 100));
    }
    throw new GatewayError("remote-server-timeout", `${account.self} is not connected now; try again in a moment.`, {
      wait: true,
    });
  }

  /** Has the network take the user into a room. Throws GatewayError. */
  async #join(account: AccountRecord, known: RemoteId | undefined, local: string): Promise<RemoteId> {
    const target = known ?? this.#o.bridge(account.bridge).bridge.rooms?.fromLocal(local);
    if (target === undefined) throw new GatewayError("item-not-found", "There is no such room.");
    const session = await this.#session(account);
    if (session.join === undefined)
      throw new GatewayError("feature-not-implemented", "Rooms cannot be joined from here.");
    const key = `${account.id}/${target}`;
    const under = this.#joining.get(key);
    if (under) return under;
    this.#o.slowDown(account.user);
    const joining = this.#o.arrivals
      .during(account.id, inTime(session.join(target), this.#o.clock))
      .then(({ id }) => this.#arrived(account, id))
      .finally(() => this.#joining.delete(key));
    this.#joining.set(key, joining);
    return joining;
  }

  /** Who is there is told by events that come when they come: a client that goes in before them would meet nobody. */
  async #arrived(account: AccountRecord, id: RemoteId): Promise<RemoteId> {
    const isThere = () => this.#o.store.read((rooms) => rooms.room(account.id, id)?.self === "joined");
    await this.#o.arrivals.until(account.id, id, isThere);
    return id;
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
  const people = tables.listed(account.id, room.id).filter((one) => one.id !== account.self);
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
        people: people.map((one) => toPerson(one, context)),
        subject: subjectOf(room),
        history: entry.history,
        until: newest?.seq ?? 0,
      },
    },
  });
  tables.saveOccupant({ account: account.id, room: room.id, client: entry.client, since: row.id });
  return undefined;
}

const subjectOf = ({ topic, topicBy, topicAt }: RoomRecord): Subject => ({
  text: topic ?? "",
  ...(topicBy === undefined ? {} : { by: topicBy }),
  ...(topicAt === undefined ? {} : { at: topicAt }),
});
