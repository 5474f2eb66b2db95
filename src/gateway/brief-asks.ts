// Questions to a network that a client's request waits for. The link stops reading when too many requests are open, so a
// network that does not answer must not hold many of them, nor long (security.md X12).
import type { AccountId, Clock } from "./ports.ts";

/** Milliseconds; what comes later is there for the next request. */
const patience = 5_000;
const mostOfAccount = 4;
const mostInAll = 50;

export class BriefAsks {
  readonly #clock: Clock;
  readonly #open = new Map<AccountId, number>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What `work` resolves with, if it does so soon; undefined when not, or when too many wait. Rejects when it rejects. */
  async ask<T>(account: AccountId, work: () => Promise<T>): Promise<T | undefined> {
    const ofAccount = this.#open.get(account) ?? 0;
    if (ofAccount >= mostOfAccount || this.#count >= mostInAll) return undefined;
    this.#open.set(account, ofAccount + 1);
    this.#count++;
    const late = Promise.withResolvers<undefined>();
    const timer = this.#clock.setTimeout(() => late.resolve(undefined), patience);
    try {
      return await Promise.race([work(), late.promise]);
    } finally {
      this.#clock.clearTimeout(timer);
      this.#count--;
      const left = (this.#open.get(account) ?? 1) - 1;
      if (left === 0) this.#open.delete(account);
      else this.#open.set(account, left);
    }
  }
}
