import { describe, expect, test } from "vitest";
import type { LaneHead, LaneStore, NewRow } from "../../src/gateway/lane-ports.ts";
import { createTestClock } from "../kit/clock.ts";
import { incoming, original, outgoing, recordOf, type RowOptions } from "../kit/rows.ts";
import { openTestStore, seedAccounts, withFolder } from "./open-store.ts";

const toBob: LaneHead = { account: 1, direction: "outgoing", peer: "contact/bob" };
const fromBob: LaneHead = { ...toBob, direction: "incoming" };

async function setUp(options: Parameters<typeof openTestStore>[0] = {}) {
  const clock = createTestClock();
  const store = await openTestStore({ clock, ...options });
  await seedAccounts(store, 2);
  return { clock, store, lanes: store.lanes };
}

describe("rows", () => {
  test("come back in the order in which they were appended, each lane for itself", async () => {
    const { lanes } = await setUp();
    await lanes.append([outgoing("1"), outgoing("other", { peer: "contact/carol" }), outgoing("2")]);
    await lanes.append([outgoing("3"), incoming("answer")]);
    const page = await lanes.page(toBob, 0, 10);
    expect(page.map((row) => row.body.kind === "message" && "text" in row.body && row.body.text)).toEqual([
      "1",
      "2",
      "3",
    ]);
    expect(page[0]).toMatchObject({ state: "queued", attempts: 0, notBefore: 0, createdAt: Date.UTC(2026, 0, 1) });
  });

  test("are paged after an id", async () => {
    const { lanes } = await setUp();
    const [, second] = await lanes.append([outgoing("1"), outgoing("2"), outgoing("3")]);
    const page = await lanes.page(toBob, second?.id ?? 0, 10);
    expect(page.map((row) => row.id)).toEqual([3]);
  });

  test("with a key that was there before are refused", async () => {
    const { lanes } = await setUp();
    await lanes.append([outgoing("1", { key: "same" })]);
    await expect(lanes.append([outgoing("2"), outgoing("3", { key: "same" })])).rejects.toMatchObject({
      kind: "broken",
    });
    expect(await lanes.page(toBob, 0, 10)).toHaveLength(1);
  });

  test("keep their ids growing over a restart, also when no row is left: others remember them longer", () =>
    withFolder(async (path) => {
      const clock = createTestClock();
      const first = await setUp({ path, clock });
      const [row] = await first.lanes.append([outgoing("1")]);
      await first.lanes.settle({ id: 1, state: "done" });
      await clock.advance(1);
      await first.store.prune({ rows: clock.now(), records: 0 }, 10);
      await first.store.close();
      const second = await openTestStore({ path, clock });
      const [next] = await second.lanes.append([outgoing("2")]);
      expect(row?.id).toBe(1);
      expect(next?.id).toBeGreaterThan(1);
      await second.close();
    }));

  test("appended in one turn share one commit", async () => {
    let commits = 0;
    const { lanes } = await setUp({ onCommit: (point) => void (point === "after" && commits++) });
    commits = 0;
    await Promise.all(Array.from({ length: 50 }, (_, index) => lanes.append([outgoing(`${index}`)])));
    expect(commits).toBe(1);
  });

  test("of a lane are announced in the order of their ids, and are on no page before that", async () => {
    const early: Promise<unknown>[] = [];
    let look = () => {};
    const { lanes } = await setUp({ onCommit: (point) => point === "after" && look() });
    // Committed, not on disk yet: a row that were seen here would be handled, and announced later to be handled again.
    look = () => void early.push(lanes.page(toBob, 0, 10));
    const heard: string[] = [];
    lanes.onRows((rows) => void heard.push(...rows.map((row) => `${row.direction} ${row.id}`)));
    await Promise.all([lanes.append([outgoing("1")]), lanes.append([incoming("2"), outgoing("3")])]);
    look = () => {};
    expect(await Promise.all(early)).toEqual([[]]);
    // What goes to XMPP need not wait for the disk: who handed it over is told only afterwards.
    expect(heard).toEqual(["incoming 2", "outgoing 1", "outgoing 3"]);
    expect((await lanes.page(toBob, 0, 10)).map((row) => row.id)).toEqual([1, 3]);
    const notes = [incoming("receipt")];
    await lanes.settle({ id: 1, state: "done", notes });
    expect(heard.at(-1)).toBe("incoming 4");
  });

  test("of an account that is gone are not written", async () => {
    const { lanes, store } = await setUp();
    await store.accounts.remove(1);
    expect(await lanes.append([outgoing("too late")])).toEqual([]);
    expect(await lanes.deliver(1, [{ row: incoming("too late"), record: recordOf("r") }])).toEqual([]);
    expect(await lanes.heads()).toEqual([]);
  });
});

