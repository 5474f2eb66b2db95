import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Files of messages that a link may lead to (docs/decisions/0008-links-to-files.md). */
export const files: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`
      CREATE TABLE files (
        key TEXT NOT NULL,
        position INTEGER NOT NULL,
        account INTEGER NOT NULL,
        name TEXT NOT NULL,
        source BLOB NOT NULL,
        expires_at INTEGER NOT NULL,
        PRIMARY KEY (key, position)
      ) STRICT, WITHOUT ROWID`.execute(db);
    await sql`CREATE INDEX files_expiry ON files (expires_at)`.execute(db);
  },
};
