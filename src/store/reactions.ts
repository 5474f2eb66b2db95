import type { Selectable } from "kysely";
import type { ReactionRecord, ReactionStore } from "../gateway/lane-ports.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";
import type { Tables } from "./tables.ts";

/** The writes, for commits of other files. */
export function reactionWrites({ db, build, clock }: StoreContext) {
  const insert = statement(
    db,
    build
      .insertInto("reactions")
      .values({
        account: param<number>("account"),
        remote_id: param<string>("remoteId"),
        peer: param<string>("peer"),
        target: param<string>("target"),
        sender: param<string>("from"),
        emoji: param<string>("emoji"),
        seen_at: param<number>("now"),
      })
      .onConflict((conflict) => conflict.doNothing()),
  );
  const remove = statement(
    db,
    build
      .deleteFrom("reactions")
      .where("account", "=", param<number>("account"))
      .where("remote_id", "=", param<string>("id")),
  );
  return {
    add: (reaction: ReactionRecord) => void insert.run({ ...reaction, now: clock.now() }),
    remove: (account: number, id: string) => void remove.run({ account, id }),
  };
}

export function reactionStore(context: StoreContext): ReactionStore {
  const { db, build, commits } = context;
  const writes = reactionWrites(context);
  const all = build.selectFrom("reactions").selectAll().where("account", "=", param<number>("account"));
  const byTarget = statement(
    db,
    all
      .where("peer", "=", param<string>("peer"))
      .where("target", "=", param<string>("target"))
      .where("sender", "=", param<string>("from"))
      .orderBy("seen_at")
      .orderBy("remote_id"),
  );
  const byRemoteId = statement(db, all.where("remote_id", "=", param<string>("id")));
  return {
    of: async (account, peer, target, from) => byTarget.all({ account, peer, target, from }).map(toRecord),
    async byRemoteId(account, id) {
      const row = byRemoteId.get({ account, id });
      return row && toRecord(row);
    },
    add: (reaction) => commits.run(() => writes.add(reaction)),
    remove: (account, id) => commits.run(() => writes.remove(account, id)),
  };
}

const toRecord = (row: Selectable<Tables["reactions"]>): ReactionRecord => ({
  account: row.account,
  remoteId: row.remote_id,
  peer: row.peer,
  target: row.target,
  from: row.sender,
  emoji: row.emoji,
});
