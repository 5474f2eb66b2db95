// A store on SQLite in memory (or in a file), as the tests of the store and of the core use it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Direction } from "../../src/gateway/lane-ports.ts";
import type { AccountRecord, Store } from "../../src/gateway/ports.ts";
import { createVault } from "../../src/store/secrets.ts";
import { openSqlite, type SqliteOptions } from "../../src/store/sqlite.ts";
import { createTestClock } from "../kit/clock.ts";

/** The vault's key in tests: 32 bytes of 0x07. */
export const testKey = Buffer.alloc(32, 7);

export function openTestStore(options: Partial<SqliteOptions> = {}): Promise<Store> {
  return openSqlite({ path: ":memory:", clock: createTestClock(), vault: createVault(testKey), ...options });
}

/** Accounts 1, 2, ... of users u1@localhost, u2@localhost, ... */
export async function seedAccounts(store: Store, count = 1): Promise<AccountRecord[]> {
  const accounts: AccountRecord[] = [];
  for (let number = 1; number <= count; number++) {
    const user = `u${number}@localhost`;
    accounts.push(
      await store.accounts.save({ user, bridge: "toy", mode: "account", self: `self${number}` }, { password: "pw" }),
    );
  }
  return accounts;
}

/** How many rows of a direction are not final. */
export async function waitingIn({ lanes }: Store, direction: Direction): Promise<number> {
  const heads = (await lanes.heads()).filter((head) => head.direction === direction);
  const pages = await Promise.all(heads.map((head) => lanes.page(head, 0, 1_000)));
  return pages.flat().length;
}

/** Runs with the path of a database file that does not exist yet. */
export async function withFolder<T>(run: (path: string, folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "viaduct-store-"));
  try {
    return await run(join(folder, "viaduct.db"), folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
