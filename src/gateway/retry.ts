const first = 1_000;
const longest = 5 * 60_000;

/** Milliseconds before the next try: 1 s doubling to 5 min, give or take a fifth. `attempt` counts from 1. */
export function retryDelay(attempt: number, random: () => number = Math.random): number {
  const plain = Math.min(longest, first * 2 ** Math.min(attempt - 1, 20));
  return Math.round(plain * (0.8 + 0.4 * random()));
}
