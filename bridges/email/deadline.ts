// Waiting with an end to it.
import { BridgeError } from "#bridge";

/**
 * The work's result, or a `retry` after `ms`. The work itself is not stopped: `onTimeout` does that (closes the
 * connection), after which its outcome is of no interest.
 */
export function within<T>(ms: number, work: Promise<T>, onTimeout: () => void): Promise<T> {
  // A plain timer: an AbortController costs 0.1 ms for the error it makes, and this is on the path of every mail.
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      onTimeout();
      reject(new BridgeError("retry", "The mail server did not answer in time."));
    }, ms);
    // After the deadline these do nothing: a promise is settled once.
    const settled = () => clearTimeout(timer);
    work.then(resolve, reject).finally(settled);
  });
}
