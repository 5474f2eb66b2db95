// The loads that break today's gateways, on real servers, in both modes.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { report } from "./harness/checks.ts";
import { createScenario, type Scenario } from "./harness/scenario.ts";
import { register, startWorld, type MailWorld } from "./harness/world.ts";

/** The in-flight window of the component stream (limits.window). */
const window = 32;

let world: MailWorld;
let scenario: Scenario;
beforeAll(async () => {
  world = await startWorld();
  await register(world);
});
afterAll(() => world?.stop());
afterEach(() => scenario.close());

/** Everything arrived, once, in order; nobody was told otherwise. */
const expectAll = async (sent: number, repeats = 0): Promise<void> => {
  expect(await scenario.drain(30_000)).toBe("");
  const verdict = await scenario.verdict({ repeats, unanswered: 0 });
  expect(report(verdict)).toBe("");
  expect(verdict.summary).toMatchObject({ sent, ok: sent, errors: 0, received: sent });
};

describe.each(["account", "domain"] as const)("%s mode", (mode) => {
  it("100 mails in groups of 5 every 250 ms arrive once each, in order", async () => {
    scenario = createScenario(world);
    const lanes = scenario.lanes("in", mode, 5);
    for (let group = 0; group < 20; group++) {
      await Promise.all([...lanes.map((lane) => lane.send()), sleep(250)]);
    }
    await expectAll(100);
  });

  it("100 messages to 5 people, as fast as they can be written, arrive once each, in order", async () => {
    scenario = createScenario(world);
    const lanes = scenario.lanes("out", mode, 5);
    for (let group = 0; group < 20; group++) await Promise.all(lanes.map((lane) => lane.send()));
    await expectAll(100);
  });

  it("kill -9 while 100 mails come in: all of them arrive", async () => {
    scenario = createScenario(world);
    const lanes = scenario.lanes("in", mode, 5);
    for (let group = 0; group < 20; group++) {
      await Promise.all([...lanes.map((lane) => lane.send()), sleep(60)]);
      if (group === 10) await world.child.kill();
      if (group === 12) await world.start();
    }
    await expectAll(100, window);
  });

  it("kill -9 while 100 messages go out: each arrives, or its sender is told, or it never got past the socket", async () => {
    scenario = createScenario(world);
    scenario.gate.open();
    const lanes = scenario.lanes("out", mode, 5);
    for (let group = 0; group < 20; group++) {
      await Promise.all([...lanes.map((lane) => lane.send()), sleep(40)]);
      if (group === 10) await world.child.kill();
      if (group === 10) await world.start();
    }
    expect(await scenario.drain(30_000)).toBe("");
    const verdict = await scenario.verdict({ repeats: window, unanswered: 10 });
    console.log(`kill -9, 100 out, ${mode}: ${JSON.stringify(verdict.summary)}`);
    expect(report(verdict)).toBe("");
    expect(verdict.summary.received).toBeGreaterThanOrEqual(85);
  });

  it("the SMTP server is away while 10 messages are sent: they arrive in order when it is back", async () => {
    scenario = createScenario(world);
    const lane = scenario.lane("out", mode);
    await world.postfix?.stop({ keep: true });
    for (let message = 0; message < 10; message++) await lane.send();
    await sleep(1_500);
    expect(scenario.counts()).toEqual({ sent: 10, told: 0, received: 0 });
    await world.postfix?.start();
    await expectAll(10);
  });

  it("the XMPP server is away while 20 mails arrive: they are there when it is back", async () => {
    scenario = createScenario(world);
    const lanes = scenario.lanes("in", mode, 4);
    await world.xmpp.stop({ keep: true });
    for (let group = 0; group < 5; group++) await Promise.all([...lanes.map((lane) => lane.send()), sleep(150)]);
    await world.xmpp.start();
    await expect.poll(() => world.alice.online && world.dora.online, { timeout: 10_000 }).toBe(true);
    await world.child.up();
    await expectAll(20);
  });
});
