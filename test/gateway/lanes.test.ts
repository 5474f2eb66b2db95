import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Lane, Lanes } from "../../src/gateway/lanes.ts";
import type { LaneRow, LaneStore } from "../../src/gateway/lane-ports.ts";
import type { Store } from "../../src/gateway/ports.ts";
import { createTestClock, settle } from "../kit/clock.ts";
import { incoming, outgoing } from "../kit/rows.ts";
import { openTestStore, seedAccounts } from "../store/open-store.ts";
import { createLog, eventually } from "./setup.ts";

const textOf = (row: LaneRow): string => ("text" in row.body && row.body.text) || "";

/** Lanes with a worker that handles rows one by one; `stalled` names the peers whose rows do not come to an end. */
async function setUp(maxLoaded: number, wrap: (store: LaneStore) => LaneStore = (real) => real, store?: Store) {
  if (store === undefined) {
    store = await openTestStore();
    await seedAccounts(store, 3);
  }
  const lanesStore = store.lanes;
  const clock = createTestClock();
  const log = createLog();
  const handled = new Map<string, string[]>();
  const stalled = new Set<string>();
  const ready: Lane[] = [];
  let most = 0;

  const work = async (lane: Lane): Promise<void> => {
    for (;;) {
      const row = lanes.peek(lane);
      most = Math.max(most, lanes.loaded);
      if (row === undefined) break;
      // Its head is being sent, for ever.
      if (stalled.has(row.peer)) return;
      await settle(1);
      await lanesStore.settleMany([row.id]);
      const list = handled.get(row.peer);
      if (list) list.push(textOf(row));
      else handled.set(row.peer, [textOf(row)]);
      lanes.take(lane);
      lanes.finished(lane);
    }
    lanes.idle(lane);
  };
  const lanes = new Lanes({
    store: wrap(lanesStore),
    clock,
    log,
    maxLoaded,
    onReady(lane) {
      ready.push(lane);
      if (lane.busy) return;
      lane.busy = true;
      void work(lane);
    },
  });
  store.lanes.onRows((rows) => lanes.add(rows));
  return {
    store,
    lanes,
    clock,
    log,
    handled,
    stalled,
    ready,
    add: (...texts: string[]) => store.lanes.append(texts.map((text) => outgoing(text))),
    get most() {
      return most;
    },
  };
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n));

describe("a lane", () => {
  test("hands over its rows in order", async () => {
    const { add, handled, lanes } = await setUp(100);
    await add("1", "2");
    await add("3");
    await eventually("all three are handled", () => handled.get("contact/bob")?.length === 3);
    expect(handled.get("contact/bob")).toEqual(["1", "2", "3"]);
    await eventually("nothing is left in memory", () => lanes.loaded === 0 && [...lanes.lanes].length === 0);
  });

  test("goes on after a restart with what waits in the store", async () => {
    const { store, handled, lanes } = await setUp(100);
    await store.lanes.append(numbers(70).map((text) => outgoing(text)));
    await lanes.start();
    await eventually("all are handled", () => handled.get("contact/bob")?.length === 70);
    expect(handled.get("contact/bob")).toEqual(numbers(70));
  });

  test("takes rows that are added while a page is being read", async () => {
    const { store, add, handled, lanes } = await setUp(100);
    await store.lanes.append(numbers(40).map((text) => outgoing(text)));
    const started = lanes.start();
    await add("40");
    await started;
    await add("41");
    await eventually("all are handled", () => handled.get("contact/bob")?.length === 42);
    expect(handled.get("contact/bob")).toEqual(numbers(42));
  });

  test("that got rows before the start hands over the older ones first, and each once", async () => {
    const store = await openTestStore();
    await seedAccounts(store);
    await store.lanes.append(numbers(40).map((text) => outgoing(text)));
    const { lanes, handled, add } = await setUp(100, (real) => real, store);
    // A service of domain mode takes a message while the gateway starts.
    await add("40");
    await lanes.start();
    await add("41");
    await eventually("all are handled", () => (handled.get("contact/bob")?.length ?? 0) >= 42);
    await settle(50);
    expect(handled.get("contact/bob")).toEqual(numbers(42));
  });

  test("gets back rows that were lost on the way, before all others and in order", async () => {
    const { store, lanes, stalled } = await setUp(100);
    stalled.add("contact/bob");
    await lanes.start();
    await store.lanes.append(numbers(5).map((text) => incoming(text)));
    const [lane] = lanes.lanes;
    if (lane === undefined) throw new Error("no lane");
    const taken = [lanes.take(lane), lanes.take(lane)].filter((row) => row !== undefined);
    expect(lane.taken).toBe(2);
    lanes.restore(lane, taken);
    expect(lane.rows.map((row) => row.id)).toEqual([1, 2, 3, 4, 5]);
    expect([lane.taken, lanes.loaded]).toEqual([0, 5]);
  });

  test("that has to wait is unloaded, and loaded again when somebody looks", async () => {
    const { lanes, add, handled, stalled } = await setUp(100);
    stalled.add("contact/bob");
    await add("1", "2", "3");
    const [lane] = lanes.lanes;
    if (lane === undefined) throw new Error("no lane");
    lanes.unload(lane);
    expect(lanes.loaded).toBe(0);
    await add("4");
    expect(lanes.loaded).toBe(0);
    stalled.clear();
    lane.busy = false;
    expect(lanes.peek(lane)).toBeUndefined();
    await eventually("all are handled", () => handled.get("contact/bob")?.length === 4);
    expect(handled.get("contact/bob")).toEqual(["1", "2", "3", "4"]);
  });

  test("is read again after the store could not be read", async () => {
    let broken = true;
    const { store, lanes, clock, handled, log } = await setUp(100, (real) => ({
      ...real,
      page: (...args) => (broken ? Promise.reject(new Error("I/O error")) : real.page(...args)),
    }));
    await store.lanes.append([outgoing("1")]);
    await lanes.start();
    await eventually("the failure is logged", () => log.lines.length > 0);
    broken = false;
    await clock.advance(1_000);
    await eventually("it is handled", () => handled.get("contact/bob")?.length === 1);
  });
});

