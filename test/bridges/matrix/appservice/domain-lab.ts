// Domain mode on a real Synapse: the core's side in memory, and a web server around the bridge's handler whose answers a
// test can lose.
import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { parse } from "yaml";
import type { DomainOptions } from "../../../../bridges/matrix/appservice/options.ts";
import { registrationYaml } from "../../../../bridges/matrix/appservice/registration.ts";
import { createMatrixBridge } from "../../../../bridges/matrix/index.ts";
import { type MatrixOptions, matrixOptions } from "../../../../bridges/matrix/options.ts";
import { MemoryRecords, noGroupChats, plainFetch } from "../../../../src/bridge/harness.ts";
import type {
  Hint,
  HttpHandler,
  Incoming,
  IncomingMessage,
  LiveSession,
  Logger,
  RecordChanges,
  Service,
  ServiceHost,
  UserProfile,
} from "../../../../src/bridge/index.ts";
import { freePorts } from "../../../lab/ports.ts";
import { type AppserviceRegistration, startSynapse, type Synapse, type SynapseOptions } from "../../../lab/synapse.ts";
import { waitFor } from "../matrix-lab.ts";

const asToken = "gateway-to-homeserver-".padEnd(40, "a");
export const hsToken = "homeserver-to-gateway-".padEnd(40, "h");

export function domainOptions(homeserver: string, url: string, more: Partial<DomainOptions> = {}): MatrixOptions {
  const domain = { homeserver, url, serverName: "matrix.test", users: "xmpp.test", asToken, hsToken, ...more };
  return matrixOptions.parse({ domain });
}

export const ghost = (name: string): string => `@_xmpp_${name}=40xmpp.test:matrix.test`;
export const bot = "@_xmpp_bot:matrix.test";

/** What the core keeps over a restart of the gateway. */
export class Disk {
  readonly records = new MemoryRecords();
  readonly accounts = new Map<string, { readonly id: number; readonly user: string; readonly self: string }>();
  /** By account. */
  readonly events = new Map<number, Incoming[]>();
  readonly #seen = new Set<string>();
  /** While set, nothing can be stored. */
  full = false;
  commits = 0;
  /** What users show of themselves on XMPP. */
  readonly profiles = new Map<string, UserProfile>();
  /** Users who may not use the bridge. */
  readonly refused = new Set<string>();

  async commit(parcels: readonly { account: number; events: readonly Incoming[] }[], records?: RecordChanges) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (this.full) throw new Error("the disk is full");
    this.commits += 1;
    for (const { account, events } of parcels) {
      const list = this.events.get(account) ?? [];
      this.events.set(account, list);
      for (const event of events) {
        const mark = JSON.stringify([account, event.type, event.id]);
        if (!this.#seen.has(mark)) list.push(event);
        this.#seen.add(mark);
      }
    }
    await this.records.save(records ?? new Map());
  }
}

export interface Gateway {
  readonly disk: Disk;
  readonly service: Service;
  readonly hints: readonly Hint[];
  readonly log: readonly string[];
  /** The account's session, started when it is first asked for. */
  session(user: string): Promise<LiveSession>;
  eventsOf(user: string): readonly Incoming[];
  messagesOf(user: string): readonly IncomingMessage[];
  until(user: string, matches: (event: Incoming) => boolean, what: string): Promise<Incoming>;
  message(user: string, text: string): Promise<IncomingMessage>;
  stop(): Promise<void>;
}

