// The real clock. Everything that waits takes a Clock as an argument; only main.ts and the benchmarks hand in this one.
import type { Clock, TimerHandle } from "./gateway/ports.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  // libuv timers run on the monotonic clock: a jump of the wall clock does not move them.
  setTimeout: (run: () => void, ms: number): TimerHandle => setTimeout(run, ms),
  clearTimeout: (handle: TimerHandle | undefined): void => clearTimeout(handle as NodeJS.Timeout | undefined),
};
