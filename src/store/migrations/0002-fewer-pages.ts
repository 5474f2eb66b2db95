import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * A commit costs what it writes: whole pages. Indexes whose keys come in no order touch a page for each message, so
 * there are fewer of them now (docs/decisions/0007-fewer-pages-per-message.md).
 */
export const fewerPages: Migration = {
  async up(db: Kysely<unknown>) {
    // Without UNIQUE (key). Keys of incoming rows are hashes of the network's ids: message_ids knows a replay already.
    await sql`
      CREATE TABLE lane_rows_next (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
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
    await sql`INSERT INTO lane_rows_next SELECT * FROM lane_rows ORDER BY id`.execute(db);
    await sql`DROP TABLE lane_rows`.execute(db);
    await sql`ALTER TABLE lane_rows_next RENAME TO lane_rows`.execute(db);
    await sql`CREATE INDEX lane_rows_waiting ON lane_rows (account, direction, peer, id) WHERE state < 2`.execute(db);
    await sql`CREATE INDEX lane_rows_final ON lane_rows (created_at) WHERE state >= 2`.execute(db);
    // Keys of outgoing rows (direction 0) are made in the order of time: one page at the end of the index.
    await sql`CREATE UNIQUE INDEX lane_rows_outgoing_key ON lane_rows (key) WHERE direction = 0`.execute(db);

    // The newest message of each conversation, as ids of message_ids.
    await sql`
      CREATE TABLE conversations (
        account INTEGER NOT NULL,
        peer TEXT NOT NULL,
        last_message INTEGER NOT NULL,
        last_original INTEGER,
        PRIMARY KEY (account, peer)
      ) STRICT, WITHOUT ROWID`.execute(db);
    await sql`
      INSERT INTO conversations
      SELECT account, peer, max(id), max(id) FILTER (WHERE original IS NOT NULL)
      FROM message_ids WHERE kind = 'message' GROUP BY account, peer`.execute(db);
    await sql`DROP INDEX message_ids_peer`.execute(db);
    await sql`DROP INDEX message_ids_xmpp`.execute(db);
    await sql`CREATE INDEX message_ids_xmpp ON message_ids (account, peer, xmpp_id)`.execute(db);
  },
};
