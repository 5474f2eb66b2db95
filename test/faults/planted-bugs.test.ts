// An oracle that cannot fail proves nothing: three bugs are planted (VIADUCT_PLANT in test/kit/viaduct-process.ts), and the
// laws must catch each. The same story without the bug shows that it is the bug which is caught.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { plantIf, texts, tolerance } from "./harness/planted.ts";
import { createScenario, type Scenario } from "./harness/scenario.ts";
import { settled, startWorld, type World } from "./harness/world.ts";

let world: World;
let scenario: Scenario;
beforeAll(async () => {
  world = await settled(startWorld());
});
afterAll(() => world?.stop());
afterEach(async () => {
  await world.halt();
  scenario.close();
});

describe.each([true, false])("planted: %s", (planted) => {
  it("acknowledging before the commit: a mail is lost after its 250", async () => {
    scenario = createScenario(world);
    const child = await world.start(plantIf(planted, "ack-before-commit"));
    const marker = await scenario.lane("in", "lmtp", 1).send();
    expect(scenario.outcome(marker)).toBe("ok");
    await child.kill();
    await world.start();
    await scenario.drain(3_000);
    expect(texts(await scenario.verdict(tolerance))).toEqual(
      planted ? [expect.stringMatching(/^L1 il1-1-[0-9a-f]{8} was accepted \(250 .*\) and is lost$/)] : [],
    );
  });

  it("a new id on retry: a message arrives twice under two ids", async () => {
    scenario = createScenario(world);
    const lane = scenario.lane("out", "domain", 1);
    await world.startToDie("outgoing:sent:1", { onUp: () => void lane.send(), ...plantIf(planted, "new-id") });
    await world.start(plantIf(planted, "new-id"));
    expect(await scenario.drain(8_000)).toBe("");
    const verdict = await scenario.verdict(tolerance);
    expect(texts(verdict)).toEqual(
      planted ? [expect.stringMatching(/^L1 od1-1-[0-9a-f]{8} was received under 2 ids: </)] : [],
    );
    // Without the bug it arrives twice as well, under one id: that is what P3 allows.
    expect(verdict.summary.repeats).toBe(planted ? 0 : 1);
  });

  it("a cursor in its own transaction: a mail is skipped for ever", async () => {
    scenario = createScenario(world);
    await scenario.lane("in", "account", 1).send();
    // The first commit is housekeeping; the second one is the bug's, with the cursor alone.
    await world.startToDie("commit:after:2", plantIf(planted, "cursor-apart"));
    await world.start();
    await scenario.drain(3_000);
    expect(texts(await scenario.verdict(tolerance))).toEqual(
      planted ? [expect.stringMatching(/^L1 ia1-1-[0-9a-f]{8} was accepted \(250 .*\) and is lost$/)] : [],
    );
  });
});
