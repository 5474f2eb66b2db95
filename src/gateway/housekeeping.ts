import type { Logger } from "#bridge";
import type { Clock, LaneStore, TimerHandle } from "./ports.ts";

/** Final rows, raw mail and replay marks are kept this long. */
const retention = 7 * 86_400_000;
const interval = 10 * 60_000;

export interface HousekeepingOptions {
  readonly store: LaneStore;
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
    await store.prune(clock.now() - retention);
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
