// Bridges' own routes: /bridges/<name>/... goes to the handler that the bridge of that name gave.
import type { HttpHandler, Logger } from "#bridge";
import type { Clock } from "../gateway/ports.ts";
import { BodyTooLarge, upTo } from "./body.ts";
import { busy, createTurnstile } from "./turnstile.ts";

export interface Mounts {
  /** From now on this handler answers; returns the address of the mount. */
  mount(bridge: string, handler: HttpHandler): URL;
  /** Undefined: nothing is mounted there. `path` begins with "/". */
  handle(bridge: string, path: string, search: string, request: Request): Promise<Response | undefined>;
}

export interface MountsOptions {
  /** What the public calls this server; ends in "/". */
  readonly publicUrl: string;
  /** Of one body. Default 16 MiB: a full push of a homeserver. */
  readonly bodyBytes?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Milliseconds for one answer's head. */
const patience = 30_000;
const most = { most: 64, mostPerName: 32 };

/** Anybody can write these; a bridge gets the addresses of its mount from the configuration (security.md H08). */
const forwarded = /^(forwarded|x-forwarded-.*|x-real-ip|x-original-.*)$/;

/** The address of a bridge's mount; ends in "/". */
export const mountUrl = (publicUrl: string, bridge: string): URL => new URL(`bridges/${bridge}/`, publicUrl);

export function createMounts({ publicUrl, bodyBytes = 16 * 1024 * 1024, clock, log }: MountsOptions): Mounts {
  const handlers = new Map<string, HttpHandler>();
  const enter = createTurnstile(most);

  return {
    mount(bridge, handler) {
      handlers.set(bridge, handler);
      return mountUrl(publicUrl, bridge);
    },
    async handle(bridge, path, search, request) {
      const handler = handlers.get(bridge);
      if (handler === undefined) return undefined;
      if (Number(request.headers.get("content-length") ?? 0) > bodyBytes) return tooLarge();
      const leave = enter(bridge);
      if (leave === undefined) return busy(5);
      const stop = new AbortController();
      const timer = clock.setTimeout(() => stop.abort(new Error("a bridge did not answer")), patience);
      try {
        const signal = AbortSignal.any([stop.signal, request.signal]);
        return await Promise.race([handler(below(path, search, request, signal)), aborted(stop.signal)]);
      } catch (error) {
        if (error instanceof BodyTooLarge) return tooLarge();
        log.error({ err: error, bridge }, "a bridge could not answer a request");
        return new Response("error\n", { status: stop.signal.aborted ? 504 : 500 });
      } finally {
        clock.clearTimeout(timer);
        leave();
      }
    },
  };

  /** The request as the handler sees it. Its host is ours, whatever the Host header says. */
  function below(path: string, search: string, request: Request, signal: AbortSignal): Request {
    // Set part by part: a path that begins with "//" would name another host.
    const url = new URL(publicUrl);
    url.pathname = path;
    url.search = search;
    const headers = new Headers([...request.headers].filter(([name]) => !forwarded.test(name)));
    headers.set("host", url.host);
    const { method, body } = request;
    const sent =
      body === null || method === "GET" || method === "HEAD"
        ? {}
        : { body: upTo(bodyBytes, body), duplex: "half" as const };
    return new Request(url, { method, headers, signal, ...sent });
  }
}

const tooLarge = () => new Response("too large\n", { status: 413 });

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
