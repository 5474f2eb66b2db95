// The outgoing worker: user to network. One message at a time per conversation, several conversations of an account at
// once, and no account waits for another.
import { BridgeError, type LiveSession, type Logger } from "#bridge";
import { Attempts } from "./attempts.ts";
import type { Faults } from "./faults.ts";
import { newKey } from "./keys.ts";
import type { Lane, Lanes } from "./lanes.ts";
import type { LaneStore, MessageStore, NewRow, OutgoingRow, ReactionStore, Settlement } from "./lane-ports.ts";
import type { AccountId, Clock } from "./ports.ts";
import { retryDelay } from "./retry.ts";
import type { RoomReports } from "./room-reports.ts";
import { untilTrue } from "./stubborn.ts";

/** What the worker asks about an account. */
export interface OutgoingAccounts {
  /** Undefined: no session that could send, the lane waits for `resume`. */
  sessionOf(account: AccountId): LiveSession | undefined;
  /** The session that a row goes out by. */
  sessionFor(row: OutgoingRow): LiveSession | undefined;
  /** The bridge wants `threadLast` and `previous`. */
  wantsThreads(account: AccountId): boolean;
  loginRequired(account: AccountId, detail: string): void;
}

export interface OutgoingOptions {
  readonly lanes: Lanes;
  readonly store: LaneStore;
  readonly messages: MessageStore;
  readonly reactions: ReactionStore;
  readonly rooms: Pick<RoomReports, "reflection" | "stanzaIdOf">;
  readonly accounts: OutgoingAccounts;
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: Faults;
  /** Milliseconds until a waiting message goes back to its sender as an error. */
  readonly expiry: number;
  /** Conversations of one account that send at the same time. */
  readonly perAccount: number;
}

/** No send may take longer than this, whatever the bridge does: RFC 5321 section 4.5.3.2.6 asks for ten minutes. */
const sendDeadline = 15 * 60_000;

/** What is being sent when the gateway stops has this long to come to its end. */
const grace = 5_000;

type Verdict = "next" | "wait" | "park";

/** Milliseconds after which the client that sent a message may be gone. */
const lateAfter = 60_000;

export class OutgoingWorker {
  readonly #o: OutgoingOptions;
  readonly #attempts: Attempts;
  readonly #active = new Map<AccountId, number>();
  readonly #waiting = new Map<AccountId, Lane[]>();
  /** Lanes that wait until their account has a session again. */
  readonly #parked = new Map<AccountId, Set<Lane>>();
  #stopping = false;
  readonly #running = new Set<Promise<void>>();
  readonly #halt = new AbortController();