describe("memory", () => {
  test("holds no more than the limit while 100,000 rows wait, and all are handled in order", {
    timeout: 60_000,
  }, async () => {
    const setup = await setUp(200);
    const { store, lanes, handled } = setup;
    const peers = 500;
    for (let n = 0; n < 100_000; n += 5_000) {
      const rows = numbers(5_000).map((_, index) =>
        outgoing(String(n + index), { peer: `contact/p${(n + index) % peers}` }),
      );
      // Half of them wait since before the start, half come while the gateway works.
      if (n === 50_000) await lanes.start();
      await store.lanes.append(rows);
    }
    const done = () => [...handled.values()].reduce((sum, list) => sum + list.length, 0);
    while (done() < 100_000) await settle(50);
    expect(setup.most).toBeLessThanOrEqual(200);
    for (let peer = 0; peer < peers; peer++) {
      const expected = Array.from({ length: 200 }, (_, index) => String(index * peers + peer));
      expect(handled.get(`contact/p${peer}`)).toEqual(expected);
    }
    expect(lanes.loaded).toBe(0);
  });

  test("that is full of rows which cannot go is shared with those which can, within a second or two", async () => {
    const { store, lanes, clock, handled, stalled } = await setUp(64);
    for (const peer of ["contact/dead", "contact/slow"]) {
      stalled.add(peer);
      await store.lanes.append(numbers(200).map((text) => outgoing(text, { peer })));
    }
    await store.lanes.append(numbers(100).map((text) => outgoing(text, { account: 2 })));
    await clock.advance(2_000);
    await eventually("bob has them all", () => handled.get("contact/bob")?.length === 100);
    expect(handled.get("contact/bob")).toEqual(numbers(100));
    expect(lanes.loaded).toBeLessThanOrEqual(64);
  });

  test("lets go of an account that is gone, also of what was taken", async () => {
    const { store, lanes, stalled } = await setUp(100);
    stalled.add("contact/bob");
    await store.lanes.append(numbers(10).map((text) => incoming(text)));
    const [lane] = lanes.lanes;
    if (lane === undefined) throw new Error("no lane");
    lanes.take(lane);
    lanes.drop(1);
    lanes.finished(lane);
    expect(lanes.loaded).toBe(0);
    expect([...lanes.lanes]).toEqual([]);
  });
});

test("whatever comes in whatever order, each row is handled once, in order, within the limit", async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("append" as const), peer: fc.nat({ max: 3 }), count: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ do: fc.constant("turn" as const), turns: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant("late" as const), peer: fc.nat({ max: 3 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 50 }), async (steps, limit) => {
      const setup = await setUp(limit);
      const { store, lanes, handled } = setup;
      const expected = new Map<string, string[]>();
      let text = 0;
      const make = (peer: string) => {
        expected.set(peer, [...(expected.get(peer) ?? []), String(text)]);
        return outgoing(String(text++), { peer });
      };
      await lanes.start();
      for (const one of steps) {
        if (one.do === "turn") await settle(one.turns);
        else if (one.do === "append") {
          const rows = Array.from({ length: one.count }, () => make(`contact/p${one.peer}`));
          await store.lanes.append(rows);
        } else {
          // Nobody waits for the disk.
          void store.lanes.append([make(`contact/p${one.peer}`)]);
        }
      }
      const total = [...expected.values()].flat().length;
      const done = () => [...handled.values()].flat().length;
      await eventually(`all ${total} are handled`, () => done() >= total);
      await settle(3);
      expect(Object.fromEntries(handled)).toEqual(Object.fromEntries(expected));
      expect(setup.most).toBeLessThanOrEqual(limit);
      expect(lanes.loaded).toBe(0);
      await store.close();
    }),
    { numRuns: 40 },
  );
});
