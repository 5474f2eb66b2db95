// Live connections of accounts: started one after the other, watched, started again.
import type {
  AnyBridge,
  GuardedFetch,
  Hint,
  Incoming,
  Json,
  LiveSession,
  Logger,
  RecordChanges,
  Records,
  Service,
  SessionState,
} from "#bridge";
import { BridgeError } from "#bridge";
import type { AccountId, AccountRecord, AccountStore, Clock, TimerHandle } from "./ports.ts";
import { retryDelay } from "./retry.ts";

/** What a session needs of its bridge. */
export interface SessionBridge {
  readonly bridge: AnyBridge;
  readonly options: unknown;
  /** Accounts of the users' own may be connected. */
  readonly accountMode: boolean;
  readonly service: Service | undefined;
}

export interface SessionsOptions {
  readonly store: AccountStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bridge: (name: string) => SessionBridge | undefined;
  readonly deliver: (
    account: AccountRecord,
    events: readonly Incoming[],
    cursor: Json | undefined,
    records: RecordChanges | undefined,
  ) => Promise<void>;
  readonly records: (account: AccountId) => Records;
  readonly fetch: GuardedFetch;
  readonly hint: (account: AccountRecord, hint: Hint) => void;
  readonly notice: (account: AccountRecord, text: string) => Promise<void>;
  /** Something changed; `session` tells whether messages can be sent now. */
  readonly onState: (account: AccountRecord, state: SessionState, detail: string | undefined) => void;
  /** Sessions started per second after the start, so that a thousand sign-ins do not look like an attack. */
  readonly startsPerSecond: number;
}

interface Live {
  readonly account: AccountRecord;
  readonly abort: AbortController;
  session: LiveSession | undefined;
  state: SessionState;
  detail: string | undefined;
  attempts: number;
  timer: TimerHandle | undefined;
}

export class Sessions {
  readonly #o: SessionsOptions;
  readonly #live = new Map<AccountId, Live>();
  readonly #starting: AccountRecord[] = [];
  #pacing: TimerHandle | undefined;
  #stopped = false;

  constructor(options: SessionsOptions) {
    this.#o = options;
  }

  /** Undefined while messages have to wait. */
  sessionOf(account: AccountId): LiveSession | undefined {
    const live = this.#live.get(account);
    return live && live.state !== "login-required" ? live.session : undefined;
  }

  stateOf(account: AccountId): { readonly state: SessionState; readonly detail: string | undefined } | undefined {
    return this.#live.get(account);
  }

  /** Start many, paced and in random order. Domain accounts have no connection of their own and start at once. */
  startAll(accounts: readonly AccountRecord[]): void {
    for (const account of accounts) {
      if (account.mode === "domain") this.start(account);
      else this.#starting.splice(Math.floor(Math.random() * (this.#starting.length + 1)), 0, account);
    }
    this.#pace();
  }

  start(account: AccountRecord): void {
    if (this.#stopped || this.#live.has(account.id)) return;
    const live: Live = {
      account,
      abort: new AbortController(),
      session: undefined,
      state: "connecting",
      detail: undefined,
      attempts: 0,
      timer: undefined,
    };
    this.#live.set(account.id, live);
    void this.#connect(live);
  }

  /** Ends one, for a sign-out or to start with new credentials. */
  async end(account: AccountId): Promise<void> {
    const queued = this.#starting.findIndex((one) => one.id === account);
    if (queued >= 0) this.#starting.splice(queued, 1);
    const live = this.#live.get(account);
    if (live === undefined) return;
    this.#live.delete(account);
    await this.#close(live);
  }

  /** A send told that the credentials are no good. */
  loginRequired(account: AccountId, detail: string): void {
    const live = this.#live.get(account);
    if (live) this.#status(live, "login-required", detail);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#o.clock.clearTimeout(this.#pacing);
    const all = [...this.#live.values()];
    this.#live.clear();
    await Promise.all(all.map((live) => this.#close(live)));
  }

  #pace(): void {
    const account = this.#starting.shift();
    if (account === undefined || this.#stopped) return;
    this.start(account);
    const gap = (1000 / this.#o.startsPerSecond) * (0.5 + Math.random());
    this.#pacing = this.#o.clock.setTimeout(() => this.#pace(), gap);
  }

  async #connect(live: Live): Promise<void> {
    const { account } = live;
    try {
      const session = await this.#open(live);
      if (live.abort.signal.aborted) return await session.close();
      live.session = session;
      live.attempts = 0;
      // The bridge may have reported a state already; a session without news is online.
      this.#status(live, live.state === "connecting" && account.mode === "domain" ? "online" : live.state, live.detail);
    } catch (error) {
      if (live.abort.signal.aborted) return;
      const text = error instanceof Error ? error.message : String(error);
      if (error instanceof BridgeError && error.kind === "login-required")
        return this.#status(live, "login-required", text);
      live.attempts++;
      this.#o.log.warn({ account: account.id, err: error, attempt: live.attempts }, "a session did not start");
      this.#status(live, "retrying", text);
      live.timer = this.#o.clock.setTimeout(() => void this.#connect(live), retryDelay(live.attempts));
    }
  }

  async #open(live: Live): Promise<LiveSession> {
    const { account, abort } = live;
    const entry = this.#o.bridge(account.bridge);
    if (entry === undefined)
      throw new BridgeError("retry", `the bridge ${account.bridge} is not configured`, { retryAfter: 300_000 });
    const cursor = await this.#o.store.cursor(account.id);
    const log = this.#o.log;
    const host = {
      cursor,
      log,
      signal: abort.signal,
      deliver: (events: readonly Incoming[], next?: Json, records?: RecordChanges) =>
        this.#o.deliver(account, events, next, records),
      records: this.#o.records(account.id),
      fetch: this.#o.fetch,
      hint: (hint: Hint) => this.#o.hint(account, hint),
      status: (state: SessionState, detail?: string) => this.#status(live, state, detail),
      notice: (text: string) => this.#o.notice(account, text),
    };
    if (account.mode === "domain") {
      if (entry.service === undefined)
        throw new BridgeError("retry", "domain mode is switched off", { retryAfter: 300_000 });
      return entry.service.connect({ id: account.id, user: account.user, self: account.self }, host);
    }
    if (!entry.accountMode)
      throw new BridgeError("login-required", "Your operator has switched off accounts of one's own here.");
    const credentials = await this.#o.store.credentials(account.id);
    if (credentials === undefined)
      throw new BridgeError("login-required", "There are no credentials for this account; sign in again.");
    return entry.bridge.connect(
      { id: account.id, user: account.user, self: account.self, options: entry.options, credentials },
      host,
    );
  }

  #status(live: Live, state: SessionState, detail: string | undefined): void {
    if (live.abort.signal.aborted) return;
    live.state = state;
    live.detail = detail;
    this.#o.onState(live.account, state, detail);
  }

  async #close(live: Live): Promise<void> {
    this.#o.clock.clearTimeout(live.timer);
    live.abort.abort();
    try {
      await live.session?.close();
    } catch (error) {
      this.#o.log.warn({ account: live.account.id, err: error }, "a session did not close cleanly");
    }
  }
}
