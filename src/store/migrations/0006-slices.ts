import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * Two indexes that touched a page for almost each message: the one of XMPP ids is kept in slices now (xmpp-ids.ts), and
 * ended rows are found without one, for they are numbered in the order in which they came.
 */
export const slices: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`ALTER TABLE message_ids ADD COLUMN slice INTEGER NOT NULL DEFAULT 0`.execute(db);
    await sql`UPDATE message_ids SET slice = id >> 8`.execute(db);
    await sql`DROP INDEX message_ids_xmpp`.execute(db);
    await sql`CREATE INDEX message_ids_xmpp ON message_ids (account, slice, xmpp_id)`.execute(db);
    await sql`DROP INDEX lane_rows_final`.execute(db);
  },
};
