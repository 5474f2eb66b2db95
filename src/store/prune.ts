// What is old is forgotten, a little at a time: every query here reads by an index, and no more rows than it is told to.
import type { Store } from "../gateway/ports.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";
import { directions } from "./tables.ts";

export function pruner({ db, build, commits, clock }: StoreContext): Store["prune"] {
  const id = param<number>("id");
  const finalRows = statement(
    db,
    build
      .selectFrom("lane_rows")
      .select(["id", "account", "direction", "peer", "key"])
      .where("state", ">=", 2)
      .where("created_at", "<", param<number>("before"))
      .orderBy("created_at")
      .limit(param<number>("limit")),
  );
  const row = statement(db, build.deleteFrom("lane_rows").where("id", "=", id));
  // Bytes stay with their row, and as long as a link leads to a file in them.
  const raw = statement(
    db,
    build
      .deleteFrom("originals")
      .where("row_id", "=", id)
      .where((e) => e.not(e.exists(e.selectFrom("files").select("key").where("original", "=", id)))),
  );
  const rowOf = statement(db, build.selectFrom("lane_rows").select("id").where("id", "=", id));
  const mark = statement(
    db,
    build
      .deleteFrom("message_ids")
      .where("account", "=", param<number>("account"))
      .where("peer", "=", param<string>("peer"))
      .where("xmpp_id", "=", param<string>("key"))
      .where("kind", "=", "original"),
  );
  // Records are numbered in the order in which they came, so the oldest are found without an index on their age.
  const records = statement(
    db,
    build
      .deleteFrom("message_ids")
      .where("id", "in", build.selectFrom("message_ids").select("id").orderBy("id").limit(param<number>("limit")))
      .where("seen_at", "<", param<number>("before")),
  );
  const expiredFiles = statement(
    db,
    build
      .selectFrom("files")
      .select(["key", "position", "original"])
      .where("expires_at", "<", param<number>("now"))
      .orderBy("expires_at")
      .limit(param<number>("limit")),
  );
  const file = statement(
    db,
    build.deleteFrom("files").where("key", "=", param<string>("key")).where("position", "=", param<number>("position")),
  );
  const oldReactions = statement(
    db,
    build
      .selectFrom("reactions")
      .select(["account", "remote_id"])
      .where("seen_at", "<", param<number>("before"))
      .orderBy("seen_at")
      .limit(param<number>("limit")),
  );
  const reaction = statement(
    db,
    build
      .deleteFrom("reactions")
      .where("account", "=", param<number>("account"))
      .where("remote_id", "=", param<string>("id")),
  );
  const archived = statement(
    db,
    build
      .deleteFrom("archive")
      .where("seq", "in", build.selectFrom("archive").select("seq").orderBy("seq").limit(param<number>("limit")))
      .where("kept_at", "<", param<number>("before")),
  );

  return (before, limit) =>
    commits.run(() => {
      const old = finalRows.all({ before: before.rows, limit });
      for (const { id, account, direction, peer, key } of old) {
        // While they are not parsed, bytes and mark stay, however old.
        if (directions[direction] === "intake") {
          raw.run({ id });
          mark.run({ account, peer, key });
        }
        row.run({ id });
      }
      const forgotten = records.run({ before: before.records, limit });
      const silenced = archived.run({ before: before.records, limit });
      const reactions = oldReactions.all({ before: before.records, limit });
      for (const { account, remote_id: id } of reactions) reaction.run({ account, id });
      const files = expiredFiles.all({ now: clock.now(), limit });
      for (const { key, position, original } of files) {
        file.run({ key, position });
        if (original !== null && rowOf.get({ id: original }) === undefined) raw.run({ id: original });
      }
      return [old.length, forgotten, reactions.length, silenced, files.length].includes(limit);
    });
}
