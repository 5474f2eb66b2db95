// The core, put together: what the edge calls, what bridges report, and the workers between them.
import type {
  AnyBridge,
  Hint,
  Incoming,
  IncomingOriginal,
  Json,
  Logger,
  RemoteId,
  Service,
  SessionState,
} from "#bridge";
import { Accounts } from "./accounts.ts";
import { Chat } from "./chat.ts";
import type { CommandContext, CommandPowers } from "./commands.ts";
import { Contacts } from "./contacts.ts";
import { deliveries, type DeliveryLookups } from "./deliveries.ts";
import { Dialogs } from "./dialogs.ts";
import { GatewayError } from "./errors.ts";
import type { Faults } from "./faults.ts";
import { keepHouse } from "./housekeeping.ts";
import { IncomingWorker } from "./incoming.ts";
import { IntakeWorker } from "./intake.ts";
import { newKey } from "./keys.ts";
import { type Lane, Lanes } from "./lanes.ts";
import { OutgoingWorker } from "./outgoing.ts";
import type { Permissions } from "./permissions.ts";
import {
  type AccountRecord,
  type Clock,
  gatewayPeer,
  type IncomingRow,
  type OutgoingBody,
  type OutputEvents,
  type Store,
  type XmppOutput,
} from "./ports.ts";
import { createPowers } from "./powers.ts";
import { PresenceBook } from "./presence.ts";
import { Sessions } from "./sessions.ts";
import { Submissions } from "./submissions.ts";

/** Named, documented and defaulted in the configuration. */
export interface GatewayLimits {
  readonly messagesPerMinute: number;
  readonly burst: number;
  readonly newContactsPerHour: number;
  readonly contactsPerAccount: number;
  readonly accountsPerUser: number;
  /** Sign-in attempts of a user in 15 minutes (security.md H13). */
  readonly loginAttempts: number;
  readonly dialogsPerUser: number;
  /** Characters of one outgoing message. */
  readonly textLength: number;
  /** Rows in memory. */
  readonly loadedRows: number;
  /** Milliseconds. */
  readonly queueExpiry: number;
  readonly sendsPerAccount: number;
  readonly startsPerSecond: number;
}

export interface GatewayOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly permissions: Permissions;
  readonly limits: GatewayLimits;
  readonly faults: Faults;
}

interface Attached {
  readonly bridge: AnyBridge;
  readonly options: unknown;
  /** Users may sign in with an account of their own. */
  readonly accountMode: boolean;
  readonly output: XmppOutput;
  readonly contacts: Contacts;
  readonly incoming: IncomingWorker;
  service: Service | undefined;
}

export class Gateway implements OutputEvents {
  readonly #o: GatewayOptions;
  readonly #bridges = new Map<string, Attached>();
  readonly #submissions: Submissions;
  readonly #lookups: DeliveryLookups;
  readonly #intake: IntakeWorker;
  readonly #outgoing: OutgoingWorker;
  readonly lanes: Lanes;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly dialogs: Dialogs;
  readonly presence: PresenceBook;
  readonly chat: Chat;
  readonly powers: CommandPowers;
  #endHousekeeping = () => {};
  #stopping = false;

