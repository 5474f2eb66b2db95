import type { Logger } from "#bridge";
import type { Clock, Store, TimerHandle } from "./ports.ts";

const day = 86_400_000;
/** Final rows and raw mail are kept this long. */
const rowsKept = 7 * day;
/**
 * Records of messages are kept this long. Who answers the season's greetings of last year, or corrects or marks a message
 * of then, finds it; what comes later is a message of its own, and nothing repeats itself after so long a time.
 */
const recordsKept = 400 * day;
const interval = 10 * 60_000;
/** Forgotten in one commit: a few milliseconds in which nobody else gets a turn. */
const batch = 200;

export interface HousekeepingOptions {
  readonly store: Pick<Store, "prune">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Gives waiting messages that are too old back to their senders. */
  readonly expire: () => Promise<void>;
}

/** What has to happen now and then. Returns a function that ends it. */
export function keepHouse({ store, clock, log, expire }: HousekeepingOptions): () => void {
  let timer: TimerHandle | undefined;
  let stopped = false;
  const round = async () => {
    await expire();
    const now = clock.now();
    const before = { rows: now - rowsKept, records: now - recordsKept };
    for (let more = true; more && !stopped; ) more = await store.prune(before, batch);
  };
  const run = () => {
    round()
      .catch((error: unknown) => log.error({ err: error }, "housekeeping failed"))
      .finally(() => {
        if (!stopped) timer = clock.setTimeout(run, interval);
      });
  };
  run();
  return () => {
    stopped = true;
    clock.clearTimeout(timer);
  };
}
