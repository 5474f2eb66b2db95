// `npm test`: the lab's servers, the checks, all tests, and one last line with the counts.
// With arguments (`npm test -- test/config`) only vitest runs, with those arguments.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureInstalled } from "../test/lab/install.ts";
import { root, runChecks } from "./check.ts";
import { type Counts, countReport, lastLine, sum } from "./count-tests.ts";

const args = process.argv.slice(2);
const everything = args.length === 0;
const counts: Counts[] = [];
if (everything) {
  counts.push(await installServers());
  const checks = await runChecks();
  counts.push({
    passed: checks.filter(({ passed }) => passed).length,
    failed: checks.filter(({ passed }) => !passed).length,
    skipped: 0,
  });
}
counts.push(await runVitest());
const total = sum(counts);
console.log(lastLine(total));
// Not process.exit: a piped stdout would lose the line.
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

/** A server that cannot be installed is a failure by itself; the tests that need no server still run. */
async function installServers(): Promise<Counts> {
  try {
    await ensureInstalled(["prosody", "ejabberd", "dovecot", "postfix", "synapse", "clients", "strace"], (line) =>
      console.log(line),
    );
    return { passed: 0, failed: 0, skipped: 0 };
  } catch (error) {
    console.error(
      `the lab's servers could not be installed: ${error instanceof Error ? error.message : String(error)}`,
    );
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

async function runVitest(): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), "viaduct-test-report-"));
  const report = join(folder, "report.json");
  try {
    const exitCode = await vitest([
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      ...args,
    ]);
    const text = await readFile(report, "utf8").catch(() => undefined);
    return countReport(text, exitCode);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function vitest(vitestArgs: readonly string[]): Promise<number> {
  return new Promise((settle, fail) => {
    const program = join(root, "node_modules", "vitest", "vitest.mjs");
    const child = spawn(process.execPath, [program, ...vitestArgs], { cwd: root, stdio: "inherit" });
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
    child.on("error", fail);
    child.on("close", (code) => settle(code ?? 1));
  });
}