  constructor(options: GatewayOptions) {
    this.#o = options;
    const { store, clock, log, limits, faults } = options;
    this.#submissions = new Submissions({
      ...limits,
      store: store.lanes,
      clock,
      faults,
      bridge: (name) => this.#attached(name),
      accountFor: (bridge, user, contact) => this.accountFor(bridge, user, contact),
    });
    this.accounts = new Accounts({
      store: store.accounts,
      contacts: store.contacts,
      mostPerUser: limits.accountsPerUser,
      domainAddress: (bridge, user) => this.#bridges.get(bridge)?.service?.addressOf(user),
    });
    this.lanes = new Lanes({
      store: store.lanes,
      clock,
      log,
      maxLoaded: limits.loadedRows,
      onReady: (lane) => this.#dispatch(lane),
    });
    store.lanes.onRows((rows) => this.lanes.add(rows));
    this.#lookups = {
      async ownMessage(account, id) {
        const record = await store.messages.byRemoteId(account, [id]);
        return record?.fromSelf ? record : undefined;
      },
    };
    const lanes = this.lanes;
    this.#intake = new IntakeWorker({
      lanes,
      store: store.lanes,
      lookups: this.#lookups,
      clock,
      log,
      faults,
      open: (account, original) => this.#open(account, original),
    });
    this.#outgoing = new OutgoingWorker({
      lanes,
      store: store.lanes,
      messages: store.messages,
      clock,
      log,
      faults,
      expiry: limits.queueExpiry,
      perAccount: limits.sendsPerAccount,
      accounts: {
        sessionOf: (account) => this.sessions.sessionOf(account),
        wantsThreads: (account) => this.#bridgeOf(account)?.bridge.threads === true,
        loginRequired: (account, detail) => this.sessions.loginRequired(account, detail),
      },
    });
    this.sessions = new Sessions({
      store: store.accounts,
      clock,
      log,
      startsPerSecond: limits.startsPerSecond,
      bridge: (name) => this.#bridges.get(name),
      deliver: (account, events, cursor) => this.#deliver(account, events, cursor),
      hint: (account, hint) => this.#hint(account, hint),
      onState: (account, state, detail) => this.#onState(account, state, detail),
    });
    this.dialogs = new Dialogs(clock, limits.dialogsPerUser);
    this.presence = new PresenceBook({
      clock,
      log,
      output: (bridge) => this.#bridges.get(bridge)?.output,
      contacts: (bridge) => this.#bridges.get(bridge)?.contacts,
      stateOf: (account) => this.sessions.stateOf(account),
    });
    this.powers = createPowers(this, { store, clock, log, loginAttempts: limits.loginAttempts });
    this.chat = new Chat({
      dialogs: this.dialogs,
      context: (bridge, user) => this.context(bridge, user),
      say: (bridge, user, text) => this.#say(bridge, user, text),
    });
  }

  /** Before `start`: a bridge and the component it speaks through. */
  attach(bridge: AnyBridge, options: unknown, output: XmppOutput): void {
    const { store, clock, log, limits, faults } = this.#o;
    const contacts = new Contacts({
      store: store.contacts,
      output,
      clock,
      log,
      mostPerAccount: limits.contactsPerAccount,
      newPerHour: limits.newContactsPerHour,
    });
    const incoming = new IncomingWorker({
      bridge: bridge.name,
      lanes: this.lanes,
      store: store.lanes,
      messages: store.messages,
      contacts,
      output,
      clock,
      log,
      faults,
      userOf: (account) => this.accounts.get(account)?.user,
    });
    const accountMode = bridge.login !== undefined && bridge.accountMode?.(options) !== false;
    this.#bridges.set(bridge.name, { bridge, options, accountMode, output, contacts, incoming, service: undefined });
  }

  async start(): Promise<void> {
    const records = await this.accounts.load();
    for (const attached of this.#bridges.values()) {
      const { bridge, options } = attached;
      attached.service = await bridge.serve?.({
        options,
        log: this.#o.log,
        signal: new AbortController().signal,
        findAccount: async (self) => this.accounts.bySelf(bridge.name, self),
        deliver: async (id, events) => {
          const account = this.accounts.get(id);
          if (account === undefined) throw new GatewayError("item-not-found", "no such account");
          await this.#deliver(account, events, undefined);
        },
      });
    }
    this.sessions.startAll(records);
    await this.lanes.start();
    const { store, clock, log } = this.#o;
    this.#endHousekeeping = keepHouse({ store, clock, log, expire: () => this.#outgoing.expire() });
  }

  /** Finishes what is under way; everything else waits in the lanes for the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#endHousekeeping();
    this.dialogs.close();
    this.presence.stop();
    for (const { service } of this.#bridges.values()) await service?.close();
    await this.#outgoing.stop();
    await this.#intake.stop();
    await this.sessions.stop();
    this.lanes.stop();
    for (const { bridge, incoming } of this.#bridges.values()) {
      incoming.stop();
      await bridge.close?.();
    }
  }

  // --- from the edge ----------------------------------------------------------------------------------------------

  /** Throws GatewayError unless this user may use this bridge. Asked for every stanza. */
  permit(bridge: string, user: string): void {
    if (!this.#o.permissions.mayUse(bridge, user))
      throw new GatewayError("not-allowed", "This gateway is not open to you.");
  }

  mayUse(bridge: string, user: string): boolean {
    return this.#o.permissions.mayUse(bridge, user);
  }

  /** A user's message (or edit, retraction, read marker) to a contact. Resolves once it is on disk. */
  async submit(bridge: string, user: string, contact: RemoteId, body: OutgoingBody): Promise<void> {
    this.permit(bridge, user);
    if (this.#stopping)
      throw new GatewayError("service-unavailable", "The gateway is restarting; try again in a moment.", {
        wait: true,
      });
    await this.#submissions.submit(bridge, user, contact, body);
  }

  /** A line that a user writes to the gateway itself. Throws GatewayError when they come too fast. */
  async hear(bridge: string, user: string, text: string): Promise<void> {
    this.#submissions.slowDown(user);
    await this.chat.hear(bridge, user, text);
  }

  /** The account a user's conversation with a contact belongs to; made if domain mode gives one. Throws GatewayError. */
  async accountFor(bridge: string, user: string, contact: RemoteId): Promise<AccountRecord> {
    const account = (await this.accounts.forContact(bridge, user, contact)) ?? (await this.enrol(bridge, user));
    if (account) return account;
    if (!this.#attached(bridge).accountMode) throw new GatewayError("not-allowed", "There is no address for you here.");
    throw new GatewayError("registration-required", 'Sign in first: send "login" to the gateway.');
  }

  async enrol(bridge: string, user: string): Promise<AccountRecord | undefined> {
    const account = await this.accounts.enrol(bridge, user);
    if (account) this.sessions.start(account);
    return account;
  }

  /** A user who just registered is asked to add the gateway itself. */
  async invite(bridge: string, user: string): Promise<void> {
    await this.outputOf(bridge).introduce(user, undefined, undefined);
  }

  async signOut(account: AccountRecord): Promise<void> {
    await this.sessions.end(account.id);
    await this.presence.farewell(account);
    this.lanes.drop(account.id);
    await this.accounts.remove(account);
  }

  outputOf(bridge: string): XmppOutput {
    return this.#attached(bridge).output;
  }

  /** The bridge and its options. Throws GatewayError when it is not configured. */
  bridgeOf(bridge: string): Pick<Attached, "bridge" | "options" | "accountMode"> {
    return this.#attached(bridge);
  }

  contactsOf(bridge: string): Contacts {
    return this.#attached(bridge).contacts;
  }

  context(bridge: string, user: string): CommandContext {
    const { bridge: adapter, accountMode, service } = this.#attached(bridge);
    const domainMode = service?.addressOf(user) !== undefined;
    return { bridge: adapter, accountMode, domainMode, user, powers: this.powers };
  }

  // --- from the links ---------------------------------------------------------------------------------------------

  up(bridge: string): void {
    this.#bridges.get(bridge)?.incoming.pump();
    this.presence.announce(bridge, this.accounts.all(bridge));
  }

  down(bridge: string): void {
    this.presence.forget(bridge);
  }

  room(bridge: string): void {
    this.#bridges.get(bridge)?.incoming.pump();
  }

  taken(bridge: string, rows: readonly IncomingRow[]): void {
    this.#bridges.get(bridge)?.incoming.taken(rows);
  }

  lost(bridge: string, rows: readonly IncomingRow[]): void {
    this.#bridges.get(bridge)?.incoming.lost(rows);
  }

  refused(bridge: string, key: string, reason: string): void {
    this.#bridges.get(bridge)?.incoming.refused(key, reason);
  }

  async subscribed(bridge: string, user: string, contact: RemoteId): Promise<void> {
    const account = await this.accountFor(bridge, user, contact);
    const { name } = await this.contactsOf(bridge).subscribe(account.id, user, contact);
    this.outputOf(bridge).presence(user, contact, this.presence.of(account, contact, name));
  }

  // --- from the bridges -------------------------------------------------------------------------------------------

  async #deliver(account: AccountRecord, events: readonly Incoming[], cursor: Json | undefined): Promise<void> {
    this.#o.faults.at("incoming:offered");
    const list = await deliveries(account.id, events, this.#lookups);
    await this.#o.store.lanes.deliver(account.id, list, cursor === undefined ? {} : { cursor });
    this.#o.faults.at("incoming:committed");
  }

  #hint(account: AccountRecord, hint: Hint): void {
    if (hint.type === "presence") this.presence.contactHint(account, hint);
  }

  #onState(account: AccountRecord, state: SessionState, detail: string | undefined): void {
    this.#o.log.info({ account: account.id, state }, "session state");
    if (state === "login-required" && this.presence.stateOf(account.id) !== state) {
      const why = detail ?? "The network does not accept its credentials any more.";
      this.#say(
        account.bridge,
        account.user,
        `${account.self} is signed out. ${why} Send "login"; messages wait until then.`,
        account,
      ).catch((error: unknown) =>
        this.#o.log.error({ err: error, account: account.id }, "the user could not be told to sign in"),
      );
    }
    this.presence.sessionState(account, state, detail);
    this.#outgoing.resume(account.id);
  }

  // --- inside -----------------------------------------------------------------------------------------------------

  #dispatch(lane: Lane): void {
    switch (lane.head.direction) {
      case "outgoing":
        return this.#outgoing.onReady(lane);
      case "incoming":
        return this.#bridgeOf(lane.head.account)?.incoming.onReady(lane);
      case "intake":
        return this.#intake.onReady(lane);
      default:
        return lane.head.direction satisfies never;
    }
  }

  #open(id: number, original: IncomingOriginal): Promise<readonly Incoming[]> | undefined {
    const account = this.accounts.get(id);
    const attached = this.#bridgeOf(id);
    return account && attached?.bridge.open?.(original, { id, self: account.self, options: attached.options });
  }

  /** A line from the gateway itself, as durable as any message. Users without an account get it only while the link is up. */
  async #say(bridge: string, user: string, text: string, account = this.accounts.of(bridge, user)[0]): Promise<void> {
    if (account === undefined) return this.#attached(bridge).output.tell(user, text);
    const body = { kind: "notice", text } as const;
    await this.#o.store.lanes.append([
      { direction: "incoming", account: account.id, peer: gatewayPeer, key: newKey(this.#o.clock.now()), body },
    ]);
  }

  #attached(bridge: string): Attached {
    const attached = this.#bridges.get(bridge);
    if (attached === undefined) throw new GatewayError("service-unavailable", `There is no bridge ${bridge} here.`);
    return attached;
  }

  #bridgeOf(account: number): Attached | undefined {
    const record = this.accounts.get(account);
    return record && this.#bridges.get(record.bridge);
  }
}
