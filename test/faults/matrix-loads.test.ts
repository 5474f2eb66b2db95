// The loads that break today's gateways, on a real homeserver: rooms in which everybody talks at once.
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { report } from "./harness/checks.ts";
import type { Lane } from "./harness/load.ts";
import { type MatrixWorld, startMatrixWorld } from "./harness/matrix-world.ts";
import { createScenario, type Scenario } from "./harness/scenario.ts";
import { register } from "./harness/world.ts";

const senders = 30;
const messages = 200;

let world: MatrixWorld;
let scenario: Scenario;
beforeAll(async () => {
  world = await startMatrixWorld();
  await register(world);
});
afterAll(() => world?.stop());
afterEach(() => scenario.close());

/** Everything arrived, once, in order; nobody was told otherwise. */
const expectAll = async (): Promise<void> => {
  expect(await scenario.drain(60_000)).toBe("");
  const verdict = await scenario.verdict({ repeats: 0, unanswered: 0 });
  expect(report(verdict)).toBe("");
  expect(verdict.summary).toMatchObject({ sent: messages, ok: messages, errors: 0, received: messages });
};

/** Message by message of a lane, all lanes at once; the first lanes have what does not divide. */
const sendAll = (lanes: readonly Lane[]): Promise<unknown> =>
  Promise.all(
    lanes.map(async (lane, index) => {
      for (let message = index; message < messages; message += lanes.length) await lane.send();
    }),
  );

it(`${messages} messages of ${senders} people at once in a room arrive once each, in the order of each`, async () => {
  scenario = createScenario(world);
  const lanes = scenario.lanes("in", "room", senders);
  await Promise.all(lanes.map((lane) => lane.met));
  // What comes in one moment is more than one answer of the homeserver holds: the gateway has to ask for the rest.
  await sendAll(lanes);
  await expectAll();
});

it(`${messages} messages of 2 people that were said while the gateway was away arrive once each, in order`, async () => {
  scenario = createScenario(world);
  const lanes = scenario.lanes("in", "account", 2);
  await Promise.all(lanes.map((lane) => lane.met));
  await world.child.stop();
  await sendAll(lanes);
  await world.start();
  await expectAll();
});

// The same in domain mode is in test/bridges/matrix/appservice/chats.test.ts.
it.each(["account", "room"] as const)(
  `${messages} messages from XMPP as fast as they can be written arrive once each, in order (%s)`,
  async (mode) => {
    scenario = createScenario(world);
    const lane = scenario.lane("out", mode);
    await sendAll([lane]);
    await expectAll();
  },
);
