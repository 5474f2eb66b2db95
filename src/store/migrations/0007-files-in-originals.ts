import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Files that lie in stored bytes, which stay as long as the links to them work (docs/decisions/0016-files-of-mails.md). */
export const filesInOriginals: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`ALTER TABLE files ADD COLUMN original INTEGER`.execute(db);
    await sql`CREATE INDEX files_original ON files (original) WHERE original IS NOT NULL`.execute(db);
  },
};
