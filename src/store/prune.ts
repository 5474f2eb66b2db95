// What is old is forgotten, a little at a time: every query here reads in the order of a key, and no more rows than it is told to.
import type { Store } from "../gateway/ports.ts";
import { avatarPruner } from "./avatars.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";
import { directions, isFinal, states } from "./tables.ts";

export function pruner(context: StoreContext): Store["prune"] {
  const { db, build, commits, clock } = context;
  const pruneAvatars = avatarPruner(context);
  const id = param<number>("id");
  // Rows and records are numbered in the order in which they came, so the oldest are found without an index on their age.
  const rowsAfter = statement(
    db,
    build
      .selectFrom("lane_rows")
      .select(["id", "direction", "state", "created_at as createdAt"])
      .where("id", ">", param<number>("after"))
      .orderBy("id")
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
      // Not by `seq`: what was fetched from the past has the lowest.
      .where(
        "seq",
        "in",
        build
          .selectFrom("archive")
          .select("seq")
          .where("kept_at", "<", param<number>("before"))
          .orderBy("kept_at")
          .limit(param<number>("limit")),
      ),
  );

  /** Rows up to here were looked at in this round. */
  let seen = 0;
  const pruneRows = (before: number, limit: number): boolean => {
    const rows = rowsAfter.all({ after: seen, limit });
    const old = rows.filter((one) => one.createdAt < before);
    for (const one of old) {
      // What waits stays, however old, and its bytes with it.
      const state = states[one.state];
      if (state === undefined || !isFinal(state)) continue;
      if (directions[one.direction] === "intake") raw.run({ id: one.id });
      row.run({ id: one.id });
    }
    const more = old.length === limit;
    seen = more ? (old.at(-1)?.id ?? 0) : 0;
    return more;
  };

  return (before, limit) =>
    commits.run(() => {
      const more = pruneRows(before.rows, limit);
      const forgotten = records.run({ before: before.records, limit });
      const silenced = archived.run({ before: before.records, limit });
      const reactions = oldReactions.all({ before: before.records, limit });
      for (const { account, remote_id: id } of reactions) reaction.run({ account, id });
      const files = expiredFiles.all({ now: clock.now(), limit });
      for (const { key, position, original } of files) {
        file.run({ key, position });
        if (original !== null && rowOf.get({ id: original }) === undefined) raw.run({ id: original });
      }
      const pictures = pruneAvatars(limit);
      return more || [forgotten, reactions.length, silenced, files.length, ...pictures].includes(limit);
    });
}
