// Waiting with an end to it.
import { setTimeout as sleep } from "node:timers/promises";
import { BridgeError } from "#bridge";

/**
 * The work's result, or a `retry` after `ms`. The work itself is not stopped: `onTimeout` does that (closes the
 * connection), after which its outcome is of no interest.
 */
export async function within<T>(ms: number, work: Promise<T>, onTimeout: () => void): Promise<T> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    onTimeout();
    throw new BridgeError("retry", "The mail server did not answer in time.");
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    // Whichever lost the race ends in an error that nobody waits for.
    late.catch(() => undefined);
    work.catch(() => undefined);
  }
}

/** Sleep that ends early, without an error, when the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
