// A component stream that is dead in silence while the server still holds it. Prosody then refuses a second one, ejabberd
// takes it and splits the traffic: "up" must mean that everything comes here.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Proxy, startProxy } from "../kit/proxy.ts";
import { report } from "./harness/checks.ts";
import { createScenario, type Scenario } from "./harness/scenario.ts";
import { enrol, startWorld, type World } from "./harness/world.ts";

const lanes = 3;
const window = 32;
/** Silence of 3.5 s is dead here, as 45 s is by default. */
const link = { idleMs: 2_000, deadMs: 1_500, stepTimeoutMs: 2_000, probeTimeoutMs: 1_500 };

describe.each([
  { xmpp: "prosody", recovers: "when the server lets go of the old stream" },
  { xmpp: "ejabberd", recovers: "when the server lets go of the old stream" },
  { xmpp: "prosody", conflict: "kick_old", recovers: "at once" },
] as const)("$xmpp $conflict", ({ recovers, ...server }) => {
  let proxy: Proxy;
  let world: World;
  let scenario: Scenario;
  beforeAll(async () => {
    world = await startWorld({
      ...server,
      link,
      reroute: async ({ component }) => {
        proxy = await startProxy({ target: component });
        return { component: proxy.port };
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

  it(`is noticed, comes back ${recovers}, and loses nothing once it is up`, async () => {
    const state = async (): Promise<string> => (await world.child.stats()).links[0] ?? "";
    scenario = createScenario(world);
    const outgoing = scenario.lanes("out", "domain", lanes);
    scenario.startLoad(scenario.lanes("in", "domain", lanes), { gapMs: 60 });
    await sleep(500);
    const accepted = proxy.stats.accepted;
    proxy.blackhole({ existingOnly: true });
    const began = Date.now();
    await expect.poll(state, { timeout: 10_000, interval: 20 }).not.toBe("up");
    const noticed = Date.now() - began;
    if (recovers !== "at once") {
      // It tries, and is not taken in.
      await expect.poll(() => proxy.stats.accepted, { timeout: 10_000 }).toBeGreaterThan(accepted + 1);
      for (const end = Date.now() + 3_000; Date.now() < end; await sleep(50)) expect(await state()).not.toBe("up");
      proxy.heal();
    }
    const healed = Date.now();
    await world.child.up(30_000);
    const upAfter = Date.now() - healed;
    // From now on nothing may be lost on the way to the gateway: no silence at all.
    for (let round = 0; round < 10; round++) await Promise.all(outgoing.map((lane) => lane.send()));
    await scenario.stopLoad();
    expect(await scenario.drain()).toBe("");
    const verdict = await scenario.verdict({ repeats: window, unanswered: 0 });
    console.log(
      `${server.xmpp}: noticed after ${noticed} ms, up after ${upAfter} ms, ${JSON.stringify(verdict.summary)}`,
    );
    expect(report(verdict)).toBe("");
    expect(noticed).toBeLessThan(link.idleMs + link.deadMs + 1_500);
    expect(upAfter).toBeLessThan(30_000);
  });
});
