import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Reactions by message and sender; what bridges keep, sealed. */
export const reactionsAndRecords: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`
      CREATE TABLE reactions (
        account INTEGER NOT NULL,
        remote_id TEXT NOT NULL,
        peer TEXT NOT NULL,
        target TEXT NOT NULL,
        sender TEXT NOT NULL,
        emoji TEXT NOT NULL,
        seen_at INTEGER NOT NULL,
        PRIMARY KEY (account, remote_id)
      ) STRICT, WITHOUT ROWID`.execute(db);
    await sql`CREATE INDEX reactions_target ON reactions (account, peer, target, sender)`.execute(db);
    // A service belongs to no account: its bridge's name stands in `service`, and `account` is 0.
    await sql`
      CREATE TABLE records (
        account INTEGER NOT NULL,
        service TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (account, service, key)
      ) STRICT, WITHOUT ROWID`.execute(db);
  },
};
