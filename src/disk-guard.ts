import { statfsSync } from "node:fs";
import type { Clock } from "./gateway/ports.ts";

/** A look costs a system call: not more often than this. */
const interval = 2_000;

/**
 * Tells whether new messages may be taken: false below `least` bytes of free disk. What is queued still goes out.
 * `onChange` hears when that changes.
 */
export function diskGuard(
  path: string,
  least: number,
  clock: Clock,
  onChange: (enough: boolean) => void,
): () => boolean {
  let lookedAt = Number.NEGATIVE_INFINITY;
  let enough = true;
  return () => {
    const now = clock.now();
    if (Math.abs(now - lookedAt) < interval) return enough;
    lookedAt = now;
    const { bavail, bsize } = statfsSync(path);
    const was = enough;
    enough = bavail * bsize >= least;
    if (enough !== was) onChange(enough);
    return enough;
  };
}
