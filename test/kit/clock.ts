// A clock that stands still until the test moves it.
import { setImmediate as turn } from "node:timers/promises";
import type { Clock, TimerHandle } from "../../src/gateway/ports.ts";

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

export interface TestClock extends Clock {
  /** Moves time on, running what falls due in order, and lets promises and ready sockets settle after each. */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock alone, as an administrator or NTP would: timers do not notice. */
  jump(ms: number): void;
  /** How many timers wait. */
  readonly waiting: number;
}

/** 2026-01-01T00:00:00Z unless told otherwise. */
export function createTestClock(start = Date.UTC(2026, 0, 1)): TestClock {
  const timers = new Set<Timer>();
  let elapsed = 0;
  let jumped = 0;
  let order = 0;

  const nextDue = (until: number): Timer | undefined => {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.due > until) continue;
      if (!next || timer.due < next.due || (timer.due === next.due && timer.order < next.order)) next = timer;
    }
    return next;
  };

  return {
    now: () => start + elapsed + jumped,
    setTimeout: (run, ms): TimerHandle => {
      const timer: Timer = { due: elapsed + Math.max(0, ms), order: order++, run };
      timers.add(timer);
      return timer;
    },
    clearTimeout: (handle) => {
      if (handle) timers.delete(handle as Timer);
    },
    advance: async (ms) => {
      const until = elapsed + ms;
      await settle();
      for (let timer = nextDue(until); timer; timer = nextDue(until)) {
        timers.delete(timer);
        elapsed = Math.max(elapsed, timer.due);
        timer.run();
        await settle();
      }
      elapsed = until;
      await settle();
    },
    jump: (ms) => {
      jumped += ms;
    },
    get waiting() {
      return timers.size;
    },
  };
}

/** A few turns of the event loop: enough for chains of promises and for what the loopback device has ready. */
export async function settle(turns = 5): Promise<void> {
  for (let i = 0; i < turns; i++) await turn();
}
