// One server process of the lab: started in the foreground, ready when its ports listen, ended by its pid.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { waitForPorts, waitUntilFree } from "./ports.ts";

export interface DaemonOptions {
  /** For error messages. */
  readonly name: string;
  readonly folder: Folder;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The server is up when all of them accept connections. */
  readonly ports: readonly number[];
  /** Printed when it does not come up. */
  readonly logs: readonly string[];
  readonly readyMs?: number;
  readonly stopMs?: number;
}

/** What every server of the lab can do. `stop` and `kill` both leave the ports free. */
export interface Lifecycle {
  /** Process id; 0 while it does not run. */
  readonly pid: number;
  readonly dir: string;
  /** Ends it in order and removes its folder (`keep: true`: leaves the data for a later `start`). */
  stop(options?: { readonly keep?: boolean }): Promise<void>;
  /** SIGKILL to it and its children, as a crash would. The data stays for `start`. */
  kill(): Promise<void>;
  /** Starts it again with the same ports and data. */
  start(): Promise<void>;
  /** SIGSTOP: connections stay open and nobody answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
}

/** Where a server keeps everything it has. */
export interface Folder {
  readonly path: string;
  /** Made by us, so removed by us. */
  readonly temporary: boolean;
}

/** A new temporary folder, or the given one. Other users may walk in: Dovecot and Postfix change theirs. */
export async function makeFolder(name: string, dir: string | undefined): Promise<Folder> {
  if (dir !== undefined) await mkdir(dir, { recursive: true });
  const path = dir ?? (await mkdtemp(join(tmpdir(), `viaduct-${name}-`)));
  await chmod(path, 0o755);
  return { path, temporary: dir === undefined };
}

/** Starts the server and returns when it listens. */
export async function startDaemon(options: DaemonOptions): Promise<Lifecycle> {
  const daemon = new Daemon(options);
  await daemon.start();
  return daemon;
}

class Daemon implements Lifecycle {
  readonly dir: string;
  readonly #options: DaemonOptions;
  #child: ChildProcess | undefined;
  /** The process group: children may outlive the one that leads it, and hold its ports. */
  #group: number | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.dir = options.folder.path;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const { name, command, args, env, ports, readyMs = 30_000 } = this.#options;
    if (this.#child) throw new Error(`${name} runs already`);
    if (!existsSync(this.dir)) throw new Error(`${name}: ${this.dir} was removed; stop it with { keep: true } first`);
    const output = openSync(join(this.dir, "stdout"), "a");
    // detached: it leads a process group, which Postfix's master needs and which lets us reach the children.
    const child = spawn(command, args, {
      cwd: this.dir,
      env: { ...serverEnvironment(), ...env },
      stdio: ["ignore", output, output],
      detached: true,
    });
    closeSync(output);
    this.#child = child;
    this.#group = child.pid;
    const watchdog = child.pid === undefined ? undefined : this.#watch(child.pid);
    this.#ended = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    }).then(() => {
      this.#child = undefined;
      watchdog?.kill("SIGKILL");
    });
    try {
      const failed = (): string | undefined => (this.#child === child ? undefined : `${name} ended at once`);
      await waitForPorts(ports, { timeoutMs: readyMs, failed });
    } catch (error) {
      await this.kill();
      throw new Error(`${name} does not come up.\n${this.#logTail()}`, { cause: error });
    }
  }

  async stop({ keep = false }: { readonly keep?: boolean } = {}): Promise<void> {
    if (this.#child) {
      this.#signal("SIGCONT"); // a stopped process would not see the next one
      this.#child.kill("SIGTERM");
      await Promise.race([this.#ended, sleep(this.#options.stopMs ?? 10_000, undefined, { ref: false })]);
      await this.kill();
    }
    if (this.#options.folder.temporary && !keep) rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.#ended;
    await waitUntilFree(this.#options.ports); // children hold the listening sockets too
    this.#group = undefined;
  }

  pause(): void {
    this.#signal("SIGSTOP");
  }

  resume(): void {
    this.#signal("SIGCONT");
  }

  /** To the whole process group. */
  #signal(signal: NodeJS.Signals): void {
    if (this.#group === undefined) return;
    try {
      process.kill(-this.#group, signal);
    } catch (error) {
      // ESRCH: it ended by itself a moment ago.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }

  /**
   * Ends the server when this process is gone, however it went: a shell that waits for the end of a pipe which only we
   * hold. (A parent-death signal does not do: Postfix loses it when it changes its user, and so do all children.)
   */
  #watch(group: number): ChildProcess {
    const { path, temporary } = this.#options.folder;
    const script = `read -r _; kill -s KILL -- "-$1"; ${temporary ? 'sleep 0.2; rm -rf -- "$2"' : ""}`;
    const watchdog = spawn("/bin/sh", ["-c", script, "watchdog", String(group), path], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    watchdog.stdin.on("error", () => {}); // it went first
    watchdog.unref();
    return watchdog;
  }

  #logTail(): string {
    return [join(this.dir, "stdout"), ...this.#options.logs]
      .filter((file) => existsSync(file))
      .map((file) => `--- ${file}\n${readFileSync(file, "utf8").split("\n").slice(-30).join("\n")}`)
      .join("\n");
  }
}

/** Nothing of the developer's own settings reaches the servers. */
function serverEnvironment(): Record<string, string> {
  return { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8" };
}

/** Dovecot and Postfix change to other users, which only root may do. */
export function requireRoot(name: string): void {
  if (process.geteuid?.() !== 0)
    throw new Error(`${name} changes to users of its own, so the lab must run as root for it.`);
}
