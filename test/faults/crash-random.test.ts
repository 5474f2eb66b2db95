import { expect, it } from "vitest";
import { report } from "./harness/checks.ts";
import { crashRandom } from "./harness/crash-random.ts";

const kills = Number(process.env.FAULTS_KILLS ?? 200);

it(`loses and repeats nothing over ${kills} random kill -9 under load`, async () => {
  const { verdict, missing, seconds } = await crashRandom({ kills, progress: (text) => console.log(text) });
  console.log(`crash-random: ${kills} kills in ${seconds} s, ${JSON.stringify(verdict.summary)}`);
  expect(missing).toBe("");
  expect(report(verdict)).toBe("");
  // Something was delivered by nearly every one of them.
  expect(verdict.summary.received).toBeGreaterThan(kills);
});
