// What is old is forgotten, a little at a time: every query here reads by an index, and no more rows than it is told to.
import type { Store } from "../gateway/ports.ts";
import { avatarPruner } from "./avatars.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";
import { directions } from "./tables.ts";

export function pruner(context: StoreContext): Store["prune"] {
  const { db, build, commits, clock } = context;
  const pruneAvatars = avatarPruner(context);
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
  const raw = statement(db, build.deleteFrom("originals").where("row_id", "=", id));
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
      .select(["key", "position"])
      .where("expires_at", "<", param<number>("now"))
      .orderBy("expires_at")
      .limit(param<number>("limit")),
  );
  const file = statement(
    db,
    build.deleteFrom("files").where("key", "=", param<string>("key")).where("position", "=", param<number>("position")),
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
        // Bytes and mark go with their row: while they are not parsed they stay, however old.
        if (directions[direction] === "intake") {
          raw.run({ id });
          mark.run({ account, peer, key });
        }
        row.run({ id });
      }
      const forgotten = records.run({ before: before.records, limit });
      const silenced = archived.run({ before: before.records, limit });
      const files = expiredFiles.all({ now: clock.now(), limit });
      for (const one of files) file.run(one);
      const pictures = pruneAvatars(limit);
      return [old.length, forgotten, silenced, files.length, ...pictures].includes(limit);
    });
}
