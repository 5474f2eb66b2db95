import { sql } from "kysely";
import type { Rank } from "#bridge";
import type { ParticipantRecord, RoomTables } from "../gateway/room-ports.ts";
import { fromAvatar, toAvatar } from "./avatars.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";
import type { Tables } from "./tables.ts";

type ParticipantTables = Pick<
  RoomTables,
  | "participant"
  | "byNick"
  | "bySkeleton"
  | "listed"
  | "ranked"
  | "counts"
  | "saveParticipant"
  | "dropParticipant"
  | "relist"
  | "unlistOne"
  | "departAll"
>;

/** Who is in the rooms of the networks. */
export function participantTables(context: StoreContext): ParticipantTables {
  const q = queries(context);
  const one = (row: Tables["participants"] | undefined) => row && toRecord(row);
  return {
    participant: (account, room, id) => one(q.get.get({ account, room, id })),
    byNick: (account, room, nick) => one(q.byNick.get({ account, room, nick })),
    bySkeleton: (account, room, skeleton) => one(q.bySkeleton.get({ account, room, skeleton })),
    listed: (account, room) => q.listed.all({ account, room }).map(toRecord),
    ranked: (account, room, rank, limit) => q.ranked.all({ account, room, rank, limit }).map(toRecord),
    counts: (account, room) => q.counts.get({ account, room }) ?? { kept: 0, listed: 0 },
    saveParticipant: (participant) =>
      void q.save.run({
        account: participant.account,
        room: participant.room,
        id: participant.id,
        nick: participant.nick,
        skeleton: participant.skeleton,
        name: participant.name ?? null,
        rank: participant.rank,
        state: participant.state,
        listed: participant.listed ? 1 : 0,
        activeAt: participant.activeAt,
        avatar: fromAvatar(participant.avatar),
      }),
    dropParticipant(account, room, self) {
      const coldest = q.coldest.get({ account, room, self });
      if (coldest) q.remove.run({ account, room, id: coldest.id });
      return one(coldest);
    },
    relist(account, room, most, self) {
      q.unlistAll.run({ account, room });
      q.list.run({ account, room, self, most: most - 1 });
      q.listId.run({ account, room, id: self, listed: 1 });
    },
    departAll(account, room, self) {
      const shown = q.othersListed.all({ account, room, self }).map(toRecord);
      q.departAll.run({ account, room, self });
      return shown;
    },
    unlistOne(account, room, self) {
      const coldest = q.coldestListed.get({ account, room, self });
      if (coldest) q.listId.run({ account, room, id: coldest.id, listed: 0 });
      return one(coldest);
    },
  };
}

function queries({ db, build }: StoreContext) {
  const account = param<number>("account");
  const room = param<string>("room");
  const id = param<string>("id");
  const all = build.selectFrom("participants").where("account", "=", account).where("room", "=", room);
  const rows = all.selectAll();
  const others = rows.where("id", "!=", param<string>("self"));
  const update = build.updateTable("participants").where("account", "=", account).where("room", "=", room);
  const values = {
    nick: param<string>("nick"),
    skeleton: param<string>("skeleton"),
    name: param<string | null>("name"),
    rank: param<string>("rank"),
    state: param<string>("state"),
    listed: param<number>("listed"),
    active_at: param<number>("activeAt"),
    avatar: param<string | null>("avatar"),
  };
  return {
    get: statement(db, rows.where("id", "=", id)),
    byNick: statement(db, rows.where("nick", "=", param<string>("nick")).limit(1)),
    bySkeleton: statement(db, rows.where("skeleton", "=", param<string>("skeleton"))),
    listed: statement(db, rows.where("listed", "=", 1).orderBy("active_at", "desc")),
    ranked: statement(
      db,
      rows
        .where("rank", "=", param<string>("rank"))
        .where("state", "in", ["joined", "banned"])
        .orderBy("active_at", "desc")
        .limit(param<number>("limit")),
    ),
    counts: statement(
      db,
      all.select((e) => [e.fn.countAll<number>().as("kept"), sql<number>`coalesce(sum(listed), 0)`.as("listed")]),
    ),
    save: statement(
      db,
      build
        .insertInto("participants")
        .values({ account, room, id, ...values })
        .onConflict((conflict) => conflict.columns(["account", "room", "id"]).doUpdateSet(values)),
    ),
    remove: statement(
      db,
      build.deleteFrom("participants").where("account", "=", account).where("room", "=", room).where("id", "=", id),
    ),
    coldest: statement(db, others.orderBy(sql`state = 'joined'`).orderBy("active_at").limit(1)),
    coldestListed: statement(db, others.where("listed", "=", 1).orderBy("active_at").limit(1)),
    othersListed: statement(db, others.where("listed", "=", 1)),
    departAll: statement(
      db,
      update.set({ state: "left", listed: 0 }).where("state", "=", "joined").where("id", "!=", param<string>("self")),
    ),
    unlistAll: statement(db, update.set({ listed: 0 }).where("listed", "=", 1)),
    list: statement(
      db,
      update
        .set({ listed: 1 })
        .where("id", "in", (e) =>
          e
            .selectFrom("participants")
            .select("id")
            .where("account", "=", account)
            .where("room", "=", room)
            .where("state", "=", "joined")
            .where("id", "!=", param<string>("self"))
            .orderBy("active_at", "desc")
            .limit(param<number>("most")),
        ),
    ),
    listId: statement(db, update.set({ listed: param<number>("listed") }).where("id", "=", id)),
  };
}

const toRecord = (row: Tables["participants"]): ParticipantRecord => ({
  account: row.account,
  room: row.room,
  id: row.id,
  nick: row.nick,
  skeleton: row.skeleton,
  name: row.name ?? undefined,
  rank: row.rank as Rank,
  state: row.state as ParticipantRecord["state"],
  listed: row.listed !== 0,
  activeAt: row.active_at,
  avatar: toAvatar(row.avatar),
});
