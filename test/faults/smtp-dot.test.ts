// What a mail server can do around the final dot. The message's fate is then unknown, and the rule is P3: it may come
// twice, always with the same bytes and the same Message-ID, and it is never lost in silence.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FakeSmtp, type SmtpAction, type SmtpMoment, type SmtpStage, startFakeSmtp } from "../kit/fake-smtp.ts";
import { type Proxy, startProxy } from "../kit/proxy.ts";
import { report } from "./harness/checks.ts";
import { scriptedEnd } from "./harness/far-end.ts";
import { letTimePass, nextTryIn } from "./harness/gateway-ledger.ts";
import { createScenario, type Scenario } from "./harness/scenario.ts";
import { startWorld, type World } from "./harness/world.ts";

let smtp: FakeSmtp;
let proxy: Proxy;
let world: World;
let scenario: Scenario;
beforeAll(async () => {
  smtp = await startFakeSmtp();
  proxy = await startProxy({ target: smtp.port });
  world = await startWorld({ mail: false, reroute: async () => ({ smarthost: proxy.port }) });
  await world.start();
});
afterAll(async () => {
  await world?.stop();
  await proxy?.stop();
  await smtp?.stop();
});
afterEach(() => {
  smtp.setScript(undefined);
  scenario.close();
});

/** Once, the first time that this stage is reached. */
function once(stage: SmtpStage, action: SmtpAction): (moment: SmtpMoment) => SmtpAction | undefined {
  let done = false;
  return (moment) => {
    if (done || moment.stage !== stage) return undefined;
    done = true;
    return action;
  };
}

interface Case {
  readonly what: string;
  readonly stage: SmtpStage;
  readonly action: SmtpAction;
  /** How often the message reaches the dot. */
  readonly dots: number;
  /** Of those, how many the server may have kept. */
  readonly copies: number;
  /** Nobody knows whether the server has it: the next try is 15 minutes later. */
  readonly maybe?: true;
}

const cases: readonly Case[] = [
  { what: "is gone at MAIL FROM", stage: "mail", action: { drop: true }, dots: 1, copies: 1 },
  { what: "is gone at DATA", stage: "data", action: { drop: true }, dots: 1, copies: 1 },
  {
    what: "is gone in the middle of the content",
    stage: "content",
    action: { drop: true },
    dots: 1,
    copies: 1,
    maybe: true,
  },
  { what: "is gone after the dot", stage: "dot", action: { drop: true }, dots: 2, copies: 2, maybe: true },
  {
    what: "says 421 at DATA and goes",
    stage: "data",
    action: { thenDrop: "421 4.3.2 going down" },
    dots: 1,
    copies: 1,
  },
  { what: "says 451 after the dot", stage: "dot", action: "451 4.3.0 try later", dots: 2, copies: 1 },
  {
    what: "says 421 after the dot and goes",
    stage: "dot",
    action: { thenDrop: "421 4.3.2 going down" },
    dots: 2,
    copies: 1,
  },
  { what: "is gone right after its 250", stage: "dot", action: { thenDrop: "250 2.0.0 taken" }, dots: 1, copies: 1 },
  { what: "says 452 at RCPT", stage: "rcpt", action: "452 4.2.2 mailbox full", dots: 1, copies: 1 },
];

/** The rule for a "maybe": not at once, where the server may still be at it. */
async function passQuarterOfAnHour(): Promise<void> {
  const wait = (): number => nextTryIn(world.database) ?? 0;
  await expect.poll(wait, { timeout: 10_000 }).toBeGreaterThan(14 * 60_000);
  await world.child.kill();
  letTimePass(world.database);
  await world.start();
}

