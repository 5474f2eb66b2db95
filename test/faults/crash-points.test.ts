// kill -9 at every commit, acknowledgement and I/O boundary, first to third time that it is reached. One gateway after
// the other dies on the same data while the load goes on, so most of them also recover from the death before.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { FaultPoint } from "../../src/gateway/faults.ts";
import { report } from "./harness/checks.ts";
import type { Direction, Mode } from "./harness/load.ts";
import { createScenario, type Scenario } from "./harness/scenario.ts";
import { enrol, signIn, startWorld, type World } from "./harness/world.ts";

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
const hitsOf = (point: FaultPoint): readonly number[] => (point.startsWith("commit:") ? [1, 2, 3, 4] : [1, 2, 3]);
const lanes = 4;
/** The in-flight window of the component stream (limits.window). */
const window = 32;

let world: World;
let scenario: Scenario;
beforeAll(async () => {
  world = await startWorld();
  const first = await world.start();
  await signIn(world);
  await enrol(world);
  await first.stop();
});
afterAll(() => world?.stop());
afterEach(async () => {
  await scenario.stopLoad();
  await world.halt();
  scenario.close();
});

const ways: readonly { direction: Direction; mode: Mode }[] = [
  { direction: "out", mode: "account" },
  { direction: "out", mode: "domain" },
  { direction: "in", mode: "account" },
  { direction: "in", mode: "domain" },
];

describe.each(ways)("$direction, $mode mode", ({ direction, mode }) => {
  it("loses and repeats nothing when killed at any boundary", async () => {
    scenario = createScenario(world);
    scenario.startLoad(scenario.lanes(direction, mode, lanes));
    let deaths = 0;
    for (const point of boundaries[direction]) {
      for (const hit of hitsOf(point)) {
        await world.startToDie(`${point}:${hit}`, { onUp: scenario.gate.open });
        scenario.gate.shut();
        deaths++;
      }
    }
    await world.start();
    scenario.gate.open();
    await scenario.stopLoad();
    expect(await scenario.drain()).toBe("");
    const verdict = await scenario.verdict({ repeats: deaths * window, unanswered: deaths * lanes });
    console.log(`crash-points ${direction} ${mode}: ${deaths} deaths, ${JSON.stringify(verdict.summary)}`);
    expect(report(verdict)).toBe("");
    expect(verdict.summary.received).toBeGreaterThan(deaths);
  });
});
