import type { Logger } from "#bridge";
import type { Clock } from "./ports.ts";

/**
 * Repeats a write until the store takes it. For what has already happened outside: a message that went out must be
 * marked as gone, or it would go out again. A full disk or a lock passes; meanwhile only this lane waits.
 */
export async function untilTrue<T>(write: () => Promise<T>, clock: Clock, log: Logger): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await write();
    } catch (error) {
      log.error({ err: error, attempt }, "the store refused a write; trying again in a second");
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, 1_000));
    }
  }
}
