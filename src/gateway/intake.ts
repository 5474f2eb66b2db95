// The intake worker: bytes that the network handed over and that are stored but not parsed. One lane per account; the
// next originals are opened ahead, what comes of them is committed in order.
import type { Incoming, IncomingOriginal, Logger } from "#bridge";
import { deliveries, type DeliveryLookups } from "./deliveries.ts";
import type { Faults } from "./faults.ts";
import type { Lane, Lanes } from "./lanes.ts";
import { notice } from "./notices.ts";
import type { IntakeRow, LaneStore } from "./lane-ports.ts";
import type { AccountId, Clock } from "./ports.ts";
import { retryDelay } from "./retry.ts";
import { untilTrue } from "./stubborn.ts";

export interface IntakeOptions {
  readonly lanes: Lanes;
  readonly store: LaneStore;
  readonly lookups: DeliveryLookups;
  /** Undefined: the account is gone or its bridge opens nothing. */
  readonly open: (account: AccountId, original: IncomingOriginal) => Promise<readonly Incoming[]> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: Faults;
}

/** Originals of one account that are opened at the same time. */
const ahead = 4;
/** Then the original is given up and the user told. Opening needs no network, so trying on for days would not help. */
const attempts = 5;

export class IntakeWorker {
  readonly #o: IntakeOptions;
  readonly #opened = new Map<number, Promise<readonly Incoming[]>>();
  readonly #running = new Set<Promise<void>>();
  #stopping = false;

  constructor(options: IntakeOptions) {
    this.#o = options;
  }

  onReady(lane: Lane): void {
    if (this.#stopping) return;
    if (lane.busy) {
      // Its first row is being worked on; those that came behind it are opened meanwhile.
      for (const next of lane.rows.slice(1, ahead) as IntakeRow[]) this.#openAhead(next);
      return;
    }
    lane.busy = true;
    const run = this.#run(lane)
      .catch((error: unknown) =>
        this.#o.log.error({ err: error, account: lane.head.account }, "an intake lane stopped"),
      )
      .finally(() => {
        this.#running.delete(run);
        this.#o.lanes.idle(lane);
        if (lane.rows.length > 0 && !this.#stopping) this.onReady(lane);
      });
    this.#running.add(run);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  async #run(lane: Lane): Promise<void> {
    const { lanes } = this.#o;
    while (!this.#stopping) {
      const row = lanes.peek(lane) as IntakeRow | undefined;
      if (row === undefined) return;
      for (const next of lane.rows.slice(0, ahead) as IntakeRow[]) this.#openAhead(next);
      await this.#handle(row);
      if (lanes.take(lane)) lanes.finished(lane);
    }
  }

  #openAhead(row: IntakeRow): void {
    if (this.#opened.has(row.id)) return;
    const events = this.#open(row);
    // Awaited later, in its turn: until then a rejection is not unhandled.
    events.catch(() => {});
    this.#opened.set(row.id, events);
  }

  async #handle(row: IntakeRow): Promise<void> {
    const { clock, log } = this.#o;
    for (;;) {
      try {
        const events = await (this.#opened.get(row.id) ?? this.#open(row));
        this.#opened.delete(row.id);
        this.#o.faults.at("intake:opened");
        return await this.#commit(row, events);
      } catch (error) {
        this.#opened.delete(row.id);
        row.attempts++;
        log.warn({ err: error, account: row.account, attempt: row.attempts }, "an original could not be opened");
        if (row.attempts >= attempts) return this.#giveUp(row, error);
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, retryDelay(row.attempts)));
      }
    }
  }

  async #open(row: IntakeRow): Promise<readonly Incoming[]> {
    const raw = await this.#o.store.raw(row.id);
    if (raw === undefined) throw new Error("the stored bytes are gone");
    const { id, about, sentAt } = row.body;
    return (await this.#o.open(row.account, { type: "original", id, raw, about, sentAt })) ?? [];
  }

  async #commit(row: IntakeRow, events: readonly Incoming[]): Promise<void> {
    const { store, lookups, clock, log } = this.#o;
    const list = await deliveries(row.account, events, lookups);
    const settle = { id: row.id, state: "done" } as const;
    await untilTrue(() => store.deliver(row.account, list, { settle }), clock, log);
  }

  async #giveUp(row: IntakeRow, error: unknown): Promise<void> {
    const { store, clock, log } = this.#o;
    const text = `A message arrived that could not be opened (${error instanceof Error ? error.message : String(error)}). It is kept for a week; tell your operator the number ${row.id}.`;
    const notes = [notice(row.account, text, clock.now())];
    await untilTrue(() => store.settle({ id: row.id, state: "failed", error: String(error), notes }), clock, log);
  }
}
