// Work that waits for its turn: so much at once, and of one account only so much, so that nobody waits for all the people of
// somebody else.
import type { AccountId } from "./ports.ts";

export interface TurnLimits {
  readonly atOnce: number;
  readonly perAccount: number;
  /** Of one account; what comes beyond is refused. */
  readonly waiting: number;
}

interface Queue {
  running: number;
  readonly waiting: (() => void)[];
}

export class Turns {
  readonly #limits: TurnLimits;
  /** Accounts with something to do, in the order of their turns. */
  readonly #queues = new Map<AccountId, Queue>();
  #running = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** What `work` resolves with; undefined when too much of this account waits. */
  async take<T>(account: AccountId, work: () => Promise<T>): Promise<T | undefined> {
    const queue = this.#queues.get(account) ?? { running: 0, waiting: [] };
    if (queue.waiting.length >= this.#limits.waiting) return undefined;
    this.#queues.set(account, queue);
    await new Promise<void>((begin) => {
      queue.waiting.push(begin);
      this.#next();
    });
    try {
      return await work();
    } finally {
      this.#running--;
      queue.running--;
      if (queue.running === 0 && queue.waiting.length === 0) this.#queues.delete(account);
      this.#next();
    }
  }

  #next(): void {
    const { atOnce, perAccount } = this.#limits;
    for (const [account, queue] of this.#queues) {
      if (this.#running >= atOnce) return;
      if (queue.running >= perAccount) continue;
      const begin = queue.waiting.shift();
      if (begin === undefined) continue;
      this.#running++;
      queue.running++;
      // To the end: the loop comes to it again.
      this.#queues.delete(account);
      this.#queues.set(account, queue);
      begin();
    }
  }
}
