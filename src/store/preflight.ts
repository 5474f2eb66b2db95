// What an operator can have wrong about the folder and the key of the store, told before anything is opened.
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

export interface StorePlace {
  /** The folder. */
  readonly path: string;
  /** The key file. */
  readonly key: string;
}

export const databaseIn = ({ path }: Pick<StorePlace, "path">): string => join(path, "viaduct.db");

/** One sentence for each thing that would stop the start, saying what to do. Changes nothing. */
export function storeProblems(place: StorePlace): string[] {
  return [folderProblem(place.path), keyProblem(place)].filter((problem) => problem !== undefined);
}

function folderProblem(path: string): string | undefined {
  const about = statSync(path, { throwIfNoEntry: false });
  if (about?.isDirectory() === false) return `store.path ${path} is not a folder: name another one, or move it away.`;
  const folder = existingFolder(path);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return networkProblem(folder);
  } catch (error) {
    const why = codeOf(error) === "EROFS" ? "is on a file system that is read-only" : "cannot be written by this user";
    return `the folder ${folder} ${why}: give it to the user that runs viaduct, or name another store.path.`;
  }
}

/** The folder itself, or the nearest one above that is there. */
export function existingFolder(path: string): string {
  let folder = path;
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

/** Of Linux (statfs(2)). */
const networkFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xfe534d42, "SMB"],
  [0xff534d42, "CIFS"],
  [0x5346414f, "AFS"],
]);

/** SQLite's log wants memory that is shared and locks that hold (https://sqlite.org/wal.html). */
function networkProblem(folder: string): string | undefined {
  const name = networkFileSystems.get(statfsSync(folder).type);
  if (name === undefined) return undefined;
  return `the folder ${folder} is on a network file system (${name}), where SQLite can lose a database: name a store.path on a local disk.`;
}

function keyProblem(place: StorePlace): string | undefined {
  const { key } = place;
  try {
    const about = statSync(key);
    if (!about.isFile()) return `the key file ${key} is not a file: name another one in store.key, or move it away.`;
    if ((about.mode & 0o077) !== 0) return `the key file ${key} can be read by others: run chmod 600 ${key}`;
    const text = readFileSync(key, "utf8").trim();
    return /^[0-9a-f]{64}$/i.test(text) ? undefined : `the key file ${key} must hold 64 hexadecimal digits.`;
  } catch (error) {
    // ENOTDIR: what is in the way was named already.
    if (!["ENOENT", "ENOTDIR"].includes(codeOf(error))) {
      return `the key file ${key} cannot be read (${codeOf(error)}): give it to the user that runs viaduct.`;
    }
    if (!existsSync(databaseIn(place))) return undefined;
    // A new key would be made, and none of the stored passwords would open.
    return `the key file ${key} is gone, and ${databaseIn(place)} was made with it: put it back from your backup.`;
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
