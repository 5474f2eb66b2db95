// Free ports, and waiting until somebody listens.
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * `count` free ports of 127.0.0.1, each proved by binding it. Not port 0 of the kernel: its numbers come from the range
 * of outgoing connections, so while a server is down for a restart test one of those could take its port, and a client
 * that retries can even connect to itself (a TCP simultaneous open).
 */
export async function freePorts(count: number): Promise<number[]> {
  const ceiling = lowestOutgoingPort();
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 10_000) throw new Error("no free port on 127.0.0.1");
    const port = 10_000 + Math.floor(Math.random() * (ceiling - 10_000));
    if (await canBind(port)) found.add(port);
  }
  return [...found];
}

function lowestOutgoingPort(): number {
  const range = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
  const lowest = Number(range.split(/\s+/)[0]);
  return lowest > 12_000 ? lowest : 32_768;
}

function canBind(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Whether somebody accepts connections there. */
export function isListening(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  }).then((open) => {
    socket.destroy();
    return open === true;
  });
}

/** Resolves when every port listens; throws what `failed` returns as soon as it returns something. */
export async function waitForPorts(
  ports: readonly number[],
  options: { readonly timeoutMs: number; readonly failed: () => string | undefined },
): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  for (const port of ports) {
    while (!(await isListening(port))) {
      const reason = options.failed();
      if (reason !== undefined) throw new Error(reason);
      if (Date.now() > deadline) throw new Error(`nothing listens on port ${port} after ${options.timeoutMs} ms`);
      await sleep(10);
    }
  }
}

/** Resolves when the ports can be bound again; throws after 5 s. */
export async function waitUntilFree(ports: readonly number[]): Promise<void> {
  const deadline = Date.now() + 5000;
  for (const port of ports) {
    while (!(await canBind(port))) {
      if (Date.now() > deadline) throw new Error(`port ${port} is still taken`);
      await sleep(5);
    }
  }
}
