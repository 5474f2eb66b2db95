// Which homeserver a Matrix address belongs to (Client-Server API, "Server discovery"). The addresses come from a user and
// from documents of strangers: only the guarded fetch talks to them (M18).
import { BridgeError, type GuardedFetch } from "#bridge";
import { requestJson, urlOf } from "./api.ts";
import { MatrixError } from "./errors.ts";
import { listAt, objectAt, textAt } from "./json.ts";
import type { AccountOptions } from "./options.ts";

export interface DiscoveryDeps {
  readonly fetch: GuardedFetch;
  readonly signal: AbortSignal;
  readonly options: AccountOptions;
}

/** What a user wrote to sign in: `@alice:example.org`, `example.org` or the address of a homeserver. */
export interface Wanted {
  /** The account, when it was named: the sign-in must end there and nowhere else. */
  readonly userId?: string;
  /** Only the first part of a user id: with an operator's preset homeserver. */
  readonly localpart?: string;
  /** Server name to discover, or a URL as it is. */
  readonly server: string;
}

const serverName = /^[a-z0-9.-]{1,230}(?::\d{1,5})?$|^\[[0-9a-f:.]{2,45}\](?::\d{1,5})?$/i;

/** @returns undefined for what cannot be a Matrix address, a server name or a URL. */
export function parseWanted(text: string, preset: string | undefined): Wanted | undefined {
  const given = text.trim();
  if (given.length === 0 || given.length > 255) return undefined;
  const id = /^@([^:\s]+):(\S+)$/.exec(given);
  if (id !== null) {
    const server = id[2] ?? "";
    return serverName.test(server) ? { userId: given, server: preset ?? server } : undefined;
  }
  if (preset !== undefined)
    return /^@?[^\s:/@]+$/.test(given) ? { localpart: given.replace("@", ""), server: preset } : undefined;
  if (/^https?:\/\//.test(given)) return URL.canParse(given) ? { server: given } : undefined;
  return serverName.test(given) && given.includes(".") ? { server: given.toLowerCase() } : undefined;
}

/**
 * The address of the homeserver's Client-Server API, proven by its answer to /versions.
 * @throws BridgeError `reject` with a sentence for the user
 */
export async function discover(wanted: Wanted, deps: DiscoveryDeps): Promise<string> {
  const baseUrl = /^https?:\/\//.test(wanted.server) ? wanted.server : await wellKnown(wanted.server, deps);
  const checked = checkedUrl(baseUrl, deps.options);
  try {
    const versions = await requestJson(deps, urlOf(checked, ["_matrix", "client", "versions"]), getSmall);
    if (listAt(versions, "versions").length > 0) return checked;
  } catch (cause) {
    deps.signal.throwIfAborted();
    if (cause instanceof BridgeError) throw cause;
    throw notThere(wanted.server, cause);
  }
  throw notThere(wanted.server);
}

const getSmall = { method: "GET", headers: {}, timeout: 15_000, maxBytes: 256 * 1024 };

/** @returns the base URL that the server's document names; without one the server itself. */
async function wellKnown(server: string, deps: DiscoveryDeps): Promise<string> {
  const own = `${isAllowed(server, deps.options) ? "http" : "https"}://${server}`;
  try {
    const document = await requestJson(deps, urlOf(own, [".well-known", "matrix", "client"]), getSmall);
    return textAt(objectAt(document, "m.homeserver"), "base_url") ?? own;
  } catch (cause) {
    deps.signal.throwIfAborted();
    // The document is the policy's, or the server's, business; that there is none is usual.
    if (cause instanceof BridgeError) throw cause;
    if (cause instanceof MatrixError && cause.status !== 404) throw notThere(server, cause);
    return own;
  }
}

/** Plain http only to what the operator allowed; no user, query or fragment, and no slash at the end. */
function checkedUrl(text: string, options: AccountOptions): string {
  if (!URL.canParse(text))
    throw new BridgeError("reject", "The homeserver's address is not valid.", { condition: "not-acceptable" });
  const url = new URL(text);
  const secure = url.protocol === "https:" || (url.protocol === "http:" && isAllowed(url.host, options));
  if (!secure || url.username !== "" || url.password !== "") {
    throw new BridgeError("reject", `This gateway does not connect to ${url.origin}: it is not a safe address.`, {
      condition: "not-allowed",
    });
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function isAllowed(host: string, options: AccountOptions): boolean {
  const name = host.toLowerCase();
  const allowed = options.allowPrivateHosts.map((entry) => entry.toLowerCase());
  const presetHost = options.homeserver === undefined ? undefined : new URL(options.homeserver).host;
  return allowed.includes(name) || allowed.includes(name.replace(/:\d+$/, "")) || name === presetHost;
}

function notThere(server: string, cause?: unknown): BridgeError {
  const options = cause === undefined ? {} : { cause };
  return new BridgeError("reject", `No Matrix homeserver answers at ${server}.`, {
    condition: "remote-server-not-found",
    ...options,
  });
}
