import type { Clock } from "./ports.ts";

/** Forgotten users cost nothing: a full bucket is not kept, and more than this many are never kept. */
const mostKeys = 10_000;

/** Token buckets by key. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #perMs: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(clock: Clock, perMinute: number, burst: number) {
    this.#clock = clock;
    this.#perMs = perMinute / 60_000;
    this.#burst = burst;
  }

  /** Takes one token. Returns 0, or the milliseconds until there is one. */
  take(key: string): number {
    const now = this.#clock.now();
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, at: now };
    const tokens = Math.min(this.#burst, bucket.tokens + Math.max(0, now - bucket.at) * this.#perMs);
    // A hair less than one is one: the divisions are not exact, and 60 minutes must not become 61.
    if (tokens < 1 - 1e-9) return Math.ceil((1 - tokens) / this.#perMs - 1e-6);
    // Set again at the end of the map: the first entries are the oldest.
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: tokens - 1, at: now });
    if (this.#buckets.size > mostKeys) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return 0;
  }
}
