import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * Numbers of lane rows are never given twice, also when all rows are gone: occupants, mails and files remember them longer
 * than the rows live. The archive is forgotten by age: what was fetched from the past has the lowest places in it.
 */
export const numbersAndAges: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`CREATE TABLE row_numbers (given INTEGER NOT NULL) STRICT`.execute(db);
    await sql`
      INSERT INTO row_numbers SELECT max(
        (SELECT ifnull(max(id), 0) FROM lane_rows),
        (SELECT ifnull(max(row_id), 0) FROM originals),
        (SELECT ifnull(max(original), 0) FROM message_ids),
        (SELECT ifnull(max(original), 0) FROM files),
        (SELECT ifnull(max(since), 0) FROM occupants))`.execute(db);
    await sql`CREATE INDEX archive_age ON archive (kept_at)`.execute(db);
  },
};
