// A TCP proxy on 127.0.0.1 that does to a connection what networks do: slices, delays, silence, resets.
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type CutOptions, type CutRule, createCutRule, type Direction } from "./proxy-cut.ts";
import { type Faults, pipe } from "./proxy-pipe.ts";

export interface ProxyOptions {
  /** A port of 127.0.0.1. */
  readonly target: number;
}

export interface ProxyStats {
  /** Connections accepted so far. */
  readonly accepted: number;
  readonly open: number;
  /** Bytes forwarded from clients to the target. */
  readonly up: number;
  readonly down: number;
}

export interface Proxy {
  readonly port: number;
  readonly stats: ProxyStats;
  /** Forwards in segments of `from` to `to` bytes (default 1 to 7), each with a write of its own and TCP_NODELAY. */
  slice(from?: number, to?: number): void;
  /** Latency, each way, for what comes from now on. */
  delay(ms: number): void;
  /**
   * Nothing passes any more, in either direction, neither bytes nor ends of connections; both sides believe that the
   * other is there. New connections are accepted and hang as well, unless `existingOnly`: then they work, which leaves
   * a half-open old one beside a fresh one.
   */
  blackhole(options?: { readonly existingOnly?: boolean }): void;
  /** Ends blackhole, slice, delay and refuse. What was held back is forwarded, in order. */
  heal(): void;
  /** New connections are reset at once. */
  refuse(): void;
  /** RST on both sides of every connection. */
  cut(): void;
  /**
   * Cuts the connection on which, from now on, these bytes pass (a number: after so many bytes that way, over all
   * connections). The receiver still gets everything up to and including them, then the end of the stream; the sender
   * gets RST. Once; resolves when it happened.
   */
  cutAfter(what: string | Uint8Array | number, direction: Direction, options?: CutOptions): Promise<void>;
  /** Cuts everything and closes the port. */
  stop(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export async function startProxy({ target }: ProxyOptions): Promise<Proxy> {
  const pairs = new Set<Pair>();
  const rules = new Set<CutRule>();
  const faults: Faults = { slice: undefined, delayMs: 0, rules };
  const counts = { accepted: 0, up: 0, down: 0 };
  let refusing = false;
  let holdNew = false;
  const releases = new Set<() => void>();
  const held = new Map<Socket, Promise<void>>();

  const hold = (client: Socket): void => {
    if (held.has(client)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    held.set(client, promise);
    releases.add(() => {
      held.delete(client);
      resolve();
    });
  };

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (refusing) return void client.resetAndDestroy();
    counts.accepted++;
    if (holdNew) hold(client);
    const server = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const pair = { client, server };
    pairs.add(pair);
    const gate = (): Promise<void> | undefined => held.get(client);
    pipe({ from: client, to: server, direction: "up", gate, faults, count: (bytes) => (counts.up += bytes) });
    pipe({ from: server, to: client, direction: "down", gate, faults, count: (bytes) => (counts.down += bytes) });
    const closed = (): void => {
      if (client.destroyed && server.destroyed) pairs.delete(pair);
    };
    client.once("close", closed);
    server.once("close", closed);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(0, "127.0.0.1", resolve);
  });
  const { port } = listener.address() as AddressInfo;

  const release = (): void => {
    holdNew = false;
    for (const free of releases) free();
    releases.clear();
  };
  const cut = (): void => {
    for (const { client, server } of pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  };
  return {
    port,
    get stats() {
      return { ...counts, open: pairs.size };
    },
    slice: (from = 1, to = 7) => {
      faults.slice = [from, to];
    },
    delay: (ms) => {
      faults.delayMs = ms;
    },
    blackhole: ({ existingOnly = false } = {}) => {
      holdNew = !existingOnly;
      for (const { client } of pairs) hold(client);
    },
    heal: () => {
      faults.slice = undefined;
      faults.delayMs = 0;
      refusing = false;
      release();
    },
    refuse: () => {
      refusing = true;
    },
    cut,
    cutAfter: (what, direction, options) => {
      const { rule, done } = createCutRule(what, direction, options);
      rules.add(rule);
      return done.finally(() => rules.delete(rule));
    },
    stop: async () => {
      cut();
      release();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}
