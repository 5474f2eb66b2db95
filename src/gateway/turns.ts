// Work that waits for its turn: so much at once, so much of one account, and only so much waiting.
import type { AccountId } from "./ports.ts";

export interface TurnLimits {
  readonly atOnce: number;
  readonly perAccount: number;
  /** More than this is refused. */
  readonly waiting: number;
}

interface Job {
  readonly account: AccountId;
  readonly begin: () => void;
}

export class Turns {
  readonly #limits: TurnLimits;
  readonly #waiting: Job[] = [];
  readonly #running = new Map<AccountId, number>();
  #count = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** What `work` resolves with; undefined when too much waits. */
  async take<T>(account: AccountId, work: () => Promise<T>): Promise<T | undefined> {
    if (this.#waiting.length >= this.#limits.waiting) return undefined;
    await new Promise<void>((begin) => {
      this.#waiting.push({ account, begin });
      this.#next();
    });
    try {
      return await work();
    } finally {
      this.#count--;
      const left = (this.#running.get(account) ?? 1) - 1;
      if (left === 0) this.#running.delete(account);
      else this.#running.set(account, left);
      this.#next();
    }
  }

  /** The first whose account has a turn left: nobody waits for all the people of somebody else. */
  #next(): void {
    const { atOnce, perAccount } = this.#limits;
    while (this.#count < atOnce) {
      const index = this.#waiting.findIndex(({ account }) => (this.#running.get(account) ?? 0) < perAccount);
      const [job] = index < 0 ? [] : this.#waiting.splice(index, 1);
      if (job === undefined) return;
      this.#count++;
      this.#running.set(job.account, (this.#running.get(job.account) ?? 0) + 1);
      job.begin();
    }
  }
}
