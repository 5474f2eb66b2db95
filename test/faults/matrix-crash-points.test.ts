// kill -9 at every boundary, first to third time that it is reached, of the Matrix bridge: with an account of one's own
// and as an application service.
import { afterAll, beforeAll, expect, it } from "vitest";
import { report } from "./harness/checks.ts";
import { crashAtPoints } from "./harness/crash-points.ts";
import { type MatrixWorld, startMatrixWorld } from "./harness/matrix-world.ts";
import type { Direction, Mode } from "./harness/network.ts";
import { enrol, signIn } from "./harness/world.ts";

let world: MatrixWorld;
beforeAll(async () => {
  world = await startMatrixWorld();
  const first = await world.start();
  await signIn(world);
  await enrol(world);
  await first.stop();
});
afterAll(() => world?.stop());

const ways: readonly { direction: Direction; mode: Mode }[] = [
  { direction: "out", mode: "account" },
  { direction: "out", mode: "domain" },
  { direction: "in", mode: "account" },
  { direction: "in", mode: "domain" },
];

it.each(ways)("$direction, $mode mode: loses and repeats nothing when killed at any boundary", async (way) => {
  // What comes from Matrix is understood before it is stored: nothing is opened later.
  const { deaths, verdict, missing } = await crashAtPoints(world, { ...way, without: ["intake:opened"] });
  expect(missing).toBe("");
  expect(report(verdict)).toBe("");
  // There was a load all the time; some deaths come before its next message.
  expect(verdict.summary.received).toBeGreaterThan(deaths / 2);
});
