// One request and the head of its answer, on node:http: with keep-alive it costs a fifth less CPU than fetch.
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { pipeline } from "node:stream";
import type { Payload } from "./payload.ts";

export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly payload: Payload;
  readonly lookup: LookupFunction;
  /** Aborting rejects with its reason, and later breaks the body off. */
  readonly signal: AbortSignal;
}

export interface Connections {
  /** Resolves with the head. Rejects with the error of the socket, of `lookup`, or the signal's reason. */
  exchange(exchange: Exchange): Promise<IncomingMessage>;
  /** Lets go of idle connections. */
  close(): void;
}

/** A connection that nobody used for this long is closed. Milliseconds. */
const idle = 60_000;
/**
 * Of one host. What is said in a room that many accounts are in ends the long polls of all of them in one moment: what is
 * let go of then has to be connected again at once, with TLS.
 */
const mostIdle = 1024;
/** Requests that may be repeated when a kept connection turns out to be dead (RFC 9110 section 9.2.2). */
const idempotent = new Set(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]);

/** @param ca another certificate authority than the public ones, PEM. */
export function createConnections(ca?: string): Connections {
  const options = { keepAlive: true, timeout: idle, maxFreeSockets: mostIdle };
  const plain = new HttpAgent(options);
  const secure = new HttpsAgent({ ...options, ...(ca === undefined ? {} : { ca }) });

  const once = (exchange: Exchange, fresh: boolean): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { url, method, headers, payload, lookup, signal } = exchange;
      const isSecure = url.protocol === "https:";
      const settings: RequestOptions = { method, headers: Object.fromEntries(headers), lookup };
      // A request that could not use a kept connection gets one of its own, closed afterwards.
      settings.agent = fresh ? new (isSecure ? HttpsAgent : HttpAgent)() : isSecure ? secure : plain;
      const request = isSecure
        ? httpsRequest(url, ca === undefined ? settings : { ...settings, ca })
        : httpRequest(url, settings);
      const onAbort = () => request.destroy(asError(signal.reason));
      signal.addEventListener("abort", onAbort, { once: true });
      request.on("close", () => signal.removeEventListener("abort", onAbort));
      request.on("response", resolve);
      request.on("error", (error) => {
        if (signal.aborted) return reject(signal.reason);
        if (!fresh && request.reusedSocket && isDead(error) && isRepeatable(exchange)) {
          return resolve(once(exchange, true));
        }
        reject(error);
      });
      if (payload.stream === undefined) request.end(payload.bytes);
      else pipeline(payload.stream, request, () => {});
    });

  return {
    exchange: (exchange) => once(exchange, false),
    close() {
      plain.destroy();
      secure.destroy();
    },
  };
}

const isRepeatable = ({ method, payload }: Exchange): boolean => idempotent.has(method) && payload.stream === undefined;

/** The server closed the idle connection while our request was on its way. */
const isDead = (error: NodeJS.ErrnoException): boolean => error.code === "ECONNRESET" || error.code === "EPIPE";

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
