// The core, put together: what the edge calls, and what works behind it.
import type { GuardedFetch, HttpHandler, LiveSession, Logger, RemoteId } from "#bridge";
import { Accounts } from "./accounts.ts";
import { Arrivals } from "./arrivals.ts";
import { Avatars } from "./avatars.ts";
import { Bridges } from "./bridges.ts";
import { BriefAsks } from "./brief-asks.ts";
import { Chat } from "./chat.ts";
import type { CommandContext, CommandPowers } from "./commands.ts";
import { lookupsIn } from "./deliveries.ts";
import { Dialogs } from "./dialogs.ts";
import { GatewayError } from "./errors.ts";
import type { Faults } from "./faults.ts";
import { keepHouse } from "./housekeeping.ts";
import { IntakeWorker } from "./intake.ts";
import { type Lane, Lanes } from "./lanes.ts";
import type { GatewayLimits } from "./limits.ts";
import { GroupChats } from "./group-chats.ts";
import { linkEvents } from "./link-events.ts";
import { Notices } from "./notices.ts";
import { OutgoingWorker } from "./outgoing.ts";
import { Pages } from "./pages.ts";
import type { Permissions } from "./permissions.ts";
import type { OutgoingBody } from "./lane-ports.ts";
import type { AccountId, AccountRecord, Clock, Store } from "./ports.ts";
import type { OutputEvents } from "./xmpp-ports.ts";
import { createPowers } from "./powers.ts";
import { PresenceBook } from "./presence.ts";
import { Profiles } from "./profiles.ts";
import { Registrations } from "./registrations.ts";
import { Reports } from "./reports.ts";
import { contextOf } from "./room-people.ts";
import { type EnteredRoom, RoomDirectory } from "./room-directory.ts";
import { RoomPictures } from "./room-pictures.ts";
import { RoomPast } from "./room-past.ts";
import { RoomReports } from "./room-reports.ts";
import { Rooms } from "./rooms.ts";
import { Sessions } from "./sessions.ts";
import { Submissions } from "./submissions.ts";
import { UserHints } from "./user-hints.ts";

export interface GatewayOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly permissions: Permissions;
  readonly limits: GatewayLimits;
  readonly faults: Faults;
  /** For bridges. */
  readonly fetch: GuardedFetch;
  /** Hangs a bridge's handler into the HTTP server; returns its public address, undefined without a server. */
  readonly mount: (bridge: string, handler: HttpHandler) => URL | undefined;
  /** What the public calls the HTTP server; ends in "/". Undefined without one. */
  readonly publicUrl: string | undefined;
}

export class Gateway {
  readonly #o: GatewayOptions;
  readonly #reports: Reports;
  readonly #submissions: Submissions;
  readonly #intake: IntakeWorker;
  readonly #outgoing: OutgoingWorker;
  readonly bridges: Bridges;
  readonly rooms: Rooms;
  readonly lanes: Lanes;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly registrations: Registrations;
  readonly dialogs: Dialogs;
  readonly pages: Pages;
  readonly presence: PresenceBook;
  readonly profiles: Profiles;
  readonly roomPictures: RoomPictures;
  readonly hints: UserHints;
  readonly groupChats: GroupChats;
  readonly chat: Chat;
  readonly powers: CommandPowers;
  #endHousekeeping = () => {};
  #stopping = false;

