// Viaduct as a process of its own, for what only a process can show: CPU, memory, and death. Started by viaduct-child.ts.
// `VIADUCT_BUILT=1` runs what the package ships (dist), which starts faster and holds no compiler.
import type { AnyBridge } from "#bridge";
import { createEchoBridge } from "../../bench/echo.ts";
import type { Faults } from "../../src/gateway/faults.ts";
import type { LogLevel } from "../../src/log.ts";

const [file = "", kind = "email"] = process.argv.slice(2);

const built = process.env.VIADUCT_BUILT === "1";
const part = (name: string): Promise<unknown> => import(new URL(`../../${built ? "dist/src" : "src"}/${name}.${built ? "js" : "ts"}`, import.meta.url).href);
const { loadConfig } = (await part("config")) as typeof import("../../src/config.ts");
const { formatProblems } = (await part("config-problems")) as typeof import("../../src/config-problems.ts");
const { createLogger } = (await part("log")) as typeof import("../../src/log.ts");
const { run } = (await part("main")) as typeof import("../../src/main.ts");
const { loadBridges } = (await part("load-bridges")) as typeof import("../../src/load-bridges.ts");

/** `VIADUCT_CRASH=point:3` kills the process the way `kill -9` does when the point is reached for the third time. */
function crashAt(spec: string | undefined): Faults {
  const at = spec?.lastIndexOf(":") ?? -1;
  const name = spec?.slice(0, at);
  let left = Number(spec?.slice(at + 1));
  return {
    at(point) {
      if (point === name && --left === 0) process.kill(process.pid, "SIGKILL");
    },
  };
}

async function bridges(): Promise<Record<string, AnyBridge>> {
  if (kind === "echo") return { echo: createEchoBridge() };
  return { ...(await loadBridges()) };
}

const installed = await bridges();
const loaded = await loadConfig(file, process.env, installed);
if ("problems" in loaded) throw new Error(formatProblems(loaded.problems));
const log = createLogger({ level: (process.env.VIADUCT_TEST_LOG ?? "warn") as LogLevel });
const started = performance.now();
const running = await run(loaded.config, log, { bridges: installed, faults: crashAt(process.env.VIADUCT_CRASH) });
const startMs = performance.now() - started;

process.on("message", (question: string) => {
  if (question === "stats") {
    if (process.env.VIADUCT_GC && globalThis.gc) globalThis.gc();
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMs: (user + system) / 1000, rssMb: process.memoryUsage.rss() / 1_048_576, links: running.components.map((one) => one.link.state), loaded: running.gateway.lanes.loaded });
  } else if (question === "stop") {
    void running.stop().then(() => process.exit(0));
  }
});
process.send?.({ ready: true, startMs });
