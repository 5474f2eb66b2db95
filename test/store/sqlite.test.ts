import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { outgoing } from "../kit/rows.ts";
import { openTestStore, seedAccounts, withFolder } from "./open-store.ts";

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

/** A process that opens the database and says how that went. */
async function openElsewhere(path: string): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const script = fileURLToPath(new URL("./opener.ts", import.meta.url));
  const child = spawn(process.execPath, [script, path], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  return { child, said: chunk.toString().trim() };
}

describe("a second process", () => {
  test("is refused with a sentence, and the first goes on", () =>
    withFolder(async (path) => {
      const store = await openTestStore({ path });
      await seedAccounts(store);
      const { said } = await openElsewhere(path);
      expect(said).toBe(
        `StoreError busy: another viaduct is running on ${path}: stop it first, or give this one another store.path`,
      );
      expect(await store.lanes.append([outgoing("still here")])).toHaveLength(1);
      await store.close();
    }));

  test("may open the database once the first is gone, however it went", () =>
    withFolder(async (path) => {
      const first = await openElsewhere(path);
      expect(first.said).toBe("open");
      await expect(openTestStore({ path })).rejects.toMatchObject({ kind: "busy" });
      first.child.kill("SIGKILL");
      await once(first.child, "exit");
      const store = await openTestStore({ path });
      await store.close();
    }));

  test("may read the database for a backup meanwhile", () =>
    withFolder(async (path) => {
      const store = await openTestStore({ path });
      await seedAccounts(store);
      const reader = new DatabaseSync(path, { readOnly: true });
      expect(reader.prepare("SELECT count(*) AS n FROM accounts").get()).toMatchObject({ n: 1 });
      reader.close();
      await store.close();
    }));
});

describe("the database file", () => {
  test("is made with its folder, for the owner alone, in WAL mode", () =>
    withFolder(async (_, folder) => {
      const path = `${folder}/data/viaduct.db`;
      const store = await openTestStore({ path });
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(statSync(`${folder}/data`).mode & 0o777).toBe(0o700);
      expect(statSync(`${path}-wal`).mode & 0o077).toBe(0);
      await store.close();
      const db = new DatabaseSync(path);
      expect(db.prepare("PRAGMA journal_mode").get()).toMatchObject({ journal_mode: "wal" });
      db.close();
    }));

  test("can be opened again: migrations run once", () =>
    withFolder(async (path) => {
      const first = await openTestStore({ path });
      await seedAccounts(first);
      await first.close();
      const second = await openTestStore({ path });
      expect(await second.accounts.all()).toHaveLength(1);
      await second.close();
    }));

  test("of a newer version is refused and left as it is", () =>
    withFolder(async (path) => {
      const store = await openTestStore({ path });
      await seedAccounts(store);
      await store.close();
      const newer = new DatabaseSync(path);
      newer.prepare("INSERT INTO kysely_migration VALUES (?, ?)").run("0999-from-the-future", "2030-01-01");
      newer.close();
      await expect(openTestStore({ path })).rejects.toMatchObject({
        name: "StoreError",
        message: expect.stringContaining("0999-from-the-future"),
      });
      const after = new DatabaseSync(path);
      expect(after.prepare("SELECT count(*) AS n FROM accounts").get()).toMatchObject({ n: 1 });
      after.close();
    }));

  test("that is no database is refused", () =>
    withFolder(async (path) => {
      const { writeFileSync } = await import("node:fs");
      writeFileSync(path, "this is a text file, not a database at all".repeat(100));
      await expect(openTestStore({ path })).rejects.toThrow("not a database");
      // The lock went with the refusal: the next attempt fails for the same reason, not for a lock.
      await expect(openTestStore({ path })).rejects.toThrow("not a database");
    }));
});
