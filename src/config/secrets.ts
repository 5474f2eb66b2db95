// Secrets by reference: `{ file: secret.txt }` and `{ env: NAME }`, so that the configuration itself holds none.
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Problem } from "../config-problems.ts";
import type { Environment } from "./environment.ts";
import type { Tree } from "./source.ts";

type Details = Pick<Problem, "severity" | "message" | "expected" | "example">;

/** The secret, what is wrong with it, or both when it is only a warning. */
export interface SecretRead {
  readonly secret?: string;
  readonly problem?: Details;
}

// A secret is a line. Anything larger is the wrong file.
const maxSecretBytes = 65_536;

/** Reads what a reference names. Relative files are relative to `folder`. */
export async function readSecret(reference: Tree, folder: string, environment: Environment): Promise<SecretRead> {
  const [kind, ...others] = Object.keys(reference);
  const name = kind === undefined ? undefined : reference[kind];
  if (others.length === 0 && typeof name === "string" && name !== "") {
    if (kind === "file") return await fromFile(resolve(folder, name), name);
    if (kind === "env") return fromVariable(environment[name], name);
  }
  return failed("this names no secret.", {
    expected: "{ file: NAME }, { env: NAME } or the secret itself",
    example: "secret: { file: secret.txt }",
  });
}

function fromVariable(value: string | undefined, name: string): SecretRead {
  if (value === undefined || value === "") return failed(`the environment variable ${name} is not set or empty.`);
  return { secret: value };
}

async function fromFile(path: string, name: string): Promise<SecretRead> {
  try {
    const about = await stat(path);
    if (!about.isFile()) return failed(`${name} is not a file.`);
    if (about.size > maxSecretBytes) return failed(`the file ${name} is too large to be a secret.`);
    const secret = (await readFile(path, "utf8")).trimEnd();
    if (secret === "") return failed(`the file ${name} is empty.`);
    return isOpenToAll(about.mode) ? { secret, problem: openToAll(name) } : { secret };
  } catch (error) {
    return failed(`cannot read the file ${name}: ${reasonOf(error)}.`);
  }
}

/** Whether users who are neither the owner nor in the group may read. */
export function isOpenToAll(mode: number): boolean {
  return (mode & 0o004) !== 0;
}

function openToAll(name: string): Details {
  return {
    severity: "warning",
    message: `every user of this machine can read the file ${name}; run: chmod o-rwx ${name}`,
  };
}

function failed(message: string, hints: { expected?: string; example?: string } = {}): SecretRead {
  return { problem: { severity: "error", message, ...hints } };
}

/** Why a file could not be read, in words. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return reasons[code] ?? (code === "" ? "unknown error" : code);
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "this user has no permission to read it",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is not a folder",
  ELOOP: "its symbolic links go in a circle",
};