describe("the heads", () => {
  test("are the lanes with rows that are not final", async () => {
    const { lanes } = await setUp();
    const [done] = await lanes.append([outgoing("1"), outgoing("2", { peer: "contact/carol" }), incoming("3")]);
    await lanes.settle({ id: done?.id ?? 0, state: "done" });
    expect(await lanes.heads()).toEqual([
      { account: 1, direction: "outgoing", peer: "contact/carol" },
      { account: 1, direction: "incoming", peer: "contact/bob" },
    ]);
  });
});

describe("settling", () => {
  test("a deferred row waits with its attempts, time and frozen bytes", async () => {
    const { lanes } = await setUp();
    await lanes.append([outgoing("1")]);
    await lanes.begin(1, { frozen: "bytes" });
    await lanes.settle({ id: 1, state: "sent", attempts: 3, notBefore: 9_000, error: "later" });
    expect(await lanes.page(toBob, 0, 1)).toMatchObject([
      { state: "sent", attempts: 3, notBefore: 9_000, prepared: { frozen: "bytes" } },
    ]);
  });

  test("a final row, its record and what follows from it are one commit", async () => {
    let commits = 0;
    const { lanes, store } = await setUp({ onCommit: (point) => void (point === "after" && commits++) });
    await lanes.append([outgoing("1")]);
    commits = 0;
    const record = recordOf("remote-1", { fromSelf: true });
    const notes = await lanes.settle({ id: 1, state: "done", records: [record], notes: [incoming("receipt")] });
    expect(commits).toBe(1);
    expect(notes.map((row) => row.id)).toEqual([2]);
    expect(await lanes.page(toBob, 0, 10)).toEqual([]);
    expect(await store.messages.byXmppId(1, "contact/bob", "x-remote-1")).toEqual(record);
  });

  test("a settlement that fails half way leaves the row as it was", async () => {
    const { lanes, store } = await setUp();
    await lanes.append([outgoing("1"), outgoing("there", { key: "taken" })]);
    const notes = [incoming("first"), outgoing("second", { key: "taken" })];
    const failing = lanes.settle({ id: 1, state: "done", records: [recordOf("remote-1")], notes });
    await expect(failing).rejects.toMatchObject({ name: "StoreError" });
    expect(await lanes.page(toBob, 0, 10)).toMatchObject([{ id: 1, state: "queued" }, { id: 2 }]);
    expect(await lanes.page(fromBob, 0, 10)).toEqual([]);
    expect(await store.messages.byRemoteId(1, ["remote-1"])).toBeUndefined();
  });

  test("a row whose account went meanwhile leaves no record and no notes", async () => {
    const { lanes, store } = await setUp();
    await lanes.append([outgoing("under way")]);
    await store.accounts.remove(1);
    const record = recordOf("remote-1", { fromSelf: true });
    expect(await lanes.settle({ id: 1, state: "done", records: [record], notes: [incoming("receipt")] })).toEqual([]);
    expect(await store.messages.byRemoteId(1, ["remote-1"])).toBeUndefined();
    expect(await lanes.heads()).toEqual([]);
  });

  test("what people wrote goes from a row when it is final", () =>
    withFolder(async (path) => {
      const { lanes, store } = await setUp({ path });
      await lanes.append([outgoing("canary-text")]);
      await lanes.begin(1, "canary-prepared");
      await lanes.settle({ id: 1, state: "done" });
      await store.close();
      const { DatabaseSync } = await import("node:sqlite");
      const db = new DatabaseSync(path);
      expect(db.prepare("SELECT id, state, body, prepared FROM lane_rows").all()).toEqual([
        expect.objectContaining({ id: 1, state: 2, body: "", prepared: null }),
      ]);
      db.close();
    }));
});

