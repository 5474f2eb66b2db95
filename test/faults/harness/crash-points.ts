// kill -9 at every commit, acknowledgement and I/O boundary. One gateway after the other dies on the same data while the
// load goes on, so most of them also recover from the death before.
import type { FaultPoint } from "../../../src/gateway/faults.ts";
import type { Verdict } from "./checks.ts";
import type { Direction, Mode } from "./network.ts";
import { createScenario } from "./scenario.ts";
import type { World } from "./world.ts";

/** What a message passes on its way; a receipt for a message out is itself a row on its way in. */
const boundaries: Readonly<Record<Direction, readonly FaultPoint[]>> = {
  out: [
    "commit:before",
    "commit:after",
    "outgoing:accepted",
    "outgoing:prepared",
    "outgoing:sent",
    "outgoing:settled",
    "incoming:written",
    "incoming:taken",
    "incoming:settled",
  ],
  in: [
    "commit:before",
    "commit:after",
    "incoming:offered",
    "incoming:committed",
    "intake:opened",
    "incoming:written",
    "incoming:taken",
    "incoming:settled",
  ],
};
/** The first commit of a process is housekeeping, the next ones are the messages'. */
const hitsOf = (point: FaultPoint, hits: number): number[] =>
  Array.from({ length: point.startsWith("commit:") ? hits + 1 : hits }, (_, index) => index + 1);
const lanes = 4;
/** The in-flight window of the component stream (limits.window). */
const window = 32;

export interface CrashPointsOptions {
  readonly direction: Direction;
  readonly mode: Mode;
  /** Each boundary the first time that it is reached, the second, up to this. Default 3. */
  readonly hits?: number;
  /** Boundaries that nothing passes on this network. */
  readonly without?: readonly FaultPoint[];
}

export interface CrashPointsResult {
  readonly deaths: number;
  readonly verdict: Verdict;
  /** What was missing when the drain ended; "" for nothing. */
  readonly missing: string;
}

export const everyWay: readonly { readonly direction: Direction; readonly mode: Mode }[] = [
  { direction: "out", mode: "account" },
  { direction: "out", mode: "domain" },
  { direction: "in", mode: "account" },
  { direction: "in", mode: "domain" },
];

/** Both users are registered; no gateway runs, before and after. */
export async function crashAtPoints(world: World, options: CrashPointsOptions): Promise<CrashPointsResult> {
  const { direction, mode, hits = 3, without = [] } = options;
  const scenario = createScenario(world);
  try {
    scenario.startLoad(scenario.lanes(direction, mode, lanes));
    let deaths = 0;
    for (const point of boundaries[direction].filter((one) => !without.includes(one))) {
      for (const hit of hitsOf(point, hits)) {
        await world.startToDie(`${point}:${hit}`, { onUp: scenario.gate.open });
        scenario.gate.shut();
        deaths++;
      }
    }
    await world.start();
    scenario.gate.open();
    await scenario.stopLoad();
    const missing = await scenario.drain();
    const verdict = await scenario.verdict({ repeats: deaths * window, unanswered: deaths * lanes });
    console.log(`crash-points ${direction} ${mode}: ${deaths} deaths, ${JSON.stringify(verdict.summary)}`);
    return { deaths, verdict, missing };
  } finally {
    await scenario.stopLoad();
    await world.halt();
    scenario.close();
  }
}
