// As planted-bugs.test.ts, on Matrix: the laws catch the three bugs there too, and say nothing without them.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type MatrixWorld, startMatrixWorld } from "./harness/matrix-world.ts";
import { plantIf, texts, tolerance } from "./harness/planted.ts";
import { createScenario, type Scenario } from "./harness/scenario.ts";
import { settled } from "./harness/world.ts";

let world: MatrixWorld;
let scenario: Scenario;
beforeAll(async () => {
  world = await settled(startMatrixWorld());
});
afterAll(() => world?.stop());
afterEach(async () => {
  await world.halt();
  scenario.close();
});

describe.each([true, false])("planted: %s", (planted) => {
  it("acknowledging before the commit: a message is lost after the 200 on its transaction", async () => {
    scenario = createScenario(world);
    const first = await world.start();
    const lane = scenario.lane("in", "push", 1);
    await lane.met;
    await first.stop();
    const child = await world.start(plantIf(planted, "ack-before-commit"));
    const marker = await lane.send();
    expect(scenario.outcome(marker)).toBe("ok");
    await child.kill();
    await world.start();
    await scenario.drain(3_000);
    expect(texts(await scenario.verdict(tolerance))).toEqual(
      planted ? [expect.stringMatching(/^L1 ip1-1-[0-9a-f]{8} was accepted \(200 .*\) and is lost$/)] : [],
    );
  });

  it.each(["account", "domain"] as const)("a new id on retry, %s mode: a message is there twice", async (mode) => {
    scenario = createScenario(world);
    const lane = scenario.lane("out", mode, 1);
    await world.startToDie("outgoing:sent:1", { onUp: () => void lane.send(), ...plantIf(planted, "new-id") });
    await world.start(plantIf(planted, "new-id"));
    expect(await scenario.drain(8_000)).toBe("");
    const verdict = await scenario.verdict(tolerance);
    expect(texts(verdict)).toEqual(
      planted ? [expect.stringMatching(/^L1 o[ad]1-1-[0-9a-f]{8} was received under 2 ids: \$/)] : [],
    );
    // Without the bug it is there once: the homeserver knows the transaction, or the gateway finds it in the room.
    expect(verdict.summary.repeats).toBe(0);
  });

  it("a cursor in its own transaction: a message is skipped for ever", async () => {
    scenario = createScenario(world);
    await scenario.lane("in", "account", 1).send();
    // The first commit is housekeeping; the second one is the bug's, with the cursor alone.
    await world.startToDie("commit:after:2", plantIf(planted, "cursor-apart"));
    await world.start();
    await scenario.drain(3_000);
    expect(texts(await scenario.verdict(tolerance))).toEqual(
      planted ? [expect.stringMatching(/^L1 ia1-1-[0-9a-f]{8} was accepted \(event .*\) and is lost$/)] : [],
    );
  });
});
