// Installs what the lab needs from Debian's packages: `node test/lab/install.ts prosody dovecot`.
import { spawn } from "node:child_process";
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { backportsSource, mainSource, parseSources } from "./apt-sources.ts";
import { recipes, type Want } from "./packages.ts";

type Log = (line: string) => void;

/**
 * Installs what is missing of `what`, and starts none of its services. Returns at once when everything is there.
 * Needs root and Debian 12 otherwise, and says so.
 */
export async function ensureInstalled(what: readonly Want[], log: Log = () => {}): Promise<void> {
  if (missingOf(what).length === 0) return;
  requireDebian12AsRoot(missingOf(what));
  await withLock(join(tmpdir(), "viaduct-lab-install.lock"), log, async () => {
    const missing = missingOf(what); // another process may have installed it while we waited
    if (missing.length > 0) await install(missing, log);
  });
  const still = missingOf(what);
  if (still.length > 0) throw new Error(`apt-get reported success, yet these are not complete: ${still.join(", ")}`);
}

const missingOf = (what: readonly Want[]): Want[] => what.filter((want) => !recipes[want].installed());

async function install(what: readonly Want[], log: Log): Promise<void> {
  log(`installing ${what.join(", ")} from Debian's packages`);
  const stable = [...new Set(what.flatMap((want) => recipes[want].stable ?? []))];
  const backports = [...new Set(what.flatMap((want) => recipes[want].backports ?? []))];
  if (backports.length > 0) addBackports(log);
  for (const { preseed } of what.map((want) => recipes[want])) {
    if (preseed) await run("debconf-set-selections", [], preseed);
  }

  await withoutServices(async () => {
    for (let attempt = 1; ; attempt++) {
      // A third-party list of this machine may be unreachable; what counts is whether the packages can be had.
      const ran = [await apt(["update"])];
      if (stable.length > 0) ran.push(await apt(["install", ...stable]));
      if (backports.length > 0) ran.push(await apt(["install", "-t", "bookworm-backports", ...backports]));
      if (ran.slice(1).every((step) => step.code === 0)) return;
      // An update that reached nothing ends with 0 and warnings: it is shown in any case.
      const said = ran.filter((step, index) => index === 0 || step.code !== 0).map((step) => step.output);
      if (attempt === 3)
        throw new Error(`apt-get could not install ${what.join(", ")}, three times:\n${said.join("\n")}`);
      log(`apt-get failed (attempt ${attempt} of 3), trying again. It said:\n${said.join("\n")}`);
      await run("dpkg", ["--configure", "-a"]); // an earlier run may have been interrupted
      await sleep(attempt * 3000);
    }
  });
  log(`installed ${what.join(", ")}`);
}

interface Ran {
  readonly code: number | null;
  /** The last lines of standard output and error. */
  readonly output: string;
}

function apt(args: readonly string[]): Promise<Ran> {
  const [command = "", ...rest] = args;
  const unattended = command === "install" ? ["-y", "--no-install-recommends"] : [];
  // Check-Valid-Until: a mirror's copy of a list may be older than its week of validity.
  const options = ["DPkg::Lock::Timeout=120", "Acquire::Retries=3", "Acquire::Check-Valid-Until=false"];
  return run("apt-get", ["-q", ...options.flatMap((option) => ["-o", option]), command, ...unattended, ...rest]);
}

async function run(command: string, args: readonly string[], input = ""): Promise<Ran> {
  const path = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;
  const env = { ...process.env, PATH: path, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"], signal: AbortSignal.timeout(900_000) });
  const lines: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => lines.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => lines.push(chunk));
  child.stdin.on("error", () => {}); // a program that ends without reading its input is judged by its exit code
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const output = Buffer.concat(lines).toString().trim().split("\n").slice(-25).join("\n");
  return { code, output };
}

function requireDebian12AsRoot(missing: readonly Want[]): void {
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  const list = missing.join(", ");
  if (!/^VERSION_CODENAME=bookworm$/m.test(release)) {
    throw new Error(
      `The lab can install ${list} only on Debian 12 (bookworm). Install them yourself, or use a Debian 12 container.`,
    );
  }
  if (process.geteuid?.() !== 0) {
    throw new Error(
      `The lab has to install ${list}, which needs root: run "node test/lab/install.ts ${missing.join(" ")}" as root once.`,
    );
  }
}

/** Adds the backports suite on the mirror that this machine already uses, unless some list has it. */
function addBackports(log: Log): void {
  const folder = "/etc/apt/sources.list.d";
  const files = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const sources = ["/etc/apt/sources.list", ...files]
    .filter((file) => existsSync(file) && /\.(list|sources)$/.test(file))
    .flatMap((file) => parseSources(file, readFileSync(file, "utf8")));
  if (sources.some((source) => source.suites.includes("bookworm-backports"))) return;
  const main = mainSource(sources, "bookworm");
  if (!main)
    throw new Error("No source list of this machine offers Debian bookworm main, so backports cannot be added.");
  writeFileSync(join(folder, "lab-bookworm-backports.sources"), backportsSource(main, "bookworm-backports"));
  log("added the bookworm-backports suite to apt");
}

const policyFile = "/usr/sbin/policy-rc.d";
const policyText = "#!/bin/sh\n# put here by Viaduct's test lab while it installs packages\nexit 101\n";

/** Packages of servers start them on installation, on their usual ports; 101 forbids it (invoke-rc.d(8)). */
async function withoutServices(work: () => Promise<void>): Promise<void> {
  // A file of ours that an interrupted run left behind is ours to remove too.
  const ours = !existsSync(policyFile) || readFileSync(policyFile, "utf8") === policyText;
  if (ours) writeFileSync(policyFile, policyText, { mode: 0o755 });
  try {
    await work();
  } finally {
    if (ours) rmSync(policyFile, { force: true });
  }
}

/** One installer at a time on this machine. A lock whose process is gone does not count. */
async function withLock(file: string, log: Log, work: () => Promise<void>): Promise<void> {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    for (let waited = 0; !tryLink(mine, file); waited++) {
      const holder = Number(readIfThere(file));
      if (holder > 0 && !isAlive(holder)) rmSync(file, { force: true });
      else if (waited > 3000) throw new Error(`Another installer (pid ${holder}) has held ${file} for ten minutes.`);
      if (waited === 0) log(`waiting for another installer (pid ${holder})`);
      await sleep(200);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  try {
    await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** link(2) is atomic and puts the file there with its content. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

const readIfThere = (file: string): string => (existsSync(file) ? readFileSync(file, "utf8") : "");

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  const known = Object.keys(recipes);
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !known.includes(name));
  if (asked.length === 0 || unknown.length > 0) {
    console.error(`usage: node test/lab/install.ts ${known.join("|")} ...`);
    process.exit(2);
  }
  const want = (name: string): name is Want => name in recipes;
  await ensureInstalled(asked.filter(want), (line) => console.log(line)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
