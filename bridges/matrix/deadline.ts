// A deadline for each of many short requests. AbortSignal.any and AbortSignal.timeout would do the same, but each leaves weak
// references behind at signals that live as long as the session, and the garbage collector is busy with them.

/**
 * Runs `work` with a signal that is aborted when one of `signals` is, with that one's reason, or after `ms`, with a
 * TimeoutError. Once the work is done nothing is left at the signals.
 */
export async function withDeadline<T>(
  ms: number,
  signals: readonly (AbortSignal | undefined)[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new DOMException(`not done within ${ms} ms`, "TimeoutError")), ms);
  const onAbort = ({ target }: Event): void => stop.abort((target as AbortSignal).reason);
  for (const signal of signals) {
    if (signal?.aborted) stop.abort(signal.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
  }
  try {
    return await work(stop.signal);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) signal?.removeEventListener("abort", onAbort);
  }
}
