// What accounts cost: memory of signed-in IMAP accounts, and the start with many accounts and a full queue.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../src/clock.ts";
import { newKey } from "../src/gateway/keys.ts";
import type { NewRow } from "../src/gateway/lane-ports.ts";
import type { Store } from "../src/gateway/ports.ts";
import { createVault, loadKey } from "../src/store/secrets.ts";
import { openSqlite } from "../src/store/sqlite.ts";
import { startChild, type ViaductChild } from "../test/kit/viaduct-child.ts";

export interface MailEndpoint {
  readonly host: string;
  readonly port: number;
  readonly security: "tls" | "starttls" | "none";
}

/** Opens the database that a gateway with this folder will use, creating it, and closes it after `use`. */
export async function withStore(dir: string, use: (store: Store) => Promise<void>): Promise<void> {
  const data = join(dir, "data");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const store = await openSqlite({
    path: join(data, "viaduct.db"),
    clock: systemClock,
    vault: createVault(loadKey(join(data, "viaduct.key"))),
  });
  await use(store);
  await store.close();
}

/** Writes `count` signed-in accounts into a fresh database, as the sign-in would have. */
export async function seedAccounts(
  dir: string,
  count: number,
  imap: MailEndpoint,
  smtp: MailEndpoint,
  each?: (store: Store, account: number) => Promise<void>,
): Promise<void> {
  await withStore(dir, async (store) => {
    for (let at = 0; at < count; at++) {
      const address = `user${at}@example.org`;
      const account = await store.accounts.save(
        { user: `user${at}@localhost`, bridge: "email", mode: "account", self: address },
        { address, user: address, password: "pw", imap: { ...imap }, smtp: { ...smtp } },
      );
      await each?.(store, account.id);
    }
  });
}

/** Fills the queue: `perAccount` messages for each account, in `lanes` conversations. */
export const seedQueue = (perAccount: number, lanes: number) => (store: Store, account: number) => {
  const rows = Array.from(
    { length: perAccount },
    (_, at): NewRow => ({
      direction: "outgoing",
      account,
      peer: `contact/p${at % lanes}@example.test`,
      key: newKey(Date.now()),
      body: { kind: "message", origin: { from: `user@localhost/x`, id: `q${at}` }, text: `queued ${at}` },
    }),
  );
  return store.lanes.append(rows).then(() => {});
};

/** Resident memory once `count` accounts are signed in and idle. */
export async function rssWith(config: string, count: number, online: () => Promise<number>): Promise<number> {
  const child = await startChild({ config });
  await child.up();
  const deadline = Date.now() + 120_000;
  while ((await online()) < count) {
    if (Date.now() > deadline)
      throw new Error(`only ${await online()} of ${count} accounts signed in:\n${child.output().slice(-2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const rss = await settledRss(child);
  await child.stop();
  return rss;
}

/** The smallest of a few readings. */
export async function settledRss(child: ViaductChild): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < 4; reading++) {
    least = Math.min(least, (await child.stats()).rssMb);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return least;
}