describe("a server that", () => {
  it.each(cases)(
    "$what gets the message again, as the same message",
    async ({ stage, action, dots, copies, maybe }) => {
      const before = smtp.mails.length;
      const refused = (index: number) => dots > copies && index === before;
      scenario = createScenario(world, { farEnd: scriptedEnd(smtp, refused) });
      smtp.setScript(once(stage, action));
      const marker = await scenario.lane("out", "domain").send();
      if (maybe) await passQuarterOfAnHour();
      expect(await scenario.drain()).toBe("");
      const taken = smtp.mails.slice(before);
      expect(taken).toHaveLength(dots);
      expect(new Set(taken.map((mail) => mail.messageId)).size).toBe(1);
      expect(new Set(taken.map((mail) => mail.raw.toString("latin1"))).size).toBe(1);
      expect(scenario.outcome(marker)).toBe("ok");
      expect(report(await scenario.verdict({ repeats: copies - 1, unanswered: 0 }))).toBe("");
    },
  );

  it("is cut off while it says 250 gets the message again, as the same message", async () => {
    const before = smtp.mails.length;
    scenario = createScenario(world, { farEnd: scriptedEnd(smtp) });
    const cut = proxy.cutAfter("250 2.0.0 tak", "down");
    await scenario.lane("out", "domain").send();
    await cut;
    await passQuarterOfAnHour();
    expect(await scenario.drain()).toBe("");
    expect(new Set(smtp.mails.slice(before).map((mail) => mail.messageId)).size).toBe(1);
    const verdict = await scenario.verdict({ repeats: 1, unanswered: 0 });
    expect(report(verdict)).toBe("");
    expect(verdict.summary).toMatchObject({ ok: 1, repeats: 1 });
  });

  it.each([
    ["says 552 after the dot", "dot", "552 5.3.4 too big for us", /552|too big|larger/i],
    ["says 550 at RCPT", "rcpt", "550 5.1.1 no such user", /no such user|does not exist|550/i],
  ] as const)(
    "%s: the sender gets an error on that very message, and the server no second try",
    async (_, stage, reply, words) => {
      const before = smtp.mails.length;
      scenario = createScenario(world, { farEnd: scriptedEnd(smtp, (index) => index >= before) });
      smtp.setScript(once(stage, reply));
      const errors: string[] = [];
      const stop = world.dora.onStanza((stanza) => {
        if (stanza.attrs["type"] === "error")
          errors.push(`${stanza.attrs["id"]}: ${stanza.getChild("error")?.getChildText("text")}`);
      });
      const marker = await scenario.lane("out", "domain").send();
      expect(await scenario.drain()).toBe("");
      stop();
      expect(scenario.outcome(marker)).toBe("error");
      expect(errors).toEqual([expect.stringContaining(marker.text)]);
      expect(errors[0]).toMatch(words);
      expect(smtp.mails.length - before).toBe(stage === "dot" ? 1 : 0);
      expect(report(await scenario.verdict({ repeats: 0, unanswered: 0 }))).toBe("");
    },
  );

  it("stalls after the dot holds up its own conversation only, and is asked again after a restart", async () => {
    const before = smtp.mails.length;
    scenario = createScenario(world, { farEnd: scriptedEnd(smtp) });
    smtp.setScript(once("dot", { stall: true }));
    const [stalled, other] = scenario.lanes("out", "domain", 2);
    const first = await stalled?.send();
    await expect.poll(() => smtp.mails.length, { timeout: 10_000 }).toBe(before + 1);
    const second = await other?.send();
    if (first === undefined || second === undefined) throw new Error("two lanes were asked for");
    await expect.poll(() => scenario.outcome(second), { timeout: 10_000 }).toBe("ok");
    expect(scenario.outcome(first)).toBeUndefined();
    await world.child.kill();
    await world.start();
    expect(await scenario.drain()).toBe("");
    expect(report(await scenario.verdict({ repeats: 1, unanswered: 0 }))).toBe("");
    expect(scenario.outcome(first)).toBe("ok");
  });

  it("is away while 10 messages are sent gets all of them in order when it is back", async () => {
    scenario = createScenario(world, { farEnd: scriptedEnd(smtp) });
    // New connections end at once, kept ones at their next mail.
    smtp.setScript(({ stage }) => (stage === "connect" || stage === "mail" ? { drop: true } : undefined));
    const lane = scenario.lane("out", "domain");
    for (let message = 0; message < 10; message++) await lane.send();
    const tries = smtp.connections;
    await expect.poll(() => smtp.connections, { timeout: 10_000 }).toBeGreaterThan(tries + 1);
    expect(scenario.counts()).toEqual({ sent: 10, told: 0, received: 0 });
    smtp.setScript(undefined);
    expect(await scenario.drain(30_000)).toBe("");
    const verdict = await scenario.verdict({ repeats: 0, unanswered: 0 });
    expect(report(verdict)).toBe("");
    expect(verdict.summary).toMatchObject({ sent: 10, ok: 10, received: 10 });
  });
});
