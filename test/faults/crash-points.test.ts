// kill -9 at every boundary, first to third time that it is reached, of the mail bridge.
import { afterAll, beforeAll, expect, it } from "vitest";
import { report } from "./harness/checks.ts";
import { crashAtPoints, everyWay } from "./harness/crash-points.ts";
import { settled, startWorld, type World } from "./harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await settled(startWorld());
});
afterAll(() => world?.stop());

it.each(everyWay)("$direction, $mode mode: loses and repeats nothing when killed at any boundary", async (way) => {
  const { deaths, verdict, missing } = await crashAtPoints(world, way);
  expect(missing).toBe("");
  expect(report(verdict)).toBe("");
  // There was a load all the time; some deaths come before its next message.
  expect(verdict.summary.received).toBeGreaterThan(deaths / 2);
});
