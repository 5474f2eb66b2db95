// Web servers on loopback that the guarded fetch is pointed at: what they were asked, and scripted answers.
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { createGuardedFetch, type GuardedFetchOptions } from "../../src/net/guarded-fetch.ts";
import { makeCertificate } from "../lab/certificate.ts";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface WebServer {
  readonly port: number;
  readonly asked: Asked[];
  /** How many connections were opened. */
  connections(): number;
}

export type Answer = (request: Asked, response: ServerResponse) => void;

/** Listens on 127.0.0.1 until the test ends. */
export async function startServer(answer: Answer, tls?: { cert: string; key: string }): Promise<WebServer> {
  const asked: Asked[] = [];
  let connections = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "", url = "", headers } = request;
    const one = { method, path: url, headers, body: Buffer.concat(chunks).toString() };
    asked.push(one);
    answer(one, response);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => void handle(request, response);
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, asked, connections: () => connections };
}

/** A certificate for web.test and everything below it. */
export async function certificate(): Promise<{ cert: string; key: string }> {
  const folder = await mkdtemp(join(tmpdir(), "viaduct-net-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { certFile, keyFile } = await makeCertificate(folder, "web.test");
  return { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
}

/** Every name is 127.0.0.1, unless told otherwise. */
export function fetchWith(options: Partial<GuardedFetchOptions> = {}) {
  const net = createGuardedFetch({ allow: [], timers: systemClock, resolve: async () => ["127.0.0.1"], ...options });
  onTestFinished(() => net.close());
  return net.fetch;
}
