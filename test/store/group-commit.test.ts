import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StoreError } from "../../src/gateway/ports.ts";
import { settle } from "../kit/clock.ts";
import { GroupCommit, toStoreError } from "../../src/store/group-commit.ts";

describe("group commit", () => {
  let db: DatabaseSync;
  let syncs: number;
  let points: string[];
  let broken: string[];
  let failing = false;
  let disk: () => Promise<void>;
  let group: GroupCommit;
  const insert = (n: number) => () => Number(db.prepare("INSERT INTO t VALUES (?)").run(n).lastInsertRowid);
  const stored = () =>
    db
      .prepare("SELECT n FROM t ORDER BY rowid")
      .all()
      .map((row) => row.n);

  beforeEach(() => {
    db = new DatabaseSync(":memory:");
    db.exec("CREATE TABLE t (n INTEGER UNIQUE)");
    syncs = 0;
    points = [];
    broken = [];
    disk = async () => {};
    group = new GroupCommit({
      db,
      sync: () => {
        syncs++;
        return disk();
      },
      onPoint(point) {
        points.push(point);
        if (point === "before" && failing) throw new Error("the power is gone");
      },
      onBroken: (error) => void broken.push(error.message),
    });
  });
  afterEach(() => db.close());

  test("writes of one turn of the event loop share one commit", async () => {
    const ids = await Promise.all([1, 2, 3, 4, 5].map((n) => group.run(insert(n))));
    expect(ids).toEqual([1, 2, 3, 4, 5]);
    expect(points).toEqual(["before", "after", "synced"]);
    expect(syncs).toBe(1);
  });

  test("writes of different turns have a commit each", async () => {
    await group.run(insert(1));
    await group.run(insert(2));
    expect(points).toEqual(["before", "after", "synced", "before", "after", "synced"]);
  });

  test("a write resolves when the disk has it, and not before", async () => {
    let synced = () => {};
    disk = () =>
      new Promise((resolve) => {
        synced = resolve;
      });
    let resolved = false;
    const written = group.run(insert(1)).then(() => {
      resolved = true;
    });
    await settle();
    // Committed as SQLite sees it; but the power could go.
    expect(stored()).toEqual([1]);
    expect(resolved).toBe(false);
    synced();
    await written;
    expect(resolved).toBe(true);
  });

  test("writes made while the disk is busy share the next commit and its fsync", async () => {
    const waiting: (() => void)[] = [];
    disk = () => new Promise((resolve) => waiting.push(resolve));
    const writes = [group.run(insert(1))];
    await settle();
    for (const n of [2, 3, 4]) {
      writes.push(group.run(insert(n)));
      await settle();
    }
    expect([syncs, stored()]).toEqual([1, [1]]);
    waiting[0]?.();
    await settle();
    expect([syncs, stored()]).toEqual([2, [1, 2, 3, 4]]);
    waiting[1]?.();
    await Promise.all(writes);
    expect(points).toEqual(["before", "after", "synced", "before", "after", "synced"]);
  });

  test("what is written by those who waited is committed without anybody else writing", async () => {
    const second = group.run(insert(1)).then(() => group.run(insert(2)));
    expect(await second).toBe(2);
  });

  test("a disk that fails rejects everything from then on, and says so once", async () => {
    disk = () => Promise.reject(new Error("I/O error"));
    const sentence = "the disk did not store what was written to it";
    await expect(group.run(insert(1))).rejects.toMatchObject({ kind: "broken", message: sentence });
    disk = async () => {};
    await expect(group.run(insert(2))).rejects.toMatchObject({ kind: "broken", message: sentence });
    expect(broken).toEqual([sentence]);
    expect(stored()).toEqual([1]);
  });

  test("who listens hears of all of a commit, in order, at the COMMIT and before any waiting promise goes on", async () => {
    const heard: string[] = [];
    const write = (n: number) =>
      group.run(insert(n), (id, point) => heard.push(`${point} ${id}`)).then((id) => heard.push(`${id}`));
    await Promise.all([write(1), write(2), write(3)]);
    const all = (point: string) => [1, 2, 3].map((id) => `${point} ${id}`);
    expect(heard).toEqual([...all("committed"), ...all("synced"), "1", "2", "3"]);
  });

  test("one write that fails does not take its neighbours along", async () => {
    const results = await Promise.allSettled([1, 2, 2, 3].map((n) => group.run(insert(n))));
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(stored()).toEqual([1, 2, 3]);
  });

  test("a write that fails in its middle leaves none of its rows", async () => {
    await group.run(insert(7));
    const both = group.run(() => {
      insert(8)();
      insert(7)();
    });
    await expect(both).rejects.toMatchObject({ name: "StoreError", kind: "broken" });
    expect(stored()).toEqual([7]);
  });

  test("writes are done in the order of the calls, also after one of them failed", async () => {
    await Promise.allSettled([5, 3, 5, 9, 1].map((n) => group.run(insert(n))));
    expect(stored()).toEqual([5, 3, 9, 1]);
  });

  test("a commit that fails leaves nothing and rejects", async () => {
    failing = true;
    await expect(group.run(insert(1))).rejects.toMatchObject({
      kind: "broken",
      message: "the database refused a write: the power is gone",
    });
    failing = false;
    expect(stored()).toEqual([]);
    expect(db.isTransaction).toBe(false);
    expect(await group.run(insert(2))).toBe(1);
  });

  test("a full disk is reported as such, and writing goes on when there is room again", async () => {
    const { page_count: pages } = db.prepare("PRAGMA page_count").get() as { page_count: number };
    db.exec("CREATE TABLE big (blob BLOB)");
    db.exec(`PRAGMA max_page_count = ${pages + 3}`);
    const big = () => void db.prepare("INSERT INTO big VALUES (zeroblob(100000))").run();
    const [full, small] = await Promise.allSettled([group.run(big), group.run(insert(1))]);
    expect(full).toMatchObject({ status: "rejected", reason: { kind: "full" } });
    expect(small.status).toBe("fulfilled");
    db.exec("PRAGMA max_page_count = 1000");
    await group.run(big);
    expect(stored()).toEqual([1]);
  });

  test("a lock that somebody holds is reported as busy", () => {
    const locked = Object.assign(new Error("database is locked"), { errcode: 5 });
    expect(toStoreError(locked).kind).toBe("busy");
    // SQLITE_BUSY_SNAPSHOT
    expect(toStoreError(Object.assign(new Error("database is locked"), { errcode: 517 })).kind).toBe("busy");
  });

  test("a StoreError thrown inside a write keeps its kind", async () => {
    const write = group.run(() => {
      throw new StoreError("full", "almost full");
    });
    await expect(write).rejects.toMatchObject({ kind: "full", message: "almost full" });
  });

  test("drain commits what waits and resolves when it is on disk", async () => {
    const written = group.run(insert(1));
    await group.drain();
    expect(points).toEqual(["before", "after", "synced"]);
    expect(await written).toBe(1);
  });
});
