// Waiting between tries, as every session does it.
import { setTimeout as sleep } from "node:timers/promises";

export interface BackoffTimes {
  /** The pause after the second failure (ms); the first is tried again at once. */
  readonly first: number;
  /** The longest pause (ms). */
  readonly most: number;
}

/** @param failures how many came before in a row: 0 waits not at all, then `first`, doubling to `most`, ±20 %. */
export function backoff(failures: number, times: BackoffTimes): number {
  if (failures <= 0) return 0;
  const base = Math.min(times.most, times.first * 2 ** Math.min(failures - 1, 30));
  return Math.round(base * (0.8 + Math.random() * 0.4));
}

/** Sleep that ends early, without an error, when the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