describe("delivering", () => {
  test("a replayed event is dropped, and one with another digest is not", async () => {
    const { lanes } = await setUp();
    const deliver = (digest: string) =>
      lanes.deliver(1, [{ row: incoming("mail"), record: recordOf("r1", { digest }) }]);
    expect(await deliver("aa")).toHaveLength(1);
    expect(await deliver("aa")).toHaveLength(0);
    expect(await deliver("bb")).toHaveLength(1);
  });

  test("events of two accounts with one id are both kept", async () => {
    const { lanes } = await setUp();
    expect(await lanes.deliver(1, [{ row: incoming("a"), record: recordOf("r1") }])).toHaveLength(1);
    const second = { row: incoming("a", { account: 2 }), record: recordOf("r1", { account: 2 }) };
    expect(await lanes.deliver(2, [second])).toHaveLength(1);
  });

  test("E13: the user's own message that comes back is dropped, whatever its digest", async () => {
    const { lanes } = await setUp();
    await lanes.append([outgoing("mine")]);
    await lanes.settle({ id: 1, state: "done", records: [recordOf("r1", { fromSelf: true })] });
    for (const digest of ["", "digest-of-the-copy"]) {
      expect(await lanes.deliver(1, [{ row: incoming("echo"), record: recordOf("r1", { digest }) }])).toEqual([]);
    }
  });

  test("events, cursor and the end of the row they came from are one commit", async () => {
    let commits = 0;
    const { lanes, store } = await setUp({ onCommit: (point) => void (point === "after" && commits++) });
    const [row] = await lanes.deliver(1, [original("mail-1")], { cursor: { uid: 7 } });
    commits = 0;
    const settle = { id: row?.id ?? 0, state: "done" } as const;
    await lanes.deliver(1, [{ row: incoming("1"), record: recordOf("m1") }], { cursor: { uid: 8 }, settle });
    expect(commits).toBe(1);
    expect(await store.accounts.cursor(1)).toEqual({ uid: 8 });
    expect(await lanes.heads()).toEqual([fromBob]);
  });

  test("a delivery that fails half way leaves no event, no cursor and no ended row", async () => {
    const { lanes, store } = await setUp();
    await lanes.deliver(1, [original("mail-1")], { cursor: 1 });
    const bad = [
      { row: outgoing("first", { key: "twice" }), record: recordOf("m1") },
      { row: outgoing("second", { key: "twice" }), record: recordOf("m2") },
    ];
    const failing = lanes.deliver(1, bad, { cursor: 2, settle: { id: 1, state: "done" } });
    await expect(failing).rejects.toMatchObject({ name: "StoreError" });
    expect(await store.accounts.cursor(1)).toBe(1);
    expect(await lanes.heads()).toEqual([{ account: 1, direction: "intake", peer: "intake" }]);
    expect(await store.messages.byRemoteId(1, ["m1"])).toBeUndefined();
    // It was the row that failed, not the event: the same event is taken later.
    expect(await lanes.deliver(1, [{ row: incoming("first"), record: recordOf("m1") }])).toHaveLength(1);
  });

  test("a commit that fails leaves no event and no cursor", async () => {
    let broken = false;
    const { lanes, store } = await setUp({
      onCommit: () => {
        if (broken) throw new Error("cut");
      },
    });
    broken = true;
    await expect(lanes.deliver(1, [original("mail-1")], { cursor: 1 })).rejects.toThrow("cut");
    broken = false;
    expect(await store.accounts.cursor(1)).toBeUndefined();
    expect(await lanes.heads()).toEqual([]);
    expect(await lanes.raw(1)).toBeUndefined();
  });
});

