// What `viaduct check` tries beyond reading: that which stops a run, or keeps it from being of use, on this machine.
import { statfsSync } from "node:fs";
import { createServer } from "node:net";
import type { AnyBridge } from "#bridge";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { databaseIn, existingFolder } from "./store/preflight.ts";
import { isInUse } from "./store/sqlite.ts";
import { tryComponent } from "./xmpp/component-trial.ts";

export interface Trials {
  /** One sentence each, saying what to do. */
  readonly problems: readonly string[];
  /** The gateway runs on this database: its ports and its streams are its own, and were left alone. */
  readonly running: boolean;
}

/** Opens the ports and streams of a run and closes them again; changes nothing. Some seconds where nobody answers. */
export async function tryRun(config: Config, bridges: Readonly<Record<string, AnyBridge>>): Promise<Trials> {
  const running = isInUse(databaseIn(config.store));
  if (running) return { problems: roomProblems(config), running };
  const tried = await Promise.all([
    ...portsOf(config, bridges).map(tryPort),
    ...config.bridges.map(({ jid, secret, server }) =>
      tryComponent({ jid, secret, host: server.host, port: server.port, clock: systemClock }),
    ),
  ]);
  return { problems: [...roomProblems(config), ...tried.filter((problem) => problem !== undefined)], running };
}

/** The gateway would start, and take nothing new. */
function roomProblems({ store, limits }: Config): string[] {
  const { bavail, bsize } = statfsSync(existingFolder(store.path));
  const free = bavail * bsize;
  if (free >= limits.minFreeDisk) return [];
  const mib = (bytes: number): string => `${Math.floor(bytes / 1024 ** 2)} MiB`;
  return [
    `the disk of ${store.path} has ${mib(free)} free, and nothing new is taken below limits.minFreeDisk (${mib(limits.minFreeDisk)}): make room, or set less.`,
  ];
}

interface Port {
  /** The option that names it. */
  readonly option: string;
  readonly host: string;
  readonly port: number;
}

function portsOf(config: Config, bridges: Readonly<Record<string, AnyBridge>>): Port[] {
  const ofBridges = config.bridges.flatMap(({ name, options }) =>
    (bridges[name]?.listens?.(options) ?? []).map((at) => ({ ...at, option: `bridges.${name}.${at.option}` })),
  );
  return config.web === undefined ? ofBridges : [{ ...config.web.listen, option: "web.listen" }, ...ofBridges];
}

const advice: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program has this port: stop it, or name another port",
  EACCES: "this user may not have this port: name one above 1023",
  EADDRNOTAVAIL: "this machine does not have this address: name another one",
};

function tryPort({ option, host, port }: Port): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", ({ code = "unknown", message }: NodeJS.ErrnoException) =>
      resolve(`${option}: cannot listen on ${host}:${port} (${code}): ${advice[code] ?? message}.`),
    );
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}
