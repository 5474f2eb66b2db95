// Account mode against a mailbox that misbehaves: no mail twice, none skipped.
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type CuttingProxy, cuttingProxy } from "../bridges/email/cutting-proxy.ts";
import { report } from "./harness/checks.ts";
import type { Lane } from "./harness/load.ts";
import { bodyCanary } from "./harness/marker.ts";
import { createScenario, type Scenario } from "./harness/scenario.ts";
import { signIn, startWorld, type MailWorld } from "./harness/world.ts";

const aliceMail = "alice@example.test";
let proxy: CuttingProxy;
let world: MailWorld;
let scenario: Scenario;
let lane: Lane;
beforeAll(async () => {
  world = await startWorld({
    reroute: async ({ imap }) => {
      proxy = await cuttingProxy(imap);
      return { imap: proxy.port };
    },
  });
  await world.start();
  await signIn(world);
});
afterAll(async () => {
  await world?.stop();
  await proxy?.close();
});
afterEach(() => scenario.close());

/** A gateway of its own for each story: one that saw many failures in a row waits longer and longer, as it should. */
const begin = async (): Promise<void> => {
  await world.halt();
  await world.start();
  scenario = createScenario(world);
  lane = scenario.lane("in", "account", 1);
};
const send = async (count: number): Promise<void> => {
  for (let mail = 0; mail < count; mail++) await lane.send();
};
/** Every mail of the scenario is there, once, under one stanza id. */
const expectAll = async (sent: number): Promise<void> => {
  expect(await scenario.drain(30_000)).toBe("");
  const verdict = await scenario.verdict({ repeats: 0, unanswered: 0 });
  expect(report(verdict)).toBe("");
  expect(verdict.summary).toEqual({ sent, ok: sent, errors: 0, unanswered: 0, received: sent, repeats: 0 });
};

it("another UIDVALIDITY while connected: nothing is shown again, new mail is not missed", async () => {
  await begin();
  await send(5);
  await expect.poll(() => scenario.counts().received, { timeout: 10_000 }).toBe(5);
  await world.dovecot?.setUidValidity(aliceMail, 1_700_000_001);
  await send(5);
  await expectAll(10);
});

it("another UIDVALIDITY while the gateway is away, with new mail before and after it", async () => {
  await begin();
  await send(3);
  await expect.poll(() => scenario.counts().received, { timeout: 10_000 }).toBe(3);
  // Confirmed by the XMPP server as well: what a kill makes the gateway repeat is not what is looked at here.
  expect(await scenario.drain(10_000)).toBe("");
  await world.child.kill();
  await send(3);
  await world.dovecot?.setUidValidity(aliceMail, 1_800_000_002);
  await send(3);
  await world.start();
  await expectAll(9);
});

it("a literal cut in the middle, three times in a row", async () => {
  await begin();
  for (let cut = 0; cut < 3; cut++) {
    const cuts = proxy.cuts;
    proxy.cutOnce(bodyCanary);
    // The second mail of each pair is 8bit, so that the proxy sees its text.
    await send(2);
    await expect.poll(() => proxy.cuts, { timeout: 15_000 }).toBe(cuts + 1);
  }
  await expectAll(6);
});

it.each([
  ["SELECT", "NO [UNAVAILABLE] later"],
  ["UID SEARCH", "NO [SERVERBUG] sorry"],
  ["UID SEARCH", "BAD what is that"],
  ["UID FETCH", "NO [EXPUNGEISSUED] gone"],
  ["UID FETCH", "BAD what is that"],
] as const)("%s refused with %s once: the mail comes a little later", async (command, answer) => {
  await begin();
  const refusals = proxy.refusals;
  proxy.refuseOnce(command, answer);
  if (command === "SELECT") proxy.drop();
  await send(2);
  await expect.poll(() => proxy.refusals, { timeout: 15_000 }).toBe(refusals + 1);
  await expectAll(2);
});

it("BYE in the middle of IDLE", async () => {
  await begin();
  await send(1);
  await expect.poll(() => scenario.counts().received, { timeout: 10_000 }).toBe(1);
  proxy.inject("* BYE going down for a moment\r\n");
  proxy.drop();
  await send(2);
  await expectAll(3);
});

it("the server restarted, and killed, with mail before, between and after", async () => {
  await begin();
  await send(2);
  await world.dovecot?.stop({ keep: true });
  await world.dovecot?.start();
  await send(2);
  await world.dovecot?.kill();
  await world.dovecot?.start();
  await send(2);
  await expectAll(6);
});
