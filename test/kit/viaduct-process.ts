// Viaduct as a process of its own, for what only a process can show: CPU, memory, and death. Started by viaduct-child.ts,
// from the sources or from a build (built.ts), which starts faster and holds no compiler.
import type { AnyBridge } from "#bridge";
import { createEchoBridge } from "../../bench/echo.ts";
import { loadConfig } from "../../src/config.ts";
import { formatProblems } from "../../src/config-problems.ts";
import type { Faults } from "../../src/gateway/faults.ts";
import type { LaneStore } from "../../src/gateway/lane-ports.ts";
import type { Store } from "../../src/gateway/ports.ts";
import { loadBridges } from "../../src/load-bridges.ts";
import { createLogger, type LogLevel } from "../../src/log.ts";
import { run } from "../../src/main.ts";
import type { LinkLimits } from "../../src/xmpp/link-options.ts";
import { trimMemory } from "../../src/trim-memory.ts";

const [file = "", kind = "email"] = process.argv.slice(2);

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

/**
 * `VIADUCT_PLANT`: a bug that the harness of test/faults must catch.
 * - `ack-before-commit`: what comes in counts as stored a second before it is.
 * - `new-id`: each process freezes a message whose fate is unknown anew, under another id.
 * - `cursor-apart`: the cursor moves in a transaction of its own, before the mails.
 */
function plantBug(name: string | undefined): (store: Store) => Store {
  const withLanes = (change: (lanes: LaneStore) => Partial<LaneStore>) => (store: Store) => ({
    ...store,
    lanes: { ...store.lanes, ...change(store.lanes) },
  });
  switch (name) {
    case undefined:
      return (store) => store;
    case "ack-before-commit":
      return withLanes((lanes) => ({
        deliver(account, deliveries, options) {
          if (options?.settle !== undefined) return lanes.deliver(account, deliveries, options);
          // As a write-behind cache would; the rows are seen at the next start.
          setTimeout(() => void lanes.deliver(account, deliveries, options), 1_000);
          return Promise.resolve([]);
        },
        deliverAll(...parcels) {
          setTimeout(() => void lanes.deliverAll(...parcels), 1_000);
          return Promise.resolve();
        },
      }));
    case "new-id":
      return withLanes((lanes) => ({
        page: async (head, after, limit) => {
          const rows = await lanes.page(head, after, limit);
          return rows.map(({ prepared: _, ...row }) =>
            row.direction === "outgoing" && row.state === "sent"
              ? { ...row, state: "queued" as const, key: row.key.slice(0, 20) + crypto.randomUUID().slice(0, 6) }
              : row,
          ) as typeof rows;
        },
      }));
    case "cursor-apart":
      return withLanes((lanes) => ({
        async deliver(account, deliveries, options = {}) {
          const { cursor, ...rest } = options;
          if (cursor !== undefined) await lanes.deliver(account, [], { cursor });
          return lanes.deliver(account, deliveries, rest);
        },
      }));
    default:
      throw new Error(`no planted bug is called ${name}`);
  }
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
const running = await run(loaded.config, log, {
  bridges: installed,
  faults: crashAt(process.env.VIADUCT_CRASH),
  wrapStore: plantBug(process.env.VIADUCT_PLANT),
  // Deadlines of the component stream as JSON: fault tests have no minutes to wait.
  link: JSON.parse(process.env.VIADUCT_LINK ?? "{}") as Partial<LinkLimits>,
});
const startMs = performance.now() - started;
trimMemory();

function onlineSessions(): number {
  const { accounts, sessions } = running.gateway;
  const all = Object.keys(installed).flatMap((name) => accounts.all(name));
  return all.filter(({ id }) => sessions.stateOf(id)?.state === "online").length;
}

process.on("message", (question: string) => {
  if (question === "stats") {
    const { user, system } = process.cpuUsage();
    process.send?.({
      cpuMs: (user + system) / 1000,
      rssMb: process.memoryUsage.rss() / 1_048_576,
      links: running.components.map((one) => one.link.state),
      loaded: running.gateway.lanes.loaded,
      online: onlineSessions(),
    });
  } else if (question === "stop") {
    void running.stop().then(() => process.exit(0));
  }
});
process.send?.({ ready: true, startMs });
