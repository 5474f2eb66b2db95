import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { createVault } from "../../src/store/secrets.ts";
import { original, outgoing } from "../kit/rows.ts";
import { openTestStore, seedAccounts, withFolder } from "./open-store.ts";

const alice = { user: "alice@localhost", bridge: "toy", mode: "account", self: "alice" } as const;
/** Everything in the folder, as one string of bytes. */
const bytesOf = (folder: string) =>
  readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), "latin1"))
    .join("\n");

describe("accounts in the store", () => {
  test("an account comes back as it was saved", async () => {
    const store = await openTestStore();
    const saved = await store.accounts.save(alice, { password: "pw" });
    expect(saved).toEqual({ ...alice, id: 1, createdAt: Date.UTC(2026, 0, 1) });
    expect(await store.accounts.all()).toEqual([saved]);
    expect(await store.accounts.credentials(1)).toEqual({ password: "pw" });
    await store.close();
  });

  test("the same account again keeps its id and gets the new credentials", async () => {
    const store = await openTestStore();
    await store.accounts.save(alice, { password: "old" });
    expect((await store.accounts.save(alice, { password: "new" })).id).toBe(1);
    expect(await store.accounts.all()).toHaveLength(1);
    expect(await store.accounts.credentials(1)).toEqual({ password: "new" });
    await store.close();
  });

  test("an account of domain mode has no credentials", async () => {
    const store = await openTestStore();
    await store.accounts.save({ ...alice, mode: "domain" }, undefined);
    expect(await store.accounts.credentials(1)).toBeUndefined();
    await store.close();
  });

  test("two users may not receive for one id of the operator's service", async () => {
    const store = await openTestStore();
    await store.accounts.save({ ...alice, mode: "domain" }, undefined);
    const second = store.accounts.save({ ...alice, user: "mallory@localhost", mode: "domain" }, undefined);
    await expect(second).rejects.toMatchObject({ name: "StoreError" });
    expect(await store.accounts.all()).toHaveLength(1);
    await store.close();
  });

  test("S-01: a password is in no file of the database", () =>
    withFolder(async (path, folder) => {
      const canary = "canary-5f1d-Tr0ub4dor";
      const store = await openTestStore({ path });
      await store.accounts.save(alice, { password: canary });
      // The folder holds the write-ahead log while the database is open, the main file after it is closed.
      expect(bytesOf(folder)).toContain("alice@localhost");
      expect(bytesOf(folder)).not.toContain(canary);
      await store.close();
      expect(bytesOf(folder)).toContain("alice@localhost");
      expect(bytesOf(folder)).not.toContain(canary);
    }));

  test("S-02: credentials that were swapped between two rows do not open", () =>
    withFolder(async (path) => {
      const store = await openTestStore({ path });
      await seedAccounts(store, 3);
      await store.close();
      const thief = new DatabaseSync(path);
      thief.exec(`CREATE TEMP TABLE loot AS SELECT id, credentials FROM accounts;
        UPDATE accounts SET credentials = (SELECT credentials FROM loot WHERE loot.id = 3 - accounts.id)
        WHERE id < 3`);
      thief.close();
      const again = await openTestStore({ path });
      await expect(again.accounts.credentials(1)).rejects.toThrow("do not open with this key");
      await expect(again.accounts.credentials(2)).rejects.toThrow("do not open with this key");
      expect(await again.accounts.credentials(3)).toEqual({ password: "pw" });
      await again.close();
    }));

  test("a database does not open with another key, and says what to do", () =>
    withFolder(async (path) => {
      const store = await openTestStore({ path });
      await seedAccounts(store);
      await store.close();
      const vault = createVault(Buffer.alloc(32, 8));
      await expect(openTestStore({ path, vault })).rejects.toThrow("put the key file back");
      // Nothing was changed by the attempt.
      const again = await openTestStore({ path });
      expect(await again.accounts.credentials(1)).toEqual({ password: "pw" });
      await again.close();
    }));

  test("S-09: nothing of a removed account stays in any table", () =>
    withFolder(async (path) => {
      const store = await openTestStore({ path });
      await seedAccounts(store, 2);
      for (const account of [1, 2]) {
        const bob = { account, id: "bob", name: "Bob", subscribed: true, introduced: true };
        await store.contacts.change(account, "bob", () => bob);
        await store.lanes.append([outgoing("waits", { account })]);
        await store.lanes.deliver(account, [original("r1", { account })], { cursor: 5 });
      }
      await store.accounts.remove(1);
      await store.close();
      const db = new DatabaseSync(path);
      const left = (table: string, column: string) =>
        db
          .prepare(`SELECT ${column} AS account FROM ${table}`)
          .all()
          .map((row) => row.account);
      expect(left("accounts", "id")).toEqual([2]);
      expect(left("contacts", "account")).toEqual([2]);
      expect(left("lane_rows", "account")).toEqual([2, 2]);
      expect(left("originals", "account")).toEqual([2]);
      expect(left("message_ids", "account")).toEqual([2]);
      db.close();
    }));

  test("the id of a removed account is never given again", async () => {
    const store = await openTestStore();
    await store.accounts.save(alice, undefined);
    await store.accounts.remove(1);
    expect((await store.accounts.save(alice, undefined)).id).toBe(2);
    await store.close();
  });
});
