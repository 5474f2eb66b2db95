// The homeserver is away for some seconds, in order or not, while both sides go on writing.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { report } from "./harness/checks.ts";
import { type MatrixWorld, startMatrixWorld } from "./harness/matrix-world.ts";
import { createScenario, type Scenario } from "./harness/scenario.ts";
import { register } from "./harness/world.ts";

const awayMs = 5_000;
const messages = 10;

let world: MatrixWorld;
let scenario: Scenario;
beforeAll(async () => {
  world = await startMatrixWorld();
  await register(world);
});
afterAll(() => world?.stop());
afterEach(() => scenario.close());

it.each(["stop", "kill"] as const)(
  "what is written meanwhile arrives once, in order, when the homeserver is back (%s)",
  async (how) => {
    scenario = createScenario(world);
    const lanes = (["account", "domain"] as const).flatMap((mode) => [
      ...scenario.lanes("out", mode, 2),
      ...scenario.lanes("in", mode, 2),
    ]);
    // The chats have begun: one message of each lane is there.
    await Promise.all(lanes.map((lane) => lane.send()));
    expect(await scenario.drain()).toBe("");

    await (how === "stop" ? world.synapse.stop({ keep: true }) : world.synapse.kill());
    const written = lanes.map(async (lane) => {
      for (let message = 0; message < messages; message++) await lane.send();
    });
    await sleep(awayMs);
    expect(scenario.counts().received).toBe(lanes.length);
    await world.synapse.start();
    await Promise.all(written);
    expect(await scenario.drain(40_000)).toBe("");
    const verdict = await scenario.verdict({ repeats: 0, unanswered: 0 });
    expect(report(verdict)).toBe("");
    const all = lanes.length * (messages + 1);
    expect(verdict.summary).toMatchObject({ sent: all, ok: all, errors: 0, received: all });
  },
);
