// A peer that dies in silence (half-open TCP) ends no connection: only that nothing comes shows it.
import type { Clock, TimerHandle } from "../gateway/ports.ts";

export interface SilenceOptions {
  readonly clock: Clock;
  /** Silence before a ping, while the peer owes us nothing (ms). */
  readonly idleMs: number;
  /** Silence, while it owes us an answer, before it is given up (ms). */
  readonly deadMs: number;
  /** True while nothing is read: then the silence is ours. */
  readonly paused: () => boolean;
  /** Asks something that the peer must answer, by way of `owes`. */
  readonly ping: () => void;
  /** Nothing came for so many milliseconds. */
  readonly onDead: (silentMs: number) => void;
}

export class Silence {
  readonly #o: SilenceOptions;
  #watching = false;
  #heardAt = 0;
  /** Answers that we wait for. */
  #owed = 0;
  #timer: TimerHandle | undefined;

  constructor(options: SilenceOptions) {
    this.#o = options;
  }

  start(): void {
    this.#watching = true;
    this.heard();
  }

  stop(): void {
    this.#watching = false;
    this.#o.clock.clearTimeout(this.#timer);
  }

  /** Something came: the peer lives, however long it takes for what it owes. */
  heard(): void {
    this.#heardAt = this.#o.clock.now();
    this.#arm();
  }

  /** The peer has to answer this. */
  async owes<T>(answer: Promise<T>): Promise<T> {
    this.#owed++;
    this.#arm();
    try {
      return await answer;
    } finally {
      this.#owed--;
      this.#arm();
    }
  }

  #arm(): void {
    const { clock, idleMs, deadMs } = this.#o;
    clock.clearTimeout(this.#timer);
    if (!this.#watching) return;
    this.#timer =
      this.#owed > 0
        ? clock.setTimeout(() => this.#unlessPaused(() => this.#dead()), deadMs)
        : clock.setTimeout(() => this.#unlessPaused(() => this.#o.ping()), idleMs);
  }

  #unlessPaused(action: () => void): void {
    if (this.#o.paused()) this.heard();
    else action();
  }

  #dead(): void {
    this.stop();
    this.#o.onDead(this.#o.clock.now() - this.#heardAt);
  }
}
