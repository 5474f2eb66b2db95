import { IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, expect, it } from "vitest";
import { accountDatabases, type Mounted } from "../../../../bridges/matrix/crypto/indexed-db.ts";
import type { RecordChanges } from "../../../../src/bridge/index.ts";
import { MemoryRecords } from "../../../../src/bridge/harness.ts";
import { done, failed, openDatabase, type TestDatabase } from "./idb.ts";

const databases = accountDatabases();
const name = "an account";
let records: MemoryRecords;
let mounted: Mounted;

/** Counts its saves; fails and waits on request. */
class WatchedRecords extends MemoryRecords {
  readonly saves: string[][] = [];
  broken = false;
  gate: Promise<void> | undefined;

  override async save(changes: RecordChanges): Promise<void> {
    await this.gate;
    if (this.broken) throw new Error("the disk is full");
    this.saves.push([...changes.keys()]);
    await super.save(changes);
  }
}

async function open(): Promise<TestDatabase> {
  return openDatabase(databases, name, 2, (database) => {
    database.createObjectStore("plain");
    const pets = database.createObjectStore("pets", { keyPath: "name" });
    pets.createIndex("kind", "kind", { unique: false });
    pets.createIndex("tag", "tag", { unique: true });
  });
}

/** As after a crash: everything in memory is gone. */
async function reopen(database: TestDatabase): Promise<TestDatabase> {
  database.close();
  await mounted.unmount();
  mounted = await databases.mount(name, records);
  return open();
}

beforeEach(async () => {
  records = new WatchedRecords();
  mounted = await databases.mount(name, records);
});
afterEach(() => mounted.unmount());

const watched = () => records as WatchedRecords;

it("has after a restart what completed, with its schema, keys and indexes", async () => {
  let database = await open();
  const write = database.transaction(["plain", "pets"], "readwrite");
  write.objectStore("plain").put(new Uint8Array([1, 2, 255]), ["room", 7]);
  write.objectStore("pets").put({ name: "Rex", kind: "dog", tag: 1 });
  write.objectStore("pets").put({ name: "Tom", kind: "cat", tag: 2 });
  await done(write);

  database = await reopen(database);
  const read = database.transaction(["plain", "pets"], "readonly");
  const value = read.objectStore("plain").get(["room", 7]);
  const cats = read.objectStore("pets").index("kind").getAll("cat");
  const all = read.objectStore("pets").getAllKeys();
  await done(read);
  expect(value.result).toEqual(new Uint8Array([1, 2, 255]));
  expect(cats.result).toEqual([{ name: "Tom", kind: "cat", tag: 2 }]);
  expect(all.result).toEqual(["Rex", "Tom"]);
  expect(database.version).toBe(2);
});

it("saves a transaction in one commit", async () => {
  const database = await open();
  watched().saves.length = 0;
  const write = database.transaction(["plain", "pets"], "readwrite");
  for (let key = 0; key < 10; key++) write.objectStore("plain").put(key, key);
  write.objectStore("pets").put({ name: "Rex", kind: "dog", tag: 1 });
  await done(write);
  expect(watched().saves.map((keys) => keys.length)).toEqual([11]);
});

it("completes only when the save has resolved", async () => {
  const database = await open();
  const gate = Promise.withResolvers<void>();
  watched().gate = gate.promise;
  const write = database.transaction("plain", "readwrite");
  write.objectStore("plain").put("v", "k");
  let completed = false;
  const completion = done(write).then(() => (completed = true));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(completed).toBe(false);
  gate.resolve();
  await completion;
  expect(completed).toBe(true);
});

it("lets a second transaction see nothing of the first before that is saved", async () => {
  const database = await open();
  const gate = Promise.withResolvers<void>();
  watched().gate = gate.promise;
  const write = database.transaction("plain", "readwrite");
  write.objectStore("plain").put("v", "k");
  const read = database.transaction("plain", "readonly");
  let seen: unknown = "nothing yet";
  read.objectStore("plain").get("k").onsuccess = ({ target }) => (seen = target.result);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(seen).toBe("nothing yet");
  gate.resolve();
  await done(read);
  expect(seen).toBe("v");
});

it("aborts and undoes a transaction whose save fails", async () => {
  let database = await open();
  const first = database.transaction("plain", "readwrite");
  first.objectStore("plain").put("old", "k");
  await done(first);

  watched().broken = true;
  const second = database.transaction("plain", "readwrite");
  second.objectStore("plain").put("new", "k");
  second.objectStore("plain").put("more", "l");
  expect(await failed(second)).toBe("UnknownError");
  watched().broken = false;

  const contents = async () => {
    const read = database.transaction("plain", "readonly");
    const values = read.objectStore("plain").getAll();
    await done(read);
    return values.result;
  };
  expect(await contents()).toEqual(["old"]);
  database = await reopen(database);
  expect(await contents()).toEqual(["old"]);
});

it("writes nothing any more after a failed save, until it is mounted anew", async () => {
  let database = await open();
  expect(mounted.spoiled()).toBe(false);
  const write = () => {
    const transaction = database.transaction("plain", "readwrite");
    transaction.objectStore("plain").put("v", "k");
    return transaction;
  };
  watched().broken = true;
  await failed(write());
  watched().broken = false;
  expect(mounted.spoiled()).toBe(true);
  expect(await failed(write())).toBe("UnknownError");
  database = await reopen(database);
  await done(write());
  expect(mounted.spoiled()).toBe(false);
});

