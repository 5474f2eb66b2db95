// The ping barrier. XEP-0114 has no acknowledgements; but a server handles one stream in order, so the answer to a ping
// proves that everything written before it was taken (measured on Prosody 13 and ejabberd 24.12).

export interface FenceOptions<T> {
  /** Resolves when the server has handled everything written before: `link.ping`. */
  readonly ping: () => Promise<void>;
  /** The server has taken these, in the order of `add`. */
  readonly onFenced: (tokens: readonly T[]) => void;
  /** Nobody knows whether the server has these: write them again, with the same ids. */
  readonly onLost: (tokens: readonly T[], error: Error) => void;
  /** A ping after so many writes, also while an earlier one is not answered. */
  readonly every?: number;
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
  readonly #window: number;
  #open: T[] = [];
  /** Pinged, in order. */
  #batches: Batch<T>[] = [];
  #unfenced = 0;
  #waiting: (() => void)[] = [];

  constructor(options: FenceOptions<T>) {
    this.#options = options;
    this.#window = options.window ?? 32;
    this.#every = options.every ?? 16;
  }

  /** How many more may be written now. */
  get room(): number {
    return Math.max(0, this.#window - this.#unfenced);
  }

  /**
   * Call right after the write. The first write is pinged at once, what follows when the answer comes or enough has
   * gathered: a busy stream has a ping for many stanzas, and nothing ever waits for a timer.
   */
  add(token: T): void {
    this.#open.push(token);
    this.#unfenced++;
    if (this.#batches.length === 0 || this.#open.length >= this.#every) this.#ping();
  }

  /** Resolves when nothing is unanswered any more, whatever the answers are. */
  quiet(): Promise<void> {
    if (this.#unfenced === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The stream is gone: everything unanswered goes to `onLost`, oldest first. */
  reset(error: Error): void {
    const lost = [...this.#batches.filter((batch) => !batch.settled).flatMap((batch) => batch.tokens), ...this.#open];
    for (const batch of this.#batches) batch.settled = true;
    this.#batches = [];
    this.#open = [];
    this.#unfenced = 0;
    if (lost.length > 0) this.#options.onLost(lost, error);
    this.#tellIfQuiet();
  }

  #tellIfQuiet(): void {
    if (this.#unfenced > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #ping(): void {
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
    if (this.#batches.length === 0 && this.#open.length > 0) this.#ping();
    report(tokens);
    this.#tellIfQuiet();
  }
}
