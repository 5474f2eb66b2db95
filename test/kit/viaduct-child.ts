// Starts viaduct-process.ts and talks to it.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Stats {
  readonly cpuMs: number;
  readonly rssMb: number;
  readonly links: readonly string[];
  readonly loaded: number;
  /** Accounts that are signed in on their network. */
  readonly online: number;
}

export interface ViaductChild {
  readonly pid: number;
  /** Milliseconds from the call of `run` until the gateway accepted. */
  readonly startMs: number;
  stats(): Promise<Stats>;
  /** Resolves when every component's link is up. */
  up(timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** What it logged, JSON lines. */
  readonly output: () => string;
}

export interface ChildOptions {
  readonly config: string;
  readonly bridges?: "echo" | "email";
  /** "point:hit", see src/gateway/faults.ts. */
  readonly crash?: string;
  readonly log?: "debug" | "info" | "warn" | "error";
  readonly execArgv?: readonly string[];
  /** A folder of `builtFolder`: run that instead of the sources. Default: VIADUCT_BUILT. */
  readonly built?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Resolves when it accepts; rejects with its output when it ends before that. */
export async function startChild(options: ChildOptions): Promise<ViaductChild> {
  const built = options.built ?? process.env.VIADUCT_BUILT;
  const path = built
    ? join(built, "test/kit/viaduct-process.js")
    : fileURLToPath(new URL("./viaduct-process.ts", import.meta.url));
  const child = fork(path, [options.config, options.bridges ?? "email"], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // As the command starts itself (src/cli.ts).
    execArgv: ["--max-semi-space-size=8", ...(options.execArgv ?? [])],
    env: {
      ...process.env,
      ...options.env,
      ...(options.crash ? { VIADUCT_CRASH: options.crash } : {}),
      ...(options.log ? { VIADUCT_TEST_LOG: options.log } : {}),
    },
  });
  alive.add(child);
  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-2_000_000);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => {
      alive.delete(child);
      resolve({ code, signal });
    });
  });
  const ready = await Promise.race([
    once(child, "message").then(([message]) => message as { startMs: number }),
    exited.then(({ code, signal }) => {
      throw new Error(`viaduct ended before it was ready (${code ?? signal}):\n${output}`);
    }),
  ]);
  const stats = async (): Promise<Stats> => {
    const answer = once(child, "message").then(([message]) => message as Stats);
    // A child that dies this moment still looks connected: then sending fails, or nobody answers.
    const sent = new Promise<boolean>((resolve) => {
      if (child.connected) child.send("stats", (error) => resolve(error === null));
      else resolve(false);
    });
    const gone = exited.then(({ code, signal }) => {
      throw new Error(`viaduct is gone (${code ?? signal})`);
    });
    gone.catch(() => undefined); // heard of below, perhaps later
    return (await sent) ? Promise.race([answer, gone]) : gone;
  };
  return {
    pid: child.pid ?? 0,
    startMs: ready.startMs,
    stats,
    async up(timeoutMs = 20_000) {
      const deadline = Date.now() + timeoutMs;
      while (!(await stats()).links.every((state) => state === "up")) {
        if (Date.now() > deadline) throw new Error(`the links are not up:\n${output.slice(-4_000)}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async stop() {
      if (child.connected) child.send("stop");
      await exited;
    },
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    exited,
    output: () => output,
  };
}