it("fails to open when the schema cannot be saved, and opens later", async () => {
  watched().broken = true;
  await expect(open()).rejects.toThrow();
  watched().broken = false;
  await mounted.unmount();
  mounted = await databases.mount(name, records);
  expect((await open()).version).toBe(2);
});

it("saves nothing of a transaction that was aborted", async () => {
  const database = await open();
  watched().saves.length = 0;
  const write = database.transaction("plain", "readwrite");
  write.objectStore("plain").put("v", "k").onsuccess = () => write.abort();
  expect(await failed(write)).toBe("no error");
  expect(watched().saves).toEqual([]);
  expect(records.map.size).toBe(1); // the schema
});

it("saves the rest of a transaction when a constraint stopped one request of it", async () => {
  let database = await open();
  const write = database.transaction("pets", "readwrite");
  write.objectStore("pets").put({ name: "Rex", kind: "dog", tag: 1 });
  write.objectStore("pets").put({ name: "Tom", kind: "cat", tag: 1 }).onerror = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  await done(write);
  database = await reopen(database);
  const read = database.transaction("pets", "readonly");
  const names = read.objectStore("pets").getAllKeys();
  await done(read);
  expect(names.result).toEqual(["Rex"]);
});

it("keeps what cursors change and delete, deletes of ranges, and a clear", async () => {
  let database = await open();
  const fill = database.transaction(["plain", "pets"], "readwrite");
  for (let key = 0; key < 8; key++) fill.objectStore("plain").put(`v${key}`, key);
  fill.objectStore("pets").put({ name: "Rex", kind: "dog", tag: 1 });
  await done(fill);

  const change = database.transaction(["plain", "pets"], "readwrite");
  const cursors = change.objectStore("plain").openCursor();
  cursors.onsuccess = () => {
    const cursor = cursors.result;
    if (!cursor) return;
    if (cursor.key === 0) cursor.update("changed");
    if (cursor.key === 1) cursor.delete();
    cursor.continue();
  };
  change.objectStore("plain").delete(IDBKeyRange.bound(4, 6));
  change.objectStore("pets").clear();
  await done(change);

  database = await reopen(database);
  const read = database.transaction(["plain", "pets"], "readonly");
  const values = read.objectStore("plain").getAll();
  const pets = read.objectStore("pets").count();
  await done(read);
  expect(values.result).toEqual(["changed", "v2", "v3", "v7"]);
  expect(pets.result).toBe(0);
});

it("carries contents over a change of the schema that shifts its stores", async () => {
  let database = await open();
  const write = database.transaction("pets", "readwrite");
  write.objectStore("pets").put({ name: "Rex", kind: "dog", tag: 1 });
  await done(write);
  database.close();
  database = await openDatabase(databases, name, 3, (upgrade) => upgrade.deleteObjectStore("plain"));
  const more = database.transaction("pets", "readwrite");
  more.objectStore("pets").put({ name: "Tom", kind: "cat", tag: 2 });
  await done(more);
  database.close();
  await mounted.unmount();

  mounted = await databases.mount(name, records);
  database = await openDatabase(databases, name, 3, () => undefined);
  const read = database.transaction("pets", "readonly");
  const names = read.objectStore("pets").getAllKeys();
  await done(read);
  expect(names.result).toEqual(["Rex", "Tom"]);
});

it("writes nothing any more once the account is unmounted", async () => {
  const database = await open();
  await mounted.unmount();
  watched().saves.length = 0;
  const late = database.transaction("plain", "readwrite");
  late.objectStore("plain").put("v", "k");
  expect(await failed(late)).toBe("UnknownError");
  expect(watched().saves).toEqual([]);
});

it("keeps keys that are longer than a records key may be", async () => {
  let database = await open();
  const write = database.transaction("plain", "readwrite");
  write.objectStore("plain").put("v", "device".repeat(1_000));
  await done(write);
  expect(Math.max(...[...records.map.keys()].map((key) => key.length))).toBeLessThan(60);
  database = await reopen(database);
  const read = database.transaction("plain", "readonly");
  const value = read.objectStore("plain").get("device".repeat(1_000));
  await done(read);
  expect(value.result).toBe("v");
});

it("opens no database that no account has mounted, and none twice", async () => {
  await expect(openDatabase(databases, "somebody else's", 1, () => undefined)).rejects.toThrow(
    /no account has mounted/,
  );
  await expect(databases.mount(name, new MemoryRecords())).rejects.toThrow(/mounted already/);
});

it("keeps the databases of two accounts apart", async () => {
  const others = new MemoryRecords();
  const another = await databases.mount("another account", others);
  const mine = await open();
  const theirs = await openDatabase(databases, "another account", 1, (upgrade) => upgrade.createObjectStore("plain"));
  const write = theirs.transaction("plain", "readwrite");
  write.objectStore("plain").put("theirs", "k");
  await done(write);
  const read = mine.transaction("plain", "readonly");
  const value = read.objectStore("plain").get("k");
  await done(read);
  expect(value.result).toBeUndefined();
  theirs.close();
  await another.unmount();
});
