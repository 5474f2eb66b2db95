// `npm run check`: everything that can be said about the code without running it.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
}

const checks: readonly Check[] = [
  { name: "format", command: ["biome", "format", "."] },
  { name: "lint", command: ["oxlint", "--type-aware", "--deny-warnings"] },
  { name: "types", command: ["tsc", "-p", "."] },
  { name: "unused code", command: ["knip"] },
  { name: "configuration schema", command: [process.execPath, "scripts/generate-schema.ts", "--check"] },
];

// A tool that hangs is a failed check, not a hanging build.
const longestRun = 180_000;

/** Runs all checks one after the other; prints the output of those that fail. */
export async function runChecks(): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of checks) {
    const started = performance.now();
    const { passed, output } = await runCheck(check);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${passed ? "ok    " : "FAILED"} ${check.name} (${seconds} s)`);
    if (!passed) console.log(output);
    results.push({ name: check.name, passed });
  }
  return results;
}

function runCheck({ command: [program, ...args] }: Check): Promise<{ passed: boolean; output: string }> {
  return new Promise((settle) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], timeout: longestRun });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", (error) => settle({ passed: false, output: error.message }));
    child.on("close", (code) => settle({ passed: code === 0, output: Buffer.concat(chunks).toString("utf8") }));
  });
}

if (import.meta.main) {
  const results = await runChecks();
  const failed = results.filter(({ passed }) => !passed).map(({ name }) => name);
  console.log(failed.length === 0 ? "all checks passed" : `failed: ${failed.join(", ")}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
