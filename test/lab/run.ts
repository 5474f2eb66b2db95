// Runs one program of the machine to its end, unattended.
import { spawn } from "node:child_process";

export interface Ran {
  readonly code: number | null;
  /** The last lines of standard output and error. */
  readonly output: string;
}

export interface RunOptions {
  /** For its standard input. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const path = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;
  const env = { ...process.env, PATH: path, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C", ...options.env };
  const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"], signal: AbortSignal.timeout(900_000) });
  const lines: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => lines.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => lines.push(chunk));
  child.stdin.on("error", () => {}); // a program that ends without reading its input is judged by its exit code
  child.stdin.end(options.input ?? "");
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const output = Buffer.concat(lines).toString().trim().split("\n").slice(-25).join("\n");
  return { code, output };
}
