// The system calls of a gateway, as strace saw them.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const program = "/usr/bin/strace";

/** Why nothing can be traced here; undefined: it can. */
export function tracingRefused(): string | undefined {
  const { status, error, stderr } = spawnSync(program, ["-o", "/dev/null", "true"], {
    encoding: "utf8",
    timeout: 10_000,
  });
  if (error) return `strace is not there: ${error.message}`;
  return status === 0 ? undefined : `ptrace is not permitted: ${stderr.trim()}`;
}

export interface SystemCall {
  readonly name: string;
  /** The file descriptor it is about. */
  readonly fd: number;
  /** The data, as strace escapes it. */
  readonly data: string;
  /** Places in the order of all events: a call that was interrupted by others begins before it ends. */
  readonly begun: number;
  readonly ended: number;
}

export interface Trace {
  /** Detaches and returns what was seen. */
  stop(): Promise<readonly SystemCall[]>;
}

/** Attaches to a process and all its threads. Resolves when it watches. */
export async function startTrace(pid: number, calls: readonly string[]): Promise<Trace> {
  const dir = mkdtempSync(join(tmpdir(), "viaduct-strace-"));
  const file = join(dir, "trace");
  const args = [
    "-f",
    "-s",
    "9000",
    "-e",
    `trace=${calls.join(",")}`,
    "-e",
    "signal=none",
    "-o",
    file,
    "-p",
    String(pid),
  ];
  const tracer = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  await attached(tracer);
  return {
    async stop() {
      const gone = new Promise<void>((resolve) => tracer.once("exit", () => resolve()));
      tracer.kill("SIGINT");
      await gone;
      const seen = parseTrace(readFileSync(file, "utf8"));
      rmSync(dir, { recursive: true, force: true });
      return seen;
    },
  };
}

async function attached(tracer: ChildProcess): Promise<void> {
  let said = "";
  tracer.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(20)) {
    if (/attached/.test(said)) return;
    if (tracer.exitCode !== null) break;
  }
  tracer.kill("SIGKILL");
  throw new Error(`strace did not attach: ${said}`);
}

/** Lines are "TID name(fd, "data", ...) = result"; a call that others interrupted stands on two of them. */
export function parseTrace(text: string): SystemCall[] {
  const open = new Map<string, Omit<SystemCall, "ended">>();
  const calls: SystemCall[] = [];
  text.split("\n").forEach((line, place) => {
    const begin = /^(\d+) +(\w+)\((\d+)(?:, (.*))?/.exec(line);
    if (begin) {
      const [, thread = "", name = "", fd = "", data = ""] = begin;
      const call = { name, fd: Number(fd), data, begun: place };
      if (line.endsWith("<unfinished ...>")) open.set(`${thread} ${name}`, call);
      else calls.push({ ...call, ended: place });
      return;
    }
    const resumed = /^(\d+) +<\.\.\. (\w+) resumed>(.*)/.exec(line);
    if (!resumed) return;
    const [, thread = "", name = "", data = ""] = resumed;
    const call = open.get(`${thread} ${name}`);
    open.delete(`${thread} ${name}`);
    // What a read got stands where it ended.
    if (call) calls.push({ ...call, data: call.data + data, ended: place });
  });
  return calls.toSorted((one, other) => one.ended - other.ended);
}
