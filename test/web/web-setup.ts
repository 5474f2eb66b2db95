// The web server on a free port, with a network whose files the test makes up.
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { onTestFinished } from "vitest";
import { BridgeError, type FileContent, type FileRange, type Json, type LiveSession } from "#bridge";
import { createFileReader } from "../../src/gateway/files.ts";
import type { Store } from "../../src/gateway/ports.ts";
import type { SignInPages } from "../../src/gateway/web-ports.ts";
import type { HealthChecks } from "../../src/web/health.ts";
import { createLinks } from "../../src/web/links.ts";
import { createMounts } from "../../src/web/mounts.ts";
import { startWeb, type WebLimits } from "../../src/web/server.ts";
import { systemClock } from "../../src/clock.ts";
import { createLog } from "../gateway/setup.ts";
import { incomingFiles, original } from "../kit/rows.ts";
import { openTestStore, seedAccounts, testKey } from "../store/open-store.ts";

export const publicUrl = "https://files.example.org/gateway/";
export const lifetime = 3_600_000;

/** What the network has under a source, and what it was asked for. */
export interface Files {
  open(source: Json, range: FileRange | undefined, signal: AbortSignal): Promise<FileContent>;
}

export const bytes = (text: string): ReadableStream<Uint8Array> => new Blob([text]).stream();

/** A text file that can be read in ranges. */
export const textFile = (text: string, type = "image/png"): Files => ({
  async open(_, range) {
    if (range === undefined) return { type, size: text.length, body: bytes(text) };
    const end = Math.min(range.end ?? text.length - 1, text.length - 1);
    return {
      type,
      size: text.length,
      range: { start: range.start, end },
      body: bytes(text.slice(range.start, end + 1)),
    };
  },
});

export interface Web {
  readonly port: number;
  readonly store: Store;
  readonly log: ReturnType<typeof createLog>;
  readonly mounts: ReturnType<typeof createMounts>;
  /** A message with one file comes in for the account; returns the path of its link. */
  share(name?: string, account?: number): Promise<string>;
  /** The same for bytes of the network's that are kept, of which the file is what follows the first `skip`. */
  shareStored(bytes: string, skip: number): Promise<string>;
  get(path: string, headers?: Record<string, string>, method?: string): Promise<Got>;
}

export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface WebSetup {
  /** Undefined: the account is not connected. */
  readonly files?: Files | undefined;
  readonly health?: HealthChecks;
  readonly pages?: SignInPages;
  readonly limits?: Partial<WebLimits>;
  /** Of one body for a bridge. */
  readonly bodyBytes?: number;
  /** Milliseconds by which the links' lifetime has passed. */
  readonly late?: number;
}

const healthy: HealthChecks = {
  links: () => ({ toy: true }),
  store: async () => ({ outgoing: 0, incoming: 0, intake: 0 }),
};

const noPages: SignInPages = {
  look: () => undefined,
  claim: () => false,
  answer: async () => undefined,
  comeBack: async () => undefined,
};

export async function startWebServer({
  files,
  health = healthy,
  pages = noPages,
  limits = {},
  bodyBytes,
  late = 0,
}: WebSetup = {}): Promise<Web> {
  const store = await openTestStore({ clock: systemClock, fileLifetime: lifetime });
  await seedAccounts(store, 2);
  const log = createLog();
  const clock = { ...systemClock, now: () => Date.now() + late };
  const session = files && ({ openFile: files.open.bind(files) } as Partial<LiveSession> as LiveSession);
  const links = createLinks({ publicUrl, key: testKey, lifetime });
  const mounts = createMounts({ publicUrl, clock, log, ...(bodyBytes === undefined ? {} : { bodyBytes }) });
  const reader = createFileReader({
    store: store.files,
    raw: store.lanes.raw,
    fileIn: async (_, raw, skip) =>
      Number(skip) > raw.length ? undefined : { type: "text/plain", bytes: raw.subarray(Number(skip)) },
    sessionOf: () => session,
  });
  const server = await startWeb({
    host: "127.0.0.1",
    port: 0,
    links,
    mounts,
    files: reader,
    pages,
    publicUrl,
    health,
    clock,
    log,
    limits,
  });
  onTestFinished(async () => {
    await server.stop();
    await store.close();
  });
  const { port } = server;
  const pathOf = (row: { readonly key: string }, createdAt: number, name: string) =>
    new URL(links.link({ key: row.key, createdAt }, 0, name) ?? "").pathname.slice("/gateway".length);
  return {
    port,
    store,
    log,
    mounts,
    async share(name = "cat.png", account = 1) {
      const row = incomingFiles([{ name, type: "image/png", source: { id: name } }], { account });
      const [stored] = await store.lanes.deliver(account, [{ row }]);
      return pathOf(row, stored?.createdAt ?? 0, name);
    },
    async shareStored(text, skip) {
      const [intake] = await store.lanes.deliver(1, [original(text, { raw: Buffer.from(text) })]);
      const row = incomingFiles([{ name: "note.txt", type: "text/plain", source: skip }]);
      const [stored] = await store.lanes.deliver(1, [{ row }], { settle: { id: intake?.id ?? 0, state: "done" } });
      return pathOf(row, stored?.createdAt ?? 0, "note.txt");
    },
    get: (path, headers = {}, method = "GET") => get(port, path, headers, method),
  };
}

async function get(port: number, path: string, headers: Record<string, string>, method: string): Promise<Got> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ port, host: "127.0.0.1", path, headers, method, agent: false }, resolve).on("error", reject).end();
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() };
}

export const missing: Files = {
  async open() {
    throw new BridgeError("reject", "It is not there.", { condition: "item-not-found" });
  },
};