  constructor(options: GatewayOptions) {
    this.#o = options;
    const { store, clock, log, limits, faults } = options;
    const lanes = new Lanes({
      store: store.lanes,
      clock,
      log,
      maxLoaded: limits.loadedRows,
      onReady: (lane) => this.#dispatch(lane),
    });
    store.lanes.onRows((rows) => lanes.add(rows));
    const isInUse = ({ bridge, mode }: AccountRecord) =>
      mode === "domain" || bridges.find(bridge)?.accountMode === true;
    const accounts = new Accounts({
      store: store.accounts,
      contacts: store.contacts,
      isInUse,
      mostPerUser: limits.accountsPerUser,
      domainAddress: (bridge, user) => bridges.find(bridge)?.service?.addressOf(user),
    });
    const roomContext = (account: AccountRecord) => contextOf(account, bridges.get(account.bridge), clock.now());
    const arrivals = new Arrivals(clock);
    const asks = new BriefAsks(clock);
    const sessionOf = (account: AccountId) => sessions.sessionOf(account);
    const avatars = new Avatars({ store: store.avatars, asks, clock, log, sessionOf });
    const roomPictures = new RoomPictures({ store: store.rooms, avatars, contextOf: roomContext });
    const roomReports = new RoomReports({
      store: store.rooms,
      clock,
      arrivals,
      pictures: roomPictures,
      account: (id) => accounts.get(id),
      contextOf: roomContext,
      output: (bridge) => bridges.get(bridge).output,
    });
    const past = new RoomPast({
      store: store.rooms,
      clock,
      log,
      sessionOf: (account) => sessions.sessionOf(account),
    });
    const rooms = new Rooms({
      store: store.rooms,
      lanes: store.lanes,
      known: new RoomDirectory({ store: store.rooms, accountsOf: (bridge, user) => accounts.of(bridge, user) }),
      past,
      arrivals,
      clock,
      textLength: limits.textLength,
      bridge: (name) => bridges.get(name),
      contextOf: roomContext,
      accountFor: (bridge, user) => registrations.accountFor(bridge, user, ""),
      sessionOf: (account) => sessions.sessionOf(account),
      hints: () => this.hints,
      slowDown: (user) => this.#submissions.slowDown(user),
    });
    const lookups = lookupsIn(store, roomReports);
    const bridges = new Bridges({
      store,
      lanes,
      clock,
      log,
      faults,
      limits,
      rooms: roomReports,
      profiles: () => profiles,
      account: (id) => accounts.get(id),
    });
    const groupChats = new GroupChats({
      store,
      lanes,
      clock,
      log,
      faults,
      expiry: limits.queueExpiry,
      bridge: (name) => bridges.find(name),
    });
    const sessions = new Sessions({
      store: store.accounts,
      clock,
      log,
      startsPerSecond: limits.startsPerSecond,
      bridge: (name) => bridges.find(name),
      deliver: (account, events, cursor, records) => this.#reports.deliver(account.id, events, cursor, records),
      records: (account) => store.records.of(account),
      fetch: options.fetch,
      hint: (account, hint) => this.#reports.hint(account, hint),
      notice: (account, text) => notices.toAccount(account, text),
      onState: (account, state, detail) => this.#reports.sessionState(account, state, detail),
    });
    const presence = new PresenceBook({
      clock,
      log,
      output: (bridge) => bridges.find(bridge)?.output,
      contacts: (bridge) => bridges.find(bridge)?.contacts,
      stateOf: (account) => sessions.stateOf(account),
      offersLogin: isInUse,
    });
    const profiles = new Profiles({
      avatars,
      asks,
      presence,
      clock,
      log,
      bridge: (name) => bridges.find(name),
      sessionOf,
    });
    const registrations = new Registrations({ clock, log, accounts, sessions, lanes, presence, bridges, rooms });
    const notices = new Notices({ store: store.lanes, clock, accounts, bridges });
    this.#submissions = new Submissions({
      ...limits,
      store: store.lanes,
      clock,
      faults,
      bridge: (name) => bridges.get(name),
      accountFor: (bridge, user, contact) => registrations.accountFor(bridge, user, contact),
    });
    this.#outgoing = new OutgoingWorker({
      lanes,
      store: store.lanes,
      messages: store.messages,
      reactions: store.reactions,
      rooms: roomReports,
      clock,
      log,
      faults,
      expiry: limits.queueExpiry,
      perAccount: limits.sendsPerAccount,
      accounts: {
        sessionOf: (account) => this.sessionOf(account),
        sessionFor: (row) =>
          groupChats.has(row.account) ? groupChats.sessionFor(row) : sessions.sessionOf(row.account),
        wantsThreads: (account) => bridges.ofAccount(account)?.bridge.threads === true,
        loginRequired: (account, detail) => sessions.loginRequired(account, detail),
      },
    });
    this.#intake = new IntakeWorker({
      lanes,
      store: store.lanes,
      lookups,
      clock,
      log,
      faults,
      open: (account, original) => bridges.open(account, original),
    });
    this.#reports = new Reports({
      store: store.lanes,
      lookups,
      presence,
      log,
      faults,
      say: (account, text) => notices.toAccount(account, text),
      typing(account, { peer, from, active }) {
        if (peer.kind === "contact") bridges.find(account.bridge)?.output.typing(account.user, from, active);
        else roomReports.typingThere(account, peer.id, from, active);
      },
      offersLogin: isInUse,
      resume: (account) => this.#outgoing.resume(account),
    });
    this.bridges = bridges;
    this.rooms = rooms;
    this.lanes = lanes;
    this.accounts = accounts;
    this.sessions = sessions;
    this.groupChats = groupChats;
    this.presence = presence;
    this.profiles = profiles;
    this.roomPictures = roomPictures;
    this.registrations = registrations;
    this.hints = new UserHints({ accounts, sessions, log });
    this.dialogs = new Dialogs(clock, limits.dialogsPerUser);
    const say = (bridge: string, user: string, text: string) => notices.toUser(bridge, user, text);
    const mayUse = (bridge: string, user: string) => this.mayUse(bridge, user);
    this.pages = new Pages({ dialogs: this.dialogs, publicUrl: options.publicUrl, mayUse, say });
    this.powers = createPowers(this, { store, clock, log, loginAttempts: limits.loginAttempts, fetch: options.fetch });
    this.chat = new Chat({
      dialogs: this.dialogs,
      context: (bridge, user) => this.context(bridge, user),
      say,
    });
  }

  /** What the component of a bridge calls when something happens to its link. */
  linkEvents(bridge: string): OutputEvents {
    return linkEvents(bridge, this);
  }

  /** The session of an account, or of a group chat. */
  sessionOf(account: AccountId): LiveSession | undefined {
    return this.groupChats.has(account) ? this.groupChats.sessionOf(account) : this.sessions.sessionOf(account);
  }

  async start(): Promise<void> {
    const { store, clock, log } = this.#o;
    const records = await this.accounts.load();
    await this.groupChats.load();
    await this.bridges.serve({
      findAccount: (bridge, self) => this.accounts.bySelf(bridge, self),
      deliver: async (account, events) => {
        if (this.accounts.get(account) === undefined && !this.groupChats.has(account))
          throw new GatewayError("item-not-found", "no such account");
        await this.#reports.deliver(account, events);
      },
      // Asked by the network's side: the user may have never written, and may not be allowed to.
      enrol: async (bridge, user) => (this.mayUse(bridge, user) ? this.registrations.enrol(bridge, user) : undefined),
      deliverAll: (bridge, parcels, records) => this.#reports.deliverAll(bridge, parcels, records),
      groupChats: (bridge) => this.groupChats.callsOf(bridge),
      fetch: this.#o.fetch,
      mount: this.#o.mount,
    });
    this.sessions.startAll(records);
    await this.lanes.start();
    this.#endHousekeeping = keepHouse({ store, clock, log, expire: () => this.#outgoing.expire() });
  }

  /** Finishes what is under way; everything else waits in the lanes for the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#endHousekeeping();
    this.dialogs.close();
    this.presence.stop();
    await this.bridges.endServices();
    await this.groupChats.stop();
    await this.#outgoing.stop();
    await this.#intake.stop();
    await this.sessions.stop();
    this.lanes.stop();
    await this.bridges.close();
  }

  // --- from the edge ----------------------------------------------------------------------------------------------

  /** Asked for every stanza. */
  mayUse(bridge: string, user: string): boolean {
    return this.#o.permissions.mayUse(bridge, user);
  }

  /** A user's message (or edit, retraction, read marker) to a contact. Resolves once it is on disk. Throws GatewayError. */
  async submit(bridge: string, user: string, contact: RemoteId, body: OutgoingBody): Promise<void> {
    this.#admit(bridge, user);
    await this.#submissions.submit(bridge, user, contact, body);
  }

  /** As `submit`, into a room. */
  async submitToRoom(bridge: string, room: EnteredRoom, body: OutgoingBody): Promise<void> {
    this.#admit(bridge, room.account.user);
    await this.rooms.say(room, body);
  }

  /** A line that a user writes to the gateway itself. Throws GatewayError when they come too fast. */
  async hear(bridge: string, user: string, text: string): Promise<void> {
    this.#submissions.slowDown(user);
    await this.chat.hear(bridge, user, text);
  }

  context(bridge: string, user: string): CommandContext {
    const { bridge: adapter, accountMode, service } = this.bridges.get(bridge);
    const domainMode = service?.addressOf(user) !== undefined;
    const admin = this.#o.permissions.isAdmin(bridge, user);
    return { bridge: adapter, accountMode, domainMode, user, admin, powers: this.powers };
  }

  // --- inside -----------------------------------------------------------------------------------------------------

  /** Throws GatewayError when nothing of this user's is taken in now. */
  #admit(bridge: string, user: string): void {
    if (!this.mayUse(bridge, user)) throw new GatewayError("not-allowed", "This gateway is not open to you.");
    if (this.#stopping)
      throw new GatewayError("service-unavailable", "The gateway is restarting; try again in a moment.", {
        wait: true,
      });
  }

  #dispatch(lane: Lane): void {
    switch (lane.head.direction) {
      case "outgoing":
        return this.#outgoing.onReady(lane);
      case "incoming":
        if (this.groupChats.has(lane.head.account)) return this.groupChats.onReady(lane);
        return this.bridges.ofAccount(lane.head.account)?.incoming.onReady(lane);
      case "intake":
        return this.#intake.onReady(lane);
      default:
        return lane.head.direction satisfies never;
    }
  }
}
