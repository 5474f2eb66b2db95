import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Accounts, contacts, lanes, stored originals and the memory of message ids. */
export const first: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`
      CREATE TABLE accounts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user TEXT NOT NULL,
        bridge TEXT NOT NULL,
        mode TEXT NOT NULL,
        self TEXT NOT NULL,
        credentials BLOB,
        cursor TEXT,
        created_at INTEGER NOT NULL,
        UNIQUE (bridge, user, mode, self)
      ) STRICT`.execute(db);
    // Two users may not receive for one id of a service that the operator runs for everybody.
    await sql`CREATE UNIQUE INDEX accounts_domain_self ON accounts (bridge, self) WHERE mode = 'domain'`.execute(db);
    await sql`
      CREATE TABLE contacts (
        account INTEGER NOT NULL,
        remote_id TEXT NOT NULL,
        name TEXT,
        subscribed INTEGER NOT NULL,
        introduced INTEGER NOT NULL,
        PRIMARY KEY (account, remote_id)
      ) STRICT, WITHOUT ROWID`.execute(db);
    await sql`
      CREATE TABLE lane_rows (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        account INTEGER NOT NULL,
        direction INTEGER NOT NULL,
        peer TEXT NOT NULL,
        state INTEGER NOT NULL,
        body TEXT NOT NULL,
        prepared TEXT,
        error TEXT,
        created_at INTEGER NOT NULL,
        not_before INTEGER NOT NULL,
        attempts INTEGER NOT NULL
      ) STRICT`.execute(db);
    // Only what is not final: stays small however long the gateway runs.
    await sql`CREATE INDEX lane_rows_waiting ON lane_rows (account, direction, peer, id) WHERE state < 2`.execute(db);
    await sql`CREATE INDEX lane_rows_final ON lane_rows (created_at) WHERE state >= 2`.execute(db);
    await sql`
      CREATE TABLE originals (
        row_id INTEGER PRIMARY KEY,
        account INTEGER NOT NULL,
        raw BLOB NOT NULL,
        created_at INTEGER NOT NULL
      ) STRICT`.execute(db);
    await sql`
      CREATE TABLE message_ids (
        id INTEGER PRIMARY KEY,
        account INTEGER NOT NULL,
        kind TEXT NOT NULL,
        remote_id TEXT NOT NULL,
        digest TEXT NOT NULL,
        xmpp_id TEXT NOT NULL,
        peer TEXT NOT NULL,
        from_self INTEGER NOT NULL,
        sent_at INTEGER NOT NULL,
        thread TEXT,
        context TEXT,
        sender TEXT,
        original INTEGER,
        seen_at INTEGER NOT NULL,
        UNIQUE (account, remote_id, kind, digest)
      ) STRICT`.execute(db);
    await sql`CREATE INDEX message_ids_peer ON message_ids (account, peer)`.execute(db);
    await sql`CREATE INDEX message_ids_xmpp ON message_ids (account, xmpp_id)`.execute(db);
    await sql`CREATE INDEX message_ids_thread ON message_ids (account, thread) WHERE thread IS NOT NULL`.execute(db);
  },
};
