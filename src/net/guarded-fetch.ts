// The contract's GuardedFetch: HTTP to hosts that users, networks or documents named (security.md X29, M18).
import type { IncomingMessage } from "node:http";
import { BridgeError, type GuardedFetch, type GuardedInit } from "#bridge";
import { bodyOf, isEncoded } from "./body.ts";
import { createConnections } from "./exchange.ts";
import { createHostRules, type ResolveHost } from "./host-rules.ts";
import { type Payload, payloadOf } from "./payload.ts";

/** The part of the core's clock that is needed here. */
export interface Timers {
  setTimeout(run: () => void, ms: number): object;
  clearTimeout(handle: object | undefined): void;
}

export interface GuardedFetchOptions {
  /** Hosts, "host:port" pairs and addresses that are trusted: also private ones, also without TLS. */
  readonly allow: readonly string[];
  readonly timers: Timers;
  /** Another certificate authority than the public ones, PEM. */
  readonly ca?: string;
  readonly resolve?: ResolveHost;
}

export interface Net {
  readonly fetch: GuardedFetch;
  /** Lets go of idle connections; requests under way go on. */
  close(): void;
}

const defaultTimeout = 30_000;
const defaultMaxBytes = 10 * 1024 * 1024;
const maxRedirects = 3;
/** What a timer can hold. */
const longestTimeout = 2 ** 31 - 1;

/** One request of a chain of redirects. */
interface Step {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly payload: Payload;
}

export function createGuardedFetch(options: GuardedFetchOptions): Net {
  const { timers } = options;
  const rules = createHostRules(options.allow, options.resolve);
  const connections = createConnections(options.ca);

  async function follow(
    first: Step,
    mode: NonNullable<GuardedInit["redirect"]>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    let step = first;
    for (let hop = 0; ; hop++) {
      rules.check(step.url);
      const incoming = await connections.exchange({ ...step, lookup: rules.lookupFor(step.url), signal });
      const location = locationOf(incoming);
      if (location === undefined || mode === "manual") return incoming;
      incoming.destroy();
      if (mode === "error") throw new TypeError("the answer is a redirect");
      if (hop === maxRedirects) throw new TypeError(`more than ${maxRedirects} redirects`);
      step = redirected(step, incoming.statusCode ?? 0, location);
    }
  }

  async function guardedFetch(url: string | URL, init: GuardedInit = {}): Promise<Response> {
    const { timeout = defaultTimeout, maxBytes = defaultMaxBytes, signal } = init;
    signal?.throwIfAborted();
    const first = firstStep(new URL(url), init);
    const stop = new AbortController();
    const onAbort = () => stop.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const release = () => signal?.removeEventListener("abort", onAbort);
    const late = () => stop.abort(new TypeError(`${first.url.host} did not answer within ${timeout} ms`));
    const timer = timeout > longestTimeout ? undefined : timers.setTimeout(late, timeout);
    const reasonOf = (error: unknown): unknown => (stop.signal.aborted ? stop.signal.reason : asFetchError(error));
    try {
      const incoming = await follow(first, init.redirect ?? "follow", stop.signal);
      incoming.once("close", release);
      return respond(incoming, first.method, maxBytes, reasonOf);
    } catch (error) {
      const reason = reasonOf(error);
      release();
      stop.abort(reason);
      throw reason;
    } finally {
      timers.clearTimeout(timer);
    }
  }

  return { fetch: guardedFetch, close: () => connections.close() };
}

/** Headers that belong to the connection (RFC 9110 section 7.6.1) or that we set. */
const ours = ["connection", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

function firstStep(url: URL, init: GuardedInit): Step {
  const payload = payloadOf(init.body);
  const headers = new Headers(init.headers);
  for (const name of ours) headers.delete(name);
  if (payload.type !== undefined && !headers.has("content-type")) headers.set("content-type", payload.type);
  if (payload.length !== undefined) headers.set("content-length", String(payload.length));
  if (payload.bytes !== undefined) headers.set("content-length", String(payload.bytes.length));
  if (!headers.has("accept")) headers.set("accept", "*/*");
  if (!headers.has("user-agent")) headers.set("user-agent", "Viaduct");
  // Unpacking costs more than reading; what comes packed all the same is unpacked.
  if (!headers.has("accept-encoding")) headers.set("accept-encoding", "identity");
  return { url, method: (init.method ?? "GET").toUpperCase(), headers, payload };
}

const redirects = new Set([301, 302, 303, 307, 308]);

function locationOf({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  return redirects.has(statusCode) ? headers.location : undefined;
}

/** The next request (https://fetch.spec.whatwg.org/#http-redirect-fetch). */
function redirected(step: Step, status: number, location: string): Step {
  const url = new URL(location, step.url);
  const leaves = url.origin !== step.url.origin;
  const headers = new Headers(step.headers);
  if (leaves) for (const name of ["authorization", "cookie", "proxy-authorization"]) headers.delete(name);
  const toGet = status === 303 ? step.method !== "HEAD" : status < 303 && step.method === "POST";
  if (toGet) {
    for (const name of ["content-length", "content-type", "content-encoding"]) headers.delete(name);
    return { url, method: "GET", headers, payload: {} };
  }
  if (step.payload.stream !== undefined) throw new TypeError("a redirect asks for a body that is gone");
  // It may be a password that was meant for the first host.
  if (leaves && step.payload.bytes !== undefined) {
    throw new BridgeError("reject", `${step.url.host} wants what it was sent to go to ${url.host}.`, {
      condition: "not-allowed",
    });
  }
  return { ...step, url, headers };
}

const withoutBody = new Set([204, 205, 304]);

function respond(
  incoming: IncomingMessage,
  method: string,
  maxBytes: number,
  reasonOf: (error: Error) => unknown,
): Response {
  const status = incoming.statusCode ?? 0;
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(incoming.headersDistinct))
    for (const value of values) headers.append(name, value);
  if (isEncoded(incoming)) for (const name of ["content-encoding", "content-length"]) headers.delete(name);
  if (method === "HEAD" || withoutBody.has(status)) {
    incoming.resume();
    return new Response(null, { status, headers });
  }
  return new Response(bodyOf(incoming, maxBytes, reasonOf), { status, headers });
}

/** Refusals stay what they are; all else is a TypeError, as fetch has it. */
function asFetchError(error: unknown): unknown {
  if (error instanceof BridgeError || error instanceof TypeError) return error;
  const { code } = error as NodeJS.ErrnoException;
  return new TypeError(`the request failed${code === undefined ? "" : `: ${code}`}`, { cause: error });
}
