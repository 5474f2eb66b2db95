// Segments of 1 to 7 bytes in both directions of the component stream: characters are cut everywhere, texts never.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Proxy, startProxy } from "../kit/proxy.ts";
import { report } from "./harness/checks.ts";
import { createScenario } from "./harness/scenario.ts";
import { enrol, startWorld, type World } from "./harness/world.ts";

describe.each(["prosody", "ejabberd"] as const)("%s", (xmpp) => {
  let proxy: Proxy;
  let world: World;
  beforeAll(async () => {
    world = await startWorld({
      xmpp,
      reroute: async ({ component }) => {
        proxy = await startProxy({ target: component });
        return { component: proxy.port };
      },
    });
  });
  afterAll(async () => {
    await world?.stop();
    await proxy?.stop();
  });

  it("texts survive being cut anywhere, in both directions", async () => {
    proxy.slice(1, 7);
    await world.start();
    await enrol(world);
    const scenario = createScenario(world);
    const lanes = [...scenario.lanes("in", "lmtp", 4), ...scenario.lanes("out", "domain", 4)];
    for (let round = 0; round < 5; round++) await Promise.all(lanes.map((lane) => lane.send()));
    expect(await scenario.drain(30_000)).toBe("");
    const verdict = await scenario.verdict({ repeats: 0, unanswered: 0 });
    scenario.close();
    expect(report(verdict)).toBe("");
    expect(verdict.summary).toMatchObject({ sent: 40, ok: 40, received: 40 });
    // The proxy did slice: 7 bytes are the most of one segment.
    expect(proxy.stats.up + proxy.stats.down).toBeGreaterThan(40_000);
  });
});
