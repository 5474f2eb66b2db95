// Debian packages unpacked into a folder of their own, for a server that Debian 12 does not carry: apt with a state of
// its own chooses and downloads, dpkg-deb unpacks. No maintainer script runs, and the system's packages stay as they are.
import { existsSync, readdirSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { machineSources, mainSource, sourceLine } from "./apt-sources.ts";
import { run } from "./run.ts";

export interface Unpacked {
  /** Where they end up. It appears whole or not at all. */
  readonly root: string;
  readonly suite: string;
  readonly packages: readonly string[];
  /** Python to run once before the folder is put in its place: proves that it works, and leaves the bytecode behind. */
  readonly firstRun: string;
}

/** Downloads, unpacks and tries. Throws with the output of the step that failed. */
export async function unpack({ root, suite, packages, firstRun }: Unpacked): Promise<void> {
  const work = `${root}.new`;
  await rm(work, { recursive: true, force: true }); // of an interrupted run
  const unpacked = join(work, "root");
  await mkdir(unpacked, { recursive: true });
  try {
    const archives = await download(work, suite, packages);
    // Two at a time, one for each core of a small machine; each package is a stream that xz decompresses.
    const unpackSome = async (remainder: number): Promise<void> => {
      for (const [index, archive] of archives.entries()) {
        if (index % 2 === remainder) await must("dpkg-deb", ["-x", archive, unpacked]);
      }
    };
    await Promise.all([unpackSome(0), unpackSome(1)]);
    const python = pythonOf(unpacked, ["-c", firstRun]);
    await must(python.command, python.args, { ...python.env, PYTHONDONTWRITEBYTECODE: "" });
    await rename(unpacked, root);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The packages and all they depend on, from the machine's own mirror. Resolves with the paths of the .deb files. */
async function download(work: string, suite: string, packages: readonly string[]): Promise<string[]> {
  const mirror = mainSource(machineSources(), "bookworm");
  if (!mirror)
    throw new Error(`No source list of this machine offers Debian bookworm main, so ${suite} is out of reach.`);
  const lists = join(work, "lists");
  const archives = join(work, "archives");
  const nothing = join(work, "nothing");
  for (const folder of [join(lists, "partial"), join(archives, "partial"), nothing]) {
    await mkdir(folder, { recursive: true });
  }
  await writeFile(join(work, "sources.list"), sourceLine(mirror, suite));
  await writeFile(join(work, "status"), "");
  const options = [
    `Dir::Etc::sourcelist=${join(work, "sources.list")}`,
    `Dir::Etc::sourceparts=${nothing}`,
    `Dir::Etc::preferences=${join(nothing, "preferences")}`, // pins of the machine's own suite
    `Dir::Etc::preferencesparts=${nothing}`,
    `Dir::State=${work}`,
    `Dir::State::lists=${lists}`,
    `Dir::State::status=${join(work, "status")}`, // nothing counts as installed, so every dependency is downloaded
    `Dir::Cache=${work}`,
    `Dir::Cache::archives=${archives}`,
    "Acquire::Languages=none",
    "Acquire::Retries=3",
    "Acquire::Check-Valid-Until=false", // a mirror's copy of a list may be older than its week of validity
    "APT::Sandbox::User=root", // the usual one may not write here
    "APT::Keep-Downloaded-Packages=true",
  ].flatMap((option) => ["-o", option]);
  await must("apt-get", ["-q", ...options, "update"]);
  await must("apt-get", ["-q", ...options, "-y", "--no-install-recommends", "--download-only", "install", ...packages]);
  return readdirSync(archives)
    .filter((name) => name.endsWith(".deb"))
    .map((name) => join(archives, name));
}

async function must(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { code, output } = await run(command, args, { env });
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${output}`);
}

interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * How to run the folder's Python from outside: through its own dynamic loader, with its own libraries. Unlike chroot
 * this needs neither root nor mounts, and the process is a child like any other.
 */
export function pythonOf(root: string, args: readonly string[]): Program {
  const lib = join(root, "usr/lib");
  const multiarch = existsSync(lib) ? readdirSync(lib).find((name) => name.includes("-linux-gnu")) : undefined;
  if (multiarch === undefined) throw new Error(`${root} holds no unpacked packages`);
  const libraries = join(lib, multiarch);
  const loader = readdirSync(libraries).find((name) => name.startsWith("ld-linux"));
  if (loader === undefined) throw new Error(`${libraries} has no dynamic loader`);
  return {
    command: join(libraries, loader),
    args: ["--library-path", libraries, join(root, "usr/bin/python3"), ...args],
    // OpenSSL would look for the legacy algorithms in the system's own folder, which belongs to another OpenSSL.
    env: { PYTHONHOME: join(root, "usr"), CRYPTOGRAPHY_OPENSSL_NO_LEGACY: "1" },
  };
}
