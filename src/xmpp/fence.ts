// The ping barrier. XEP-0114 has no acknowledgements; but a server handles one stream in order, so the answer to a ping
// proves that everything written before it was taken (measured on Prosody 13 and ejabberd 24.12).
import type { Clock, TimerHandle } from "../gateway/ports.ts";

export interface FenceOptions<T> {
  /** Resolves when the server has handled everything written before: `link.ping`. */
  readonly ping: () => Promise<void>;
  /** The server has taken these, in the order of `add`. */
  readonly onFenced: (tokens: readonly T[]) => void;
  /** Nobody knows whether the server has these: write them again, with the same ids. */
  readonly onLost: (tokens: readonly T[], error: Error) => void;
  readonly clock: Clock;
  /** A ping after so many writes. */
  readonly every?: number;
  /** A ping so long after the first write without one. */
  readonly afterMs?: number;
  /** At most so many writes without an answer: the most that a fault can repeat. */
  readonly window?: number;
}

interface Batch<T> {
  readonly tokens: readonly T[];
  settled: boolean;
}

/** Follows what was written but is not yet known to be taken. One per stream direction; lives over reconnects. */
export class Fence<T> {
  readonly #options: FenceOptions<T>;
  readonly #every: number;
  readonly #afterMs: number;
  readonly #window: number;
  #open: T[] = [];
  /** Pinged, in order. */
  #batches: Batch<T>[] = [];
  #unfenced = 0;
  #timer: TimerHandle | undefined;
  #waiters: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(options: FenceOptions<T>) {
    this.#options = options;
    this.#window = options.window ?? 32;
    // A window that fills before the first ping would only move on by the timer.
    this.#every = Math.min(options.every ?? 16, this.#window);
    this.#afterMs = options.afterMs ?? 20;
  }

  /** How many more may be written now. */
  get room(): number {
    return Math.max(0, this.#window - this.#unfenced);
  }

  /** Call right after the write. */
  add(token: T): void {
    this.#open.push(token);
    this.#unfenced++;
    if (this.#open.length >= this.#every) this.#ping();
    else this.#timer ??= this.#options.clock.setTimeout(() => this.#ping(), this.#afterMs);
  }

  /** Resolves at once or when an answer makes room; rejects when the stream is lost. */
  waitForRoom(): Promise<void> {
    if (this.room > 0) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** The stream is gone: everything unanswered goes to `onLost`, oldest first. */
  reset(error: Error): void {
    const lost = [...this.#batches.filter((batch) => !batch.settled).flatMap((batch) => batch.tokens), ...this.#open];
    for (const batch of this.#batches) batch.settled = true;
    this.#batches = [];
    this.#open = [];
    this.#unfenced = 0;
    this.#stopTimer();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(error);
    if (lost.length > 0) this.#options.onLost(lost, error);
  }

  #ping(): void {
    this.#stopTimer();
    const batch: Batch<T> = { tokens: this.#open, settled: false };
    this.#open = [];
    this.#batches.push(batch);
    this.#options.ping().then(
      () => this.#answered(batch),
      (cause: unknown) => this.#unanswered(batch, cause instanceof Error ? cause : new Error("no answer", { cause })),
    );
  }

  #answered(batch: Batch<T>): void {
    if (batch.settled) return;
    // An answer vouches for the earlier batches as well, even where their own answers come later.
    const until = this.#batches.indexOf(batch) + 1;
    const done = this.#batches.splice(0, until);
    for (const one of done) one.settled = true;
    this.#release(
      done.flatMap((one) => one.tokens),
      (tokens) => this.#options.onFenced(tokens),
    );
  }

  #unanswered(batch: Batch<T>, error: Error): void {
    if (batch.settled) return;
    batch.settled = true;
    this.#batches = this.#batches.filter((one) => one !== batch);
    this.#release(batch.tokens, (tokens) => this.#options.onLost(tokens, error));
  }

  #release(tokens: readonly T[], report: (tokens: readonly T[]) => void): void {
    this.#unfenced -= tokens.length;
    report(tokens);
    if (this.room === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  #stopTimer(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
