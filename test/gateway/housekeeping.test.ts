import { expect, onTestFinished, test } from "vitest";
import { keepHouse } from "../../src/gateway/housekeeping.ts";
import { type Store, StoreError } from "../../src/gateway/ports.ts";
import { createTestClock } from "../kit/clock.ts";
import { incoming, recordOf } from "../kit/rows.ts";
import { openTestStore, seedAccounts } from "../store/open-store.ts";
import { createLog, eventually } from "./setup.ts";

const minute = 60_000;
const day = 86_400_000;

async function setUp(change: (store: Store) => Pick<Store, "prune"> = (store) => store) {
  const clock = createTestClock();
  const store = await openTestStore({ clock });
  await seedAccounts(store);
  const log = createLog();
  let rounds = 0;
  const end = keepHouse({ store: change(store), clock, log, expire: async () => void rounds++ });
  onTestFinished(end);
  return {
    clock,
    log,
    end,
    get rounds() {
      return rounds;
    },
    remember: (...ids: string[]) =>
      store.lanes.deliver(
        1,
        ids.map((id) => ({ row: incoming(id), record: recordOf(id) })),
      ),
    knows: async (id: string) => (await store.messages.byRemoteId(1, [id])) !== undefined,
  };
}

test("a message is remembered for 400 days", async () => {
  const { clock, remember, knows } = await setUp();
  await remember("old");
  clock.jump(400 * day - minute);
  await remember("young");
  expect(await knows("old")).toBe(true);
  await clock.advance(10 * minute);
  await eventually("it is forgotten", async () => !(await knows("old")));
  expect(await knows("young")).toBe(true);
});

test("what is old goes in one round, however much it is", async () => {
  let prunes = 0;
  const { clock, remember, knows } = await setUp((store) => ({
    prune(...asked) {
      prunes++;
      return store.prune(...asked);
    },
  }));
  await remember(...Array.from({ length: 500 }, (_, n) => String(n)));
  await eventually("the first round is over", () => prunes === 1);
  clock.jump(401 * day);
  await clock.advance(10 * minute);
  await eventually("all is forgotten", async () => !(await knows("499")));
  expect(prunes).toBe(1 + 3);
});

test("a round that fails is logged, and the next one comes all the same", async () => {
  let broken = true;
  const house = await setUp((store) => ({
    prune: async (...asked) => {
      if (broken) throw new StoreError("busy", "somebody has the database");
      return store.prune(...asked);
    },
  }));
  await eventually("it is logged", () => house.log.lines.length === 1);
  expect(house.log.lines[0]?.message).toBe("housekeeping failed");
  broken = false;
  await house.clock.advance(10 * minute);
  await eventually("the second round", () => house.rounds === 2);
  house.end();
  await house.clock.advance(100 * minute);
  expect(house.rounds).toBe(2);
});