/** The gateway with domain mode only; `web` is where its handler hangs. */
export async function startGateway(options: MatrixOptions, web: Web, disk = new Disk()): Promise<Gateway> {
  const bridge = createMatrixBridge();
  const abort = new AbortController();
  const hints: Hint[] = [];
  const lines: string[] = [];
  const sessions = new Map<string, LiveSession>();
  const log = recordingLog(lines);
  let service: Service | undefined;

  async function enrol(user: string) {
    const self = service?.addressOf(user);
    if (self === undefined || disk.refused.has(user)) return undefined;
    const known = [...disk.accounts.values()].find((one) => one.user === user);
    const account = known ?? { id: disk.accounts.size + 1, user, self };
    disk.accounts.set(self, account);
    await session(user);
    return account;
  }
  async function session(user: string): Promise<LiveSession> {
    const known = sessions.get(user);
    if (known !== undefined) return known;
    const account = [...disk.accounts.values()].find((one) => one.user === user);
    if (account === undefined || service === undefined) {
      await enrol(user);
      return session(user);
    }
    const started = await service.connect(account, {
      cursor: undefined,
      log,
      signal: abort.signal,
      records: new MemoryRecords(),
      fetch: plainFetch,
      deliver: (events) => disk.commit([{ account: account.id, events }]),
      hint: (hint) => void hints.push(hint),
      status() {},
      notice: async () => {},
    });
    sessions.set(user, started);
    return started;
  }

  const host: ServiceHost<MatrixOptions> = {
    options,
    log,
    signal: abort.signal,
    findAccount: async (self) => disk.accounts.get(self),
    enrol,
    profileOf: async (user) => disk.profiles.get(user) ?? {},
    deliver: (account, events) => disk.commit([{ account, events }]),
    deliverAll: (parcels, records) => disk.commit(parcels, records),
    groupChats: noGroupChats,
    records: disk.records,
    fetch: plainFetch,
    mount(handler) {
      web.handler = handler;
      return new URL(`${web.url}/`);
    },
  };
  service = await bridge.serve?.(host);
  if (service === undefined) throw new Error("the options ask for domain mode");
  const running = service;
  const eventsOf = (user: string): readonly Incoming[] => {
    const account = [...disk.accounts.values()].find((one) => one.user === user);
    return disk.events.get(account?.id ?? 0) ?? [];
  };
  const until = (user: string, matches: (event: Incoming) => boolean, what: string): Promise<Incoming> =>
    waitFor(
      () => eventsOf(user).find(matches),
      what,
      () => `${JSON.stringify(eventsOf(user).slice(-10))}\n${lines.slice(-10).join("\n")}`,
    );
  return {
    disk,
    service,
    hints,
    log: lines,
    session,
    eventsOf,
    messagesOf: (user) => eventsOf(user).filter((event) => event.type === "message"),
    until,
    message: async (user, text) =>
      (await until(user, (event) => event.type === "message" && event.text === text, text)) as IncomingMessage,
    async stop() {
      await running.close();
      abort.abort();
      for (const one of sessions.values()) await one.close();
    },
  };
}

function recordingLog(lines: string[]): Logger {
  const at = (level: string) => (fields: object, message: string) => {
    const { err } = fields as { err?: unknown };
    lines.push(`${level} ${message} ${err instanceof Error ? `${err.message} ${String(err.cause ?? "")}` : ""}`);
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export interface Web {
  readonly url: string;
  readonly port: number;
  handler: HttpHandler | undefined;
  /** "lose": the handler did its work, but its answer does not arrive. "cut": not even the request does. */
  script: ((method: string, path: string) => "lose" | "cut" | undefined) | undefined;
  /** Bodies of the transactions that came, with their ids. */
  readonly transactions: { readonly id: string; readonly body: string }[];
  stop(): Promise<void>;
}

/** Listens where the registration says that the gateway is. */
export async function startWeb(): Promise<Web> {
  const [port = 0] = await freePorts(1);
  const web: Web = {
    url: `http://127.0.0.1:${port}`,
    port,
    handler: undefined,
    script: undefined,
    transactions: [],
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server: Server = createServer((incoming, outgoing) => {
    const { method = "", url = "" } = incoming;
    const scripted = web.script?.(method, url);
    const { handler } = web;
    if (scripted === "cut" || handler === undefined) return void incoming.socket.destroy();
    void getRequestListener(async (request) => {
      const copy = request.method === "PUT" ? request.clone() : undefined;
      const answer = await handler(request);
      // A request that is refused may never be sent to its end.
      if (copy && answer.ok) web.transactions.push({ id: url.split("/").at(-1) ?? "", body: await copy.text() });
      if (scripted === "lose") incoming.socket.destroy();
      return answer;
    })(incoming, outgoing);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return web;
}

export function registrationFor(options: MatrixOptions): AppserviceRegistration {
  const { domain } = options;
  if (domain === undefined) throw new Error("no domain mode");
  return parse(registrationYaml(domain, { asToken, hsToken }, domain.url ?? "")) as AppserviceRegistration;
}

export function startDomainSynapse(web: Web, more: SynapseOptions = {}): Promise<Synapse> {
  const appservice = registrationFor(domainOptions("http://127.0.0.1:1", web.url));
  return startSynapse({ users: { bob: "secret", carol: "secret" }, appservice, ...more });
}
