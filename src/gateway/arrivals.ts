// Waiting for the news that the user is in a room: a network says yes to a join first, and tells of the room a little later.
import type { RemoteId } from "#bridge";
import type { AccountId, Clock } from "./ports.ts";

/** Then the client goes in all the same; the rest comes when it comes. */
const patience = 10_000;

export class Arrivals {
  readonly #clock: Clock;
  /** By account and room. Bounded by the joins under way. */
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Joins under way, by account. */
  readonly #joins = new Map<AccountId, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** While the user joins from here, what the network tells of their coming in is no news to them. */
  async during<T>(account: AccountId, join: Promise<T>): Promise<T> {
    this.#joins.set(account, (this.#joins.get(account) ?? 0) + 1);
    try {
      return await join;
    } finally {
      const left = (this.#joins.get(account) ?? 1) - 1;
      if (left > 0) this.#joins.set(account, left);
      else this.#joins.delete(account);
    }
  }

  isJoining(account: AccountId): boolean {
    return this.#joins.has(account);
  }

  /** The news is being committed. */
  announce(account: AccountId, room: RemoteId): void {
    for (const goOn of this.#waiting.get(keyOf(account, room)) ?? []) goOn();
  }

  /** Resolves when the news is there, or when it is not worth waiting for any longer. */
  async until(account: AccountId, room: RemoteId, isThere: () => Promise<boolean>): Promise<void> {
    const key = keyOf(account, room);
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting.add(resolve));
    const timer = this.#clock.setTimeout(resolve, patience);
    try {
      if (!(await isThere())) await promise;
    } finally {
      this.#clock.clearTimeout(timer);
      waiting.delete(resolve);
      if (waiting.size === 0) this.#waiting.delete(key);
    }
  }
}

const keyOf = (account: AccountId, room: RemoteId) => `${account}/${room}`;
