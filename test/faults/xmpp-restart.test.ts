// The XMPP server goes and comes back under load: in order, by kill -9, and as a process that stands still.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { report } from "./harness/checks.ts";
import { createScenario, type Scenario } from "./harness/scenario.ts";
import { enrol, startWorld, type World } from "./harness/world.ts";

const lanes = 3;
/** The in-flight window of the component stream (limits.window). */
const window = 32;
/** Silence of 5 s is dead here, as 45 s is by default; everything else is as it ships. */
const link = { idleMs: 3_000, deadMs: 2_000, stepTimeoutMs: 3_000 };

describe.each(["prosody", "ejabberd"] as const)("%s", (name) => {
  let world: World;
  let scenario: Scenario;
  beforeAll(async () => {
    world = await startWorld({ xmpp: name, link });
    await world.start();
    await enrol(world);
  });
  afterAll(() => world?.stop());
  afterEach(async () => {
    await scenario.stopLoad();
    scenario.close();
  });

  const underLoad = async (fault: (xmpp: World["xmpp"]) => Promise<void>): Promise<void> => {
    scenario = createScenario(world);
    scenario.gate.open();
    scenario.startLoad([...scenario.lanes("out", "domain", lanes), ...scenario.lanes("in", "domain", lanes)], {
      gapMs: 60,
      // What a user writes to a server that stands still goes to a stream that is dead by the time it is read, and XEP-0114
      // tells nobody: one message of each lane is what may meet silence.
      patienceMs: 25_000,
    });
    await sleep(1_000);
    await fault(world.xmpp);
    const back = Date.now();
    await world.child.up(30_000);
    await expect.poll(() => world.dora.online, { timeout: 10_000 }).toBe(true);
    const upAfter = Date.now() - back;
    await sleep(1_500);
    await scenario.stopLoad();
    expect(settled(await scenario.drain())).toBe("");
    console.log(`${name}: up ${upAfter} ms after the server, ${JSON.stringify(scenario.counts())}`);
    expect(upAfter).toBeLessThan(30_000);
  };
  /**
   * ejabberd drops what is on its way to a client while it stops, also what it confirmed (docs/operator-guide.md): at most one
   * message of each lane. That rows are left in the gateway is never forgiven.
   */
  const settled = (left: string): string => {
    const lines = left.split("\n").filter(Boolean);
    const theirs = lines.filter(
      (line) => name === "ejabberd" && / is (?:confirmed and not there|unanswered)$/.test(line),
    );
    return theirs.length === lines.length && lines.length <= 2 * lanes ? "" : left;
  };
  /** What the users wrote may be in the server, or in our socket, when it dies: each lane has one such message. */
  const tolerance = {
    repeats: window,
    unanswered: 2 * lanes,
    ...(name === "ejabberd" ? { lostByServer: lanes } : {}),
  };

  it("restarted in order: every message arrives once, or its sender is told", async () => {
    await underLoad(async (xmpp) => {
      await xmpp.stop({ keep: true });
      await sleep(500);
      await xmpp.start();
    });
    if (name === "prosody") await scenario.lookIntoArchives();
    expect(report(await scenario.verdict(tolerance))).toBe("");
  });

  it("killed: every message arrives once, or its sender is told", async () => {
    await underLoad(async (xmpp) => {
      await xmpp.kill();
      await sleep(500);
      await xmpp.start();
    });
    // Prosody writes a message to the archive before it passes it on.
    if (name === "prosody") await scenario.lookIntoArchives();
    expect(report(await scenario.verdict(tolerance))).toBe("");
  });

  it("standing still for 20 s: every message arrives once, or its sender is told", async () => {
    await underLoad(async (xmpp) => {
      xmpp.pause();
      await sleep(20_000);
      xmpp.resume();
    });
    expect(report(await scenario.verdict(tolerance))).toBe("");
  });
});
