import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Rooms, who is in them on either side, allocated local parts, and what was said. */
export const rooms: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`
      CREATE TABLE rooms (
        account INTEGER NOT NULL,
        id TEXT NOT NULL,
        name TEXT,
        topic TEXT,
        topic_by TEXT,
        topic_at INTEGER,
        access TEXT NOT NULL,
        members INTEGER,
        self TEXT NOT NULL,
        invited_by TEXT,
        PRIMARY KEY (account, id)
      ) STRICT, WITHOUT ROWID`.execute(db);
    // Injective both ways (docs/decisions/0009-local-parts-of-rooms.md).
    await sql`
      CREATE TABLE room_names (
        account INTEGER NOT NULL,
        local TEXT NOT NULL,
        kind TEXT NOT NULL,
        remote_id TEXT NOT NULL,
        PRIMARY KEY (account, local),
        UNIQUE (account, kind, remote_id)
      ) STRICT, WITHOUT ROWID`.execute(db);
    await sql`
      CREATE TABLE participants (
        account INTEGER NOT NULL,
        room TEXT NOT NULL,
        id TEXT NOT NULL,
        nick TEXT NOT NULL,
        skeleton TEXT NOT NULL,
        name TEXT,
        rank TEXT NOT NULL,
        state TEXT NOT NULL,
        listed INTEGER NOT NULL,
        active_at INTEGER NOT NULL,
        PRIMARY KEY (account, room, id)
      ) STRICT, WITHOUT ROWID`.execute(db);
    // Two nicks that look alike stand for one person.
    await sql`CREATE UNIQUE INDEX participants_skeleton ON participants (account, room, skeleton)`.execute(db);
    await sql`
      CREATE TABLE occupants (
        account INTEGER NOT NULL,
        room TEXT NOT NULL,
        client TEXT NOT NULL,
        since INTEGER NOT NULL,
        PRIMARY KEY (account, room, client)
      ) STRICT, WITHOUT ROWID`.execute(db);
    await sql`
      CREATE TABLE archive (
        seq INTEGER PRIMARY KEY,
        account INTEGER NOT NULL,
        room TEXT NOT NULL,
        id TEXT NOT NULL,
        xmpp_id TEXT NOT NULL,
        sender TEXT NOT NULL,
        nick TEXT NOT NULL,
        sent_at INTEGER NOT NULL,
        kept_at INTEGER NOT NULL,
        body TEXT NOT NULL
      ) STRICT`.execute(db);
    await sql`CREATE INDEX archive_room ON archive (account, room, seq)`.execute(db);
    await sql`CREATE INDEX archive_id ON archive (account, id)`.execute(db);
    // Only the user's own messages have another id than that.
    await sql`CREATE INDEX archive_own ON archive (account, room, xmpp_id) WHERE sender = 'self'`.execute(db);
  },
};
