import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Which pictures people and rooms have, those pictures that were read, and whose names are the user's. */
export const avatars: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`ALTER TABLE contacts ADD COLUMN named INTEGER NOT NULL DEFAULT 0`.execute(db);
    // Empty: there was a picture, and it was taken away.
    await sql`ALTER TABLE contacts ADD COLUMN avatar TEXT`.execute(db);
    await sql`ALTER TABLE participants ADD COLUMN avatar TEXT`.execute(db);
    await sql`ALTER TABLE rooms ADD COLUMN avatar TEXT`.execute(db);
    // Without hash and bytes: it was read, and there is nothing to show.
    await sql`
      CREATE TABLE avatars (
        account INTEGER NOT NULL,
        id TEXT NOT NULL,
        hash TEXT,
        bytes BLOB,
        size INTEGER NOT NULL,
        read_at INTEGER NOT NULL
      ) STRICT`.execute(db);
    await sql`CREATE UNIQUE INDEX avatars_id ON avatars (account, id)`.execute(db);
    await sql`CREATE INDEX avatars_age ON avatars (read_at, size)`.execute(db);
  },
};
