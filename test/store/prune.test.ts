import { describe, expect, test } from "vitest";
import type { RoomTables } from "../../src/gateway/room-ports.ts";
import { createTestClock } from "../kit/clock.ts";
import { incoming, original, outgoing, recordOf } from "../kit/rows.ts";
import { openTestStore, seedAccounts } from "./open-store.ts";

const week = 7 * 86_400_000;

async function setUp() {
  const clock = createTestClock();
  const store = await openTestStore({ clock });
  await seedAccounts(store, 2);
  const settled = async (...rows: Parameters<typeof store.lanes.append>[0]) => {
    for (const { id } of await store.lanes.append(rows)) await store.lanes.settle({ id, state: "done" });
  };
  const remembered = async (...ids: string[]) => {
    for (const id of ids) await store.lanes.deliver(1, [{ row: incoming(id), record: recordOf(id) }]);
  };
  /** A key is free again when its row is gone. */
  const isGone = (key: string) =>
    store.lanes.append([outgoing("again", { key })]).then(
      () => true,
      () => false,
    );
  return { clock, store, lanes: store.lanes, settled, remembered, isGone };
}

/** So long ago that nothing is. */
const never = 0;

describe("old rows", () => {
  test("go when they are final, those that wait stay", async () => {
    const { store, lanes, clock, settled, isGone } = await setUp();
    await lanes.append([outgoing("", { key: "waits" })]);
    await settled(outgoing("", { key: "done" }));
    await clock.advance(week);
    await settled(outgoing("", { key: "young" }));
    await store.prune({ rows: clock.now(), records: never }, 10);
    expect([await isGone("waits"), await isGone("done"), await isGone("young")]).toEqual([false, true, false]);
  });

  test("take their bytes along, and their replay is still recognised", async () => {
    const { store, lanes, clock } = await setUp();
    await lanes.deliver(1, [original("mail-1"), original("mail-2")]);
    await lanes.settle({ id: 1, state: "done" });
    await clock.advance(week);
    await store.prune({ rows: clock.now(), records: never }, 10);
    expect([await lanes.raw(1), await lanes.raw(2)]).toEqual([undefined, expect.anything()]);
    expect(await lanes.deliver(1, [original("mail-1"), original("mail-2")])).toEqual([]);
  });

  test("keep bytes and mark while the bytes are not parsed, however old", async () => {
    const { store, lanes, clock } = await setUp();
    await lanes.deliver(1, [original("mail-1")]);
    await clock.advance(10 * week);
    await store.prune({ rows: clock.now(), records: never }, 10);
    expect(await lanes.raw(1)).toBeDefined();
    expect(await lanes.deliver(1, [original("mail-1")])).toEqual([]);
  });

  test("leave what is remembered of their messages", async () => {
    const { store, lanes, clock } = await setUp();
    await lanes.deliver(1, [{ row: incoming("1"), record: recordOf("m1") }]);
    await lanes.settle({ id: 1, state: "done" });
    await clock.advance(week);
    await store.prune({ rows: clock.now(), records: never }, 10);
    expect(await store.messages.byRemoteId(1, ["m1"])).toEqual(recordOf("m1"));
  });

  test("are found behind those that wait", async () => {
    const { store, lanes, clock, settled, isGone } = await setUp();
    await lanes.append([outgoing("", { key: "waits" }), outgoing("", { key: "waits too" })]);
    await settled(outgoing("", { key: "done" }));
    await clock.advance(week);
    expect(await store.prune({ rows: clock.now(), records: never }, 2)).toBe(true);
    expect(await store.prune({ rows: clock.now(), records: never }, 2)).toBe(false);
    expect([await isGone("waits"), await isGone("waits too"), await isGone("done")]).toEqual([false, false, true]);
  });

  test("go the oldest first, no more than asked for, until it says that none is left", async () => {
    const { store, clock, settled, isGone } = await setUp();
    for (const key of ["1", "2", "3"]) await settled(outgoing("", { key }));
    await clock.advance(week);
    expect(await store.prune({ rows: clock.now(), records: never }, 2)).toBe(true);
    expect([await isGone("2"), await isGone("3")]).toEqual([true, false]);
    expect(await store.prune({ rows: clock.now(), records: never }, 2)).toBe(false);
    expect(await isGone("3")).toBe(true);
  });
});

describe("old records of messages", () => {
  test("are forgotten, whatever they are of, younger ones are not", async () => {
    const { store, lanes, clock, remembered } = await setUp();
    await remembered("old");
    await lanes.deliver(1, [{ row: incoming("report"), record: recordOf("report", { kind: "delivered" }) }]);
    await clock.advance(1_000);
    await remembered("young");
    await store.prune({ rows: never, records: clock.now() }, 10);
    expect(await store.messages.byRemoteId(1, ["old"])).toBeUndefined();
    expect(await store.messages.byRemoteId(1, ["young"])).toBeDefined();
    const replayed = { row: incoming("report"), record: recordOf("report", { kind: "delivered" }) };
    expect(await lanes.deliver(1, [replayed])).toHaveLength(1);
  });

  test("are forgotten the oldest first, no more than asked for, until it says that none is left", async () => {
    const { store, clock, remembered } = await setUp();
    await remembered("1", "2", "3");
    await clock.advance(1_000);
    const known = async () => {
      const found = await Promise.all(["1", "2", "3"].map((id) => store.messages.byRemoteId(1, [id])));
      return found.flatMap((record) => record?.remoteId ?? []);
    };
    expect(await store.prune({ rows: never, records: clock.now() }, 2)).toBe(true);
    expect(await known()).toEqual(["3"]);
    expect(await store.prune({ rows: never, records: clock.now() }, 2)).toBe(false);
    expect(await known()).toEqual([]);
  });
});

describe("what was said in rooms", () => {
  const room = "r1";
  const saying = (text: string) => ({ kind: "message", message: { id: text, from: "bob", text, sentAt: 0 } }) as const;
  const keep = (text: string, place?: number) => (tables: RoomTables) =>
    tables.keep(
      { account: 1, room, id: text, xmppId: text, from: "bob", nick: "Bob", sentAt: 0, body: saying(text) },
      place,
    );

  test("is forgotten by its age, not by its place: what was fetched from the past stays its time", async () => {
    const { store, clock } = await setUp();
    await store.rooms.change(1, keep("old"));
    await clock.advance(10);
    await store.rooms.change(1, keep("fetched 1", -1));
    await store.rooms.change(1, keep("fetched 2", -2));
    const before = { rows: never, records: clock.now() };
    expect(await store.prune(before, 2)).toBe(false);
    const left = await store.rooms.read((rooms) => rooms.archive(1, room, { newest: false, limit: 10 }));
    expect(left.map(({ id }) => id)).toEqual(["fetched 2", "fetched 1"]);
  });
});

describe("old reactions", () => {
  test("are forgotten the oldest first, no more than asked for, until it says that none is left", async () => {
    const { store, clock } = await setUp();
    const { reactions } = store;
    const like = { account: 1, peer: "contact/bob", target: "x", from: "bob", emoji: "👍" };
    for (const remoteId of ["1", "2", "3"]) {
      await reactions.add({ ...like, remoteId });
      await clock.advance(10);
    }
    const left = async () => (await reactions.of(1, "contact/bob", "x", "bob")).map(({ remoteId }) => remoteId);
    const before = { rows: never, records: clock.now() - 10 };
    expect(await store.prune(before, 1)).toBe(true);
    expect(await left()).toEqual(["2", "3"]);
    expect(await store.prune(before, 2)).toBe(false);
    expect(await left()).toEqual(["3"]);
  });
});
