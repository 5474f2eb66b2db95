// A question to a session that somebody waits for.
import { BridgeError } from "#bridge";
import { GatewayError } from "./errors.ts";
import type { Clock } from "./ports.ts";

/** Clients give up after about a minute themselves. */
const patience = 60_000;

/** What the bridge answers, as an error for the one who asked where it is one. Throws GatewayError. */
export async function inTime<T>(work: Promise<T>, clock: Clock): Promise<T> {
  const over = Promise.withResolvers<never>();
  const late = () =>
    over.reject(
      new GatewayError("remote-server-timeout", "The network does not answer; try again later.", { wait: true }),
    );
  const timer = clock.setTimeout(late, patience);
  try {
    return await Promise.race([work, over.promise]);
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    throw new GatewayError(error.condition, error.message, { wait: error.kind === "retry", cause: error });
  } finally {
    clock.clearTimeout(timer);
  }
}
