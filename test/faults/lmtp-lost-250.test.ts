// The mail server never learns that we took the mail, and hands it over again: one message, all the same.
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Proxy, startProxy } from "../kit/proxy.ts";
import { report } from "./harness/checks.ts";
import { createScenario, type Scenario } from "./harness/scenario.ts";
import { enrol, startWorld, type MailWorld } from "./harness/world.ts";

let proxy: Proxy;
let world: MailWorld;
let scenario: Scenario;
beforeAll(async () => {
  world = await startWorld({
    beforeLmtp: async (target) => {
      proxy = await startProxy({ target });
      return proxy.port;
    },
  });
  await world.start();
  await enrol(world);
});
afterAll(async () => {
  await world?.stop();
  await proxy?.stop();
});
afterEach(() => scenario.close());

it.each([
  ["before our 250 leaves", false],
  ["in the middle of our 250", true],
] as const)("a connection cut %s brings the mail again and shows it once", async (_, forward) => {
  scenario = createScenario(world);
  const lane = scenario.lane("in", "domain");
  const before = proxy.stats.accepted;
  const cut = proxy.cutAfter(forward ? "250 2.0.0 St" : "250 2.0.0 Stored", "down", { forward });
  const marker = await lane.send();
  await cut;
  await expect.poll(() => scenario.arrived(marker), { timeout: 5_000 }).toBe(true);
  // Postfix thinks that it failed, and tries again.
  await expect
    .poll(
      async () => {
        await world.postfix?.flushQueue();
        return proxy.stats.accepted;
      },
      { timeout: 15_000, interval: 300 },
    )
    .toBeGreaterThan(before + 1);
  expect(await scenario.drain()).toBe("");
  const verdict = await scenario.verdict({ repeats: 0, unanswered: 0 });
  expect(report(verdict)).toBe("");
  expect(verdict.summary).toMatchObject({ sent: 1, ok: 1, received: 1, repeats: 0 });
});
