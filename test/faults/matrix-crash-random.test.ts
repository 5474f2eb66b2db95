import { expect, it } from "vitest";
import { report } from "./harness/checks.ts";
import { crashRandom } from "./harness/crash-random.ts";

// A gateway that lives longer than in crash-random.test.ts: a round trip to Synapse takes its time.
const kills = 30;
const lifeMs = 1_000;

it(`loses and repeats nothing over ${kills} random kill -9 under load on Matrix`, async () => {
  const { verdict, missing, seconds } = await crashRandom({ kills, lifeMs, network: "matrix" });
  console.log(`matrix-crash-random: ${kills} kills in ${seconds} s, ${JSON.stringify(verdict.summary)}`);
  expect(missing).toBe("");
  expect(report(verdict)).toBe("");
  expect(verdict.summary.received).toBeGreaterThan(kills);
});
