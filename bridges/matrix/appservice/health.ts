// Whether the homeserver and the gateway know each other as they should: asked at the start, and again until it is so.
import { backoff, type Logger, pause } from "#bridge";
import { MatrixError, matrixError } from "../errors.ts";
import type { Homeserver } from "./homeserver.ts";
import type { DomainOptions } from "./options.ts";

export interface HealthDeps {
  readonly homeserver: Homeserver;
  readonly domain: Pick<DomainOptions, "id" | "serverName">;
  /** Where the homeserver is to reach the gateway. */
  readonly url: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** The registration must not be used. */
  readonly refuse: (why: string) => void;
}

const times = { first: 1000, most: 60_000 };
/** Longer than homeservers wait for the gateway's answer (ms). */
const pingTimeout = 60_000;

/** Returns when all is well, the registration is refused, or the service ends. Never throws. */
export async function checkHealth(deps: HealthDeps): Promise<void> {
  const { log, signal, url, refuse } = deps;
  let said = "";
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      if (await isTooWide(deps)) {
        const why = "the registration claims users that are not the gateway's: its namespace is too wide";
        log.error({ id: deps.domain.id }, why);
        return refuse(why);
      }
      await ping(deps);
      return log.info({ url }, "the homeserver reaches the gateway");
    } catch (error) {
      if (signal.aborted) return;
      const problem = problemOf(error, url);
      if (problem !== said) log.warn({ err: error, url }, problem);
      said = problem;
      await pause(backoff(failures, times), signal);
    }
  }
}

/**
 * M21: an application service that could speak for everybody. Nothing is changed by asking to speak for a user who is not
 * ours; a homeserver that would let us says so, or only misses the user.
 */
async function isTooWide({ homeserver, domain }: HealthDeps): Promise<boolean> {
  const stranger = `@viaduct-asks-whether-it-may:${domain.serverName}`;
  try {
    await homeserver.as(stranger).request("GET", ["v3", "account", "whoami"]);
    return true;
  } catch (error) {
    if (error instanceof MatrixError && error.status === 403) return /not registered/i.test(error.words);
    throw error;
  }
}

/** Application Service API, "Pinging": the homeserver calls us and says what came of it. */
async function ping({ homeserver, domain }: HealthDeps): Promise<void> {
  const body = { transaction_id: `ping-${Date.now().toString(36)}` };
  await homeserver.bot.request("POST", ["v1", "appservice", domain.id, "ping"], { body, timeout: pingTimeout });
}

function problemOf(error: unknown, url: string): string {
  const known = matrixError(error);
  const cause = error instanceof MatrixError ? error : known.cause;
  if (!(cause instanceof MatrixError)) return `the homeserver cannot be reached: ${known.message}`;
  switch (cause.code) {
    case "M_CONNECTION_FAILED":
    case "M_CONNECTION_TIMEOUT":
      return `the homeserver cannot reach the gateway at ${url}: check the address and the way there (${cause.words})`;
    case "M_BAD_STATUS":
      return `the homeserver reaches something at ${url}, but it is not this gateway, or the hs_token is another one`;
    case "M_URL_NOT_SET":
      return "the registration on the homeserver has no url: nothing is sent to the gateway";
    case "M_FORBIDDEN":
      return "the registration on the homeserver has another id than bridges.matrix.domain.id";
    case "M_UNKNOWN_TOKEN":
      return "the homeserver does not know the as_token: install the registration there, and restart it";
    default:
      return `the homeserver does not say whether it reaches the gateway: ${cause.message}`;
  }
}
