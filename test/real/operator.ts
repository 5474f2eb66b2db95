// The command `viaduct` as an operator runs it: a process of its own, from the sources.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { until } from "./stage.ts";

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Command {
  readonly pid: number;
  /** What it logged so far. */
  out(): string;
  running(): boolean;
  /** Resolves when it has logged this. */
  logs(text: string, timeoutMs?: number): Promise<void>;
  ended: Promise<Ended>;
  /** SIGTERM. */
  stop(): Promise<Ended>;
}

export interface CommandOptions {
  /**
   * Take from root what lets it read and write everything, so that permissions of files count. (Another user could not
   * even read the sources below /root.)
   */
  readonly asMortal?: boolean;
}

const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

export function viaduct(args: readonly string[], { asMortal = false }: CommandOptions = {}): Command {
  const mortal = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
  const [program = "", ...rest] = [...(asMortal ? mortal : []), process.execPath, cli, ...args];
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env["PATH"] ?? "" } });
  alive.add(child);
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (err += chunk));
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code) => {
      alive.delete(child);
      resolve({ code, out, err });
    });
  });
  return {
    pid: child.pid ?? 0,
    out: () => out,
    running: () => alive.has(child),
    async logs(text, timeoutMs = 20_000) {
      const said = () => out.includes(text);
      await until(`the log says "${text}"`, () => said() || !alive.has(child), timeoutMs).catch((cause: unknown) => {
        throw new Error(`${String(cause)}\n${out}${err}`, { cause });
      });
      if (!said()) throw new Error(`viaduct ended before it said "${text}":\n${out}${err}`);
    },
    ended,
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

export interface OperatorPorts {
  readonly component: number;
  readonly imap: number;
  readonly submission: number;
  readonly smarthost: number;
  readonly lmtp: number;
}

/** viaduct.yaml with both modes. The data lie in "data" beside it unless `store` says otherwise. */
export function configuration(ports: OperatorPorts, store: object = {}): string {
  const server = (port: number) => ({ host: "127.0.0.1", port, security: "none" });
  return stringify({
    xmpp: { server: `127.0.0.1:${ports.component}`, domain: "localhost" },
    store,
    limits: { minFreeDisk: "1 MiB" },
    bridges: {
      email: {
        jid: "email.localhost",
        secret: "secret",
        accounts: { servers: { "example.org": { imap: server(ports.imap), smtp: server(ports.submission) } } },
        domain: {
          name: "mail.localhost",
          users: "localhost",
          lmtp: `127.0.0.1:${ports.lmtp}`,
          smarthost: server(ports.smarthost),
        },
      },
    },
  });
}