  constructor(options: OutgoingOptions) {
    this.#o = options;
    this.#attempts = new Attempts({
      ...options,
      begin: (id, prepared) => options.store.begin(id, prepared),
      wantsThreads: (account) => options.accounts.wantsThreads(account),
      inTime: (work) => this.#inTime(work),
    });
  }

  onReady(lane: Lane): void {
    if (lane.busy || this.#stopping) return;
    const account = lane.head.account;
    if (this.#o.accounts.sessionOf(account) === undefined) return this.#park(lane);
    lane.busy = true;
    const active = this.#active.get(account) ?? 0;
    if (active < this.#o.perAccount) return this.#start(lane);
    const queue = this.#waiting.get(account);
    if (queue) queue.push(lane);
    else this.#waiting.set(account, [lane]);
  }

  /** The account has a session again. */
  resume(account: AccountId): void {
    const parked = this.#parked.get(account);
    this.#parked.delete(account);
    for (const lane of parked ?? []) this.onReady(lane);
  }

  /** Lets what is being sent come to its end. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const timer = this.#o.clock.setTimeout(() => this.#halt.abort(), grace);
    await Promise.all(this.#running);
    this.#o.clock.clearTimeout(timer);
  }

  /** Fails what waits in parked and deferred lanes for too long. */
  async expire(): Promise<void> {
    for (;;) {
      const rows = await this.#o.store.expired(this.#o.clock.now() - this.#o.expiry, 100);
      const idle = rows.filter((row) => this.#o.lanes.find(row)?.busy !== true);
      if (idle.length === 0) return;
      for (const row of idle) await this.#expireRow(row);
    }
  }

  #park(lane: Lane): void {
    this.#o.lanes.unload(lane);
    const account = lane.head.account;
    const parked = this.#parked.get(account);
    if (parked) parked.add(lane);
    else this.#parked.set(account, new Set([lane]));
  }

  #start(lane: Lane): void {
    const account = lane.head.account;
    this.#active.set(account, (this.#active.get(account) ?? 0) + 1);
    const run = this.#run(lane)
      .catch((error: unknown) => {
        // Only the store can fail here; the rows are safe, so the lane is looked at again a little later.
        this.#o.log.error({ err: error, account }, "an outgoing lane stopped");
        this.#o.lanes.unload(lane);
        this.#o.lanes.idle(lane);
        this.#o.clock.setTimeout(() => this.onReady(lane), 5_000);
      })
      .finally(() => {
        this.#running.delete(run);
        this.#active.set(account, (this.#active.get(account) ?? 1) - 1);
        const next = this.#waiting.get(account)?.shift();
        if (next) this.#start(next);
        else if (this.#active.get(account) === 0) {
          this.#active.delete(account);
          this.#waiting.delete(account);
        }
      });
    this.#running.add(run);
  }

  async #run(lane: Lane): Promise<void> {
    const { lanes, clock } = this.#o;
    while (!this.#stopping) {
      const row = lanes.peek(lane) as OutgoingRow | undefined;
      if (row === undefined) break;
      const wait = row.notBefore - clock.now();
      const verdict = wait > 0 ? "wait" : await this.#handle(row);
      if (verdict === "next") {
        if (lanes.take(lane)) lanes.finished(lane);
        continue;
      }
      const again = Math.max(row.notBefore - clock.now(), 0);
      lanes.unload(lane);
      lane.busy = false;
      // A session may have come back meanwhile: `onReady` parks the lane only if not.
      if (verdict === "park") this.onReady(lane);
      else clock.setTimeout(() => this.onReady(lane), again);
      return;
    }
    lanes.idle(lane);
    // A row may have come between the last look and `idle`.
    if (lane.rows.length > 0 && !this.#stopping) this.onReady(lane);
  }

  async #handle(row: OutgoingRow): Promise<Verdict> {
    const { clock, expiry, accounts } = this.#o;
    if (row.createdAt + expiry < clock.now()) {
      await this.#expireRow(row);
      return "next";
    }
    const session = accounts.sessionFor(row);
    if (session === undefined) return "park";
    try {
      const settlement = await this.#attempts.make(row, session);
      this.#o.faults.at("outgoing:sent");
      await this.#settle(settlement);
      return "next";
    } catch (error) {
      return this.#failed(row, error);
    }
  }

  async #failed(row: OutgoingRow, error: unknown): Promise<Verdict> {
    const { clock, log, accounts } = this.#o;
    const known = error instanceof BridgeError ? error : undefined;
    const text = error instanceof Error ? error.message : String(error);
    if (known?.kind === "reject") {
      log.info({ account: row.account, key: row.key, condition: known.condition }, "message refused");
      await this.#settle(this.#rejection(row, known.condition, text));
      return "next";
    }
    row.attempts++;
    row.notBefore = clock.now() + (known?.retryAfter ?? retryDelay(row.attempts));
    // A message whose fate is unknown is `sent`: the bridge looks before it sends it again.
    row.state = known && !known.uncertain ? "queued" : "sent";
    log.info({ account: row.account, key: row.key, attempts: row.attempts, err: error }, "message waits");
    await this.#settle({ id: row.id, state: row.state, attempts: row.attempts, notBefore: row.notBefore, error: text });
    if (known?.kind !== "login-required") return "wait";
    accounts.loginRequired(row.account, text);
    return "park";
  }

  async #expireRow(row: OutgoingRow): Promise<void> {
    const days = Math.round(this.#o.expiry / 86_400_000);
    await this.#settle(
      this.#rejection(row, "remote-server-timeout", `This message could not be delivered within ${days} days.`),
    );
  }

  #rejection(row: OutgoingRow, condition: BridgeError["condition"], text: string): Settlement {
    const { origin, kind } = row.body;
    const now = this.#o.clock.now();
    const late = now - row.createdAt > lateAfter ? { late: true } : {};
    // Nobody waits for the answer to a read marker, and nobody in a group chat for what becomes of their words elsewhere.
    const notes: readonly NewRow[] =
      kind === "read" || row.body.heard !== undefined
        ? []
        : [
            {
              direction: "incoming",
              account: row.account,
              peer: row.peer,
              key: newKey(now),
              body: { kind: "failed", origin, condition, text, ...late },
            },
          ];
    return { id: row.id, state: "failed", error: text, notes };
  }

  /** The network has answered: this must be written down, however long the disk refuses. */
  async #settle(settlement: Settlement): Promise<void> {
    await untilTrue(() => this.#o.store.settle(settlement), this.#o.clock, this.#o.log);
    this.#o.faults.at("outgoing:settled");
  }

  /** Waits for the network until the deadline, or until the gateway has to stop. */
  async #inTime<T>(work: Promise<T>): Promise<T> {
    const { clock } = this.#o;
    const halt = this.#halt.signal;
    const over = Promise.withResolvers<never>();
    const end = () => over.reject(new BridgeError("retry", "The network did not answer in time.", { uncertain: true }));
    const timer = clock.setTimeout(end, sendDeadline);
    halt.addEventListener("abort", end);
    try {
      return await Promise.race([work, over.promise]);
    } finally {
      clock.clearTimeout(timer);
      halt.removeEventListener("abort", end);
    }
  }
}
