import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Reactions are forgotten with the messages they are on. */
export const oldReactions: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`CREATE INDEX reactions_age ON reactions (seen_at)`.execute(db);
  },
};
