// kill -9 at every boundary, first to third time that it is reached, of the Matrix bridge: with an account of one's own
// and as an application service.
import { afterAll, beforeAll, expect, it } from "vitest";
import { report } from "./harness/checks.ts";
import { crashAtPoints, everyWay } from "./harness/crash-points.ts";
import { type MatrixWorld, startMatrixWorld } from "./harness/matrix-world.ts";
import { settled } from "./harness/world.ts";

let world: MatrixWorld;
beforeAll(async () => {
  world = await settled(startMatrixWorld());
});
afterAll(() => world?.stop());

it.each(everyWay)("$direction, $mode mode: loses and repeats nothing when killed at any boundary", async (way) => {
  // What comes from Matrix is understood before it is stored: nothing is opened later.
  const { deaths, verdict, missing } = await crashAtPoints(world, { ...way, without: ["intake:opened"] });
  expect(missing).toBe("");
  expect(report(verdict)).toBe("");
  // There was a load all the time; some deaths come before its next message.
  expect(verdict.summary.received).toBeGreaterThan(deaths / 2);
});
