// Installs what the lab needs from Debian's packages: `node test/lab/install.ts prosody dovecot`.
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { backportsSource, machineSources, mainSource, sourcesFolder } from "./apt-sources.ts";
import { recipes, type Want } from "./packages.ts";
import { type Ran, run } from "./run.ts";
import { unpack } from "./unpacked.ts";

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
  const unpacked = what.flatMap((want) => recipes[want].unpacked ?? []);
  if (backports.length > 0) addBackports(log);
  for (const { preseed } of what.map((want) => recipes[want])) {
    if (preseed) await run("debconf-set-selections", [], { input: preseed });
  }
  if (stable.length + backports.length > 0) {
    await withoutServices(() => upToThreeTimes(log, () => installWithApt(stable, backports)));
  }
  for (const one of unpacked) await upToThreeTimes(log, () => unpack(one));
  log(`installed ${what.join(", ")}`);
}

async function installWithApt(stable: readonly string[], backports: readonly string[]): Promise<void> {
  // A third-party list of this machine may be unreachable; what counts is whether the packages can be had.
  const ran = [await apt(["update"])];
  if (stable.length > 0) ran.push(await apt(["install", ...stable]));
  if (backports.length > 0) ran.push(await apt(["install", "-t", "bookworm-backports", ...backports]));
  if (ran.slice(1).every((step) => step.code === 0)) return;
  await run("dpkg", ["--configure", "-a"]); // an earlier run may have been interrupted
  // An update that reached nothing ends with 0 and warnings: it is shown in any case.
  throw new Error(ran.flatMap((step, index) => (index === 0 || step.code !== 0 ? [step.output] : [])).join("\n"));
}

/** A mirror has bad moments. */
async function upToThreeTimes(log: Log, work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      if (attempt === 3) throw new Error(`three attempts failed, the last with:\n${said}`, { cause: error });
      log(`attempt ${attempt} of 3 failed, trying again. It said:\n${said}`);
      await sleep(attempt * 3000);
    }
  }
}

function apt(args: readonly string[]): Promise<Ran> {
  const [command = "", ...rest] = args;
  const unattended = command === "install" ? ["-y", "--no-install-recommends"] : [];
  // Check-Valid-Until: a mirror's copy of a list may be older than its week of validity.
  const options = ["DPkg::Lock::Timeout=120", "Acquire::Retries=3", "Acquire::Check-Valid-Until=false"];
  return run("apt-get", ["-q", ...options.flatMap((option) => ["-o", option]), command, ...unattended, ...rest]);
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
  const sources = machineSources();
  if (sources.some((source) => source.suites.includes("bookworm-backports"))) return;
  const main = mainSource(sources, "bookworm");
  if (!main)
    throw new Error("No source list of this machine offers Debian bookworm main, so backports cannot be added.");
  const file = join(sourcesFolder, "lab-bookworm-backports.sources");
  writeFileSync(file, backportsSource(main, "bookworm-backports"));
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