describe("stored bytes", () => {
  test("are found by their row, and by the message that was made of them", async () => {
    const { lanes } = await setUp();
    const [row] = await lanes.deliver(1, [original("mail-1", { raw: Buffer.from("From: bob") })]);
    expect(Buffer.from((await lanes.raw(row?.id ?? 0)) ?? []).toString()).toBe("From: bob");
    const settle = { id: row?.id ?? 0, state: "done" } as const;
    await lanes.deliver(1, [{ row: incoming("1"), record: recordOf("m1") }], { settle });
    expect(Buffer.from((await lanes.rawOf(1, toBob.peer, "x-m1")) ?? []).toString()).toBe("From: bob");
    expect(await lanes.rawOf(2, toBob.peer, "x-m1")).toBeUndefined();
  });
});

describe("read markers", () => {
  const read = (target: string, options?: RowOptions): NewRow => outgoing({ kind: "read", target }, options);
  const inLane = async (lanes: LaneStore, head: LaneHead = toBob) =>
    (await lanes.page(head, 0, 10)).map(({ body }) => ("target" in body ? body.target : body.kind));

  test("that wait give way to a newer one of their conversation, messages do not", async () => {
    const { lanes } = await setUp();
    const carol = { peer: "contact/carol" };
    await lanes.append([read("old"), outgoing("1"), read("carol's", carol)]);
    await lanes.append([read("new")], { supersedes: "read" });
    expect(await inLane(lanes)).toEqual(["message", "new"]);
    expect(await inLane(lanes, { ...toBob, ...carol })).toEqual(["carol's"]);
  });

  test("that are being handed over stay", async () => {
    const { lanes } = await setUp();
    await lanes.append([read("on its way")]);
    await lanes.settle({ id: 1, state: "sent" });
    await lanes.append([read("new")], { supersedes: "read" });
    expect(await inLane(lanes)).toEqual(["on its way", "new"]);
  });

  test("that gave way while they were tried do not come back for another try", async () => {
    const { lanes } = await setUp();
    await lanes.append([read("old")]);
    await lanes.append([read("new")], { supersedes: "read" });
    await lanes.settle({ id: 1, state: "queued", attempts: 1, notBefore: 9_000, error: "The network is away." });
    expect(await inLane(lanes)).toEqual(["new"]);
  });

  test("stay when the newer one is not stored", async () => {
    const { lanes } = await setUp();
    await lanes.append([read("old", { key: "taken" })]);
    const failing = lanes.append([read("new", { key: "taken" })], { supersedes: "read" });
    await expect(failing).rejects.toMatchObject({ name: "StoreError" });
    expect(await inLane(lanes)).toEqual(["old"]);
  });
});

describe("old rows", () => {
  test("that wait are told as expired, oldest first, outgoing ones only", async () => {
    const { lanes, clock } = await setUp();
    await lanes.append([outgoing("old"), incoming("old")]);
    await clock.advance(1_000);
    await lanes.append([outgoing("new")]);
    expect((await lanes.expired(clock.now(), 10)).map((row) => row.body.text)).toEqual(["old"]);
  });
});

describe("a disk that is almost full", () => {
  test("takes nothing new, but lets what waits come to its end", async () => {
    let enough = true;
    const { lanes } = await setUp({ writable: () => enough });
    await lanes.append([outgoing("1")]);
    await lanes.deliver(1, [original("mail-1")]);
    enough = false;
    await expect(lanes.append([outgoing("2")])).rejects.toMatchObject({ name: "StoreError", kind: "full" });
    await expect(lanes.deliver(1, [original("mail-2")])).rejects.toMatchObject({ kind: "full" });
    await lanes.settle({ id: 1, state: "done", notes: [incoming("receipt")] });
    const opened = [{ row: incoming("opened"), record: recordOf("m1") }];
    expect(await lanes.deliver(1, opened, { settle: { id: 2, state: "done" } })).toHaveLength(1);
    enough = true;
    expect(await lanes.append([outgoing("2")])).toHaveLength(1);
  });
});
