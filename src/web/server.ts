// The gateway's one HTTP server. It speaks plain HTTP to a reverse proxy on this machine, which does TLS; addresses of ours
// come from the configuration, never from a request (security.md H03 to H10).
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import type { Logger } from "#bridge";
import type { Clock } from "../gateway/ports.ts";
import type { FileReader, SignInPages } from "../gateway/web-ports.ts";
import { createHealth, type HealthChecks } from "./health.ts";
import type { Links } from "./links.ts";
import { createMedia } from "./media.ts";
import type { Mounts } from "./mounts.ts";
import { createSignIn } from "./sign-in.ts";
import { pagePolicy } from "./sign-in-html.ts";

export interface WebOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly links: Links;
  readonly mounts: Mounts;
  readonly files: FileReader;
  readonly pages: SignInPages;
  /** What the public calls this server; ends in "/". */
  readonly publicUrl: string;
  readonly health: HealthChecks;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where the defaults are not wanted. */
  readonly limits?: Partial<WebLimits>;
}

export interface WebLimits {
  readonly connections: number;
  /** Bytes of all headers of a request. */
  readonly headerBytes: number;
  /** Milliseconds for the head, for the whole request, and without a byte either way. */
  readonly headTimeout: number;
  readonly requestTimeout: number;
  readonly idleTimeout: number;
  /** Milliseconds between two answers on one connection. */
  readonly keepAlive: number;
}

const defaults: WebLimits = {
  connections: 1_000,
  headerBytes: 16 * 1024,
  headTimeout: 10_000,
  requestTimeout: 60_000,
  idleTimeout: 60_000,
  keepAlive: 30_000,
};

/** Milliseconds for answers under way when the server stops. */
const farewell = 3_000;

export interface WebServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Resolves when it listens. Rejects with a sentence for the operator. */
export async function startWeb(options: WebOptions): Promise<WebServer> {
  const limits = { ...defaults, ...options.limits };
  const app = routes(options);
  const answer = async (request: Request, { outgoing }: { readonly outgoing: { destroy(): unknown } }) =>
    guarded(await app.fetch(request), guardsOf(request), (error) => {
      options.log.warn({ err: error }, "an answer broke off");
      outgoing.destroy();
    });
  // For HTTP/1.0, which has no Host header; nothing is made of the name.
  const listener = getRequestListener(answer, { hostname: "localhost", overrideGlobalObjects: false });
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headTimeout,
      requestTimeout: limits.requestTimeout,
      keepAliveTimeout: limits.keepAlive,
      connectionsCheckingInterval: Math.min(2_000, limits.headTimeout),
    },
    (request, response) => {
      // Writing to a connection that was cut is no news: there is nobody left to tell.
      response.on("error", () => {});
      void listener(request, response);
    },
  );
  server.maxConnections = limits.connections;
  server.timeout = limits.idleTimeout;
  await listen(server, options);
  return { port: (server.address() as AddressInfo).port, stop: () => stop(server, options.clock) };
}

/** On all answers but our own pages, whoever gave them: a browser that opens one runs nothing. */
const guards: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Pages of ours, which have forms. Their origin is told to ourselves and to nobody else. */
const pageGuards: Readonly<Record<string, string>> = {
  ...guards,
  "content-security-policy": pagePolicy,
  "referrer-policy": "same-origin",
};

const guardsOf = ({ url }: Request) => (new URL(url).pathname.startsWith("/sign-in/") ? pageGuards : guards);

function guarded(answer: Response, guards: Readonly<Record<string, string>>, cut: (error: unknown) => void): Response {
  const headers = new Headers(answer.headers);
  for (const [name, value] of Object.entries(guards)) headers.set(name, value);
  const body = answer.body === null ? null : withoutErrors(answer.body, cut);
  return new Response(body, { status: answer.status, headers });
}

/** node-server would write an error's message into the answer. A connection that is cut says all there is to say. */
function withoutErrors(body: ReadableStream<Uint8Array>, cut: (error: unknown) => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        cut(error);
        controller.close();
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

function routes(options: WebOptions): Hono {
  const { mounts, log } = options;
  const media = createMedia(options);
  const health = createHealth(options.health, options.clock);
  const signIn = createSignIn(options);
  const app = new Hono();
  app.get("/health", () => health());
  app.get("/files/:token/:name", async (context) => {
    return (await media(context.req.param("token"), context.req.raw)) ?? context.notFound();
  });
  app.get("/sign-in/return", (context) => signIn.comeBack(context));
  app.get("/sign-in/:token", (context) => signIn.show(context, context.req.param("token")));
  app.post("/sign-in/:token", (context) => signIn.submit(context, context.req.param("token")));
  app.all("/bridges/:name/*", async (context) => {
    const { pathname, search } = new URL(context.req.url);
    const name = context.req.param("name");
    const path = pathname.slice("/bridges/".length + name.length);
    return (await mounts.handle(name, path, search, context.req.raw)) ?? context.notFound();
  });
  app.notFound(() => new Response("not found\n", { status: 404 }));
  app.onError((error) => {
    log.error({ err: error }, "a web request failed");
    return new Response("error\n", { status: 500 });
  });
  return app;
}

function listen(server: Server, { host, port }: WebOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) =>
      reject(new Error(`web.listen: cannot listen on ${host}:${port}: ${cause.code ?? cause.message}`, { cause })),
    );
    server.listen(port, host, resolve);
  });
}

function stop(server: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => server.closeAllConnections(), farewell);
    server.close(() => {
      clock.clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
