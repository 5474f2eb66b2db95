// How long to wait before the next attempt: doubling, with jitter so that many processes do not return in one moment.

export interface BackoffOptions {
  readonly baseMs?: number;
  readonly maxMs?: number;
  /** 0.2: each delay is 80 to 120 % of its nominal length. */
  readonly jitter?: number;
  readonly random?: () => number;
}

export interface Backoff {
  /** The delay before the next attempt, in milliseconds. */
  next(): number;
  /** Begin again with the base; call it once things have been well for a while, not at the first success. */
  reset(): void;
}

/** Delays of 1 s, 2 s, 4 s ... 60 s, each with 20 % of jitter, unless the options say otherwise. */
export function createBackoff(options: BackoffOptions = {}): Backoff {
  const { baseMs = 1000, maxMs = 60_000, jitter = 0.2, random = Math.random } = options;
  let nominal = baseMs;
  return {
    next: () => {
      const delay = nominal * (1 - jitter + 2 * jitter * random());
      nominal = Math.min(nominal * 2, maxMs);
      return Math.round(delay);
    },
    reset: () => {
      nominal = baseMs;
    },
  };
}
