import type { LaneRow, NewRow } from "../gateway/lane-ports.ts";
import type { NamedPeer, RoomRecord, RoomStore, RoomTables, RoomWork } from "../gateway/room-ports.ts";
import { archiveTables } from "./archive.ts";
import { fromAvatar, pictureHashes, toAvatar } from "./avatars.ts";
import { participantTables } from "./participants.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";
import type { Tables } from "./tables.ts";

/** Everything of `RoomTables` that needs no lane. */
export type BareRoomTables = Omit<RoomTables, "append">;

/** For commits: the tables of rooms, without the lanes. */
export function roomTables(context: StoreContext): BareRoomTables {
  return {
    ...roomRows(context),
    ...occupantRows(context),
    ...participantTables(context),
    ...archiveTables(context),
    ...pictureHashes(context),
  };
}

/** Runs `work` inside a commit; returns its value and the rows it appended. */
export function runRoomWork<T>(
  tables: BareRoomTables,
  insert: (row: NewRow) => LaneRow,
  work: RoomWork<T>,
): { readonly value: T; readonly rows: readonly LaneRow[] } {
  const rows: LaneRow[] = [];
  const append = (row: NewRow): LaneRow => {
    const inserted = insert(row);
    rows.push(inserted);
    return inserted;
  };
  return { value: work({ ...tables, append }), rows };
}

export const roomStore = (tables: BareRoomTables, change: RoomStore["change"]): RoomStore => ({
  read: async (look) => look(tables),
  change,
});

type RoomRows = Pick<RoomTables, "room" | "rooms" | "roomCount" | "named" | "localOf" | "saveRoom" | "saveName">;

function roomRows({ db, build }: StoreContext): RoomRows {
  const account = param<number>("account");
  const rows = build
    .selectFrom("rooms")
    .innerJoin("room_names", (join) =>
      join
        .onRef("room_names.account", "=", "rooms.account")
        .onRef("room_names.remote_id", "=", "rooms.id")
        .on("room_names.kind", "=", "room"),
    )
    .selectAll("rooms")
    .select("room_names.local")
    .where("rooms.account", "=", account);
  const get = statement(db, rows.where("rooms.id", "=", param<string>("id")));
  const list = statement(
    db,
    rows.where("rooms.self", "in", ["joined", "invited"]).orderBy("local").limit(param<number>("limit")),
  );
  const count = statement(
    db,
    build
      .selectFrom("rooms")
      .select((e) => e.fn.countAll<number>().as("n"))
      .where("account", "=", account),
  );
  const names = build.selectFrom("room_names").where("account", "=", account);
  const named = statement(db, names.select(["kind", "remote_id"]).where("local", "=", param<string>("local")));
  const kind = param<string>("kind");
  const local = statement(
    db,
    names.select("local").where("kind", "=", kind).where("remote_id", "=", param<string>("id")),
  );
  const values = {
    name: param<string | null>("name"),
    topic: param<string | null>("topic"),
    topic_by: param<string | null>("topicBy"),
    topic_at: param<number | null>("topicAt"),
    access: param<string>("access"),
    members: param<number | null>("members"),
    self: param<string>("self"),
    invited_by: param<string | null>("invitedBy"),
    avatar: param<string | null>("avatar"),
  };
  const save = statement(
    db,
    build
      .insertInto("rooms")
      .values({ account, id: param<string>("id"), ...values })
      .onConflict((conflict) => conflict.columns(["account", "id"]).doUpdateSet(values)),
  );
  const saveName = statement(
    db,
    build
      .insertInto("room_names")
      .values({ account, local: param<string>("local"), kind, remote_id: param<string>("id") })
      .onConflict((conflict) =>
        conflict.columns(["account", "kind", "remote_id"]).doUpdateSet({ local: param<string>("local") }),
      ),
  );
  return {
    room(account, id) {
      const row = get.get({ account, id });
      return row && toRoom(row);
    },
    rooms: (account, limit) => list.all({ account, limit }).map(toRoom),
    roomCount: (account) => count.get({ account })?.n ?? 0,
    named(account, local) {
      const row = named.get({ account, local });
      return row && { kind: row.kind as NamedPeer["kind"], id: row.remote_id };
    },
    localOf: (account, { kind, id }) => local.get({ account, kind, id })?.local,
    saveRoom: (room) =>
      void save.run({
        account: room.account,
        id: room.id,
        name: room.name ?? null,
        topic: room.topic ?? null,
        topicBy: room.topicBy ?? null,
        topicAt: room.topicAt ?? null,
        access: room.access,
        members: room.members ?? null,
        self: room.self,
        invitedBy: room.invitedBy ?? null,
        avatar: fromAvatar(room.avatar),
      }),
    saveName: (account, { kind, id }, local) => void saveName.run({ account, kind, id, local }),
  };
}

function occupantRows({ db, build }: StoreContext): Pick<RoomTables, "occupants" | "saveOccupant" | "removeOccupant"> {
  const key = { account: param<number>("account"), room: param<string>("room"), client: param<string>("client") };
  const all = statement(
    db,
    build
      .selectFrom("occupants")
      .selectAll()
      .where("account", "=", key.account)
      .where("room", "=", key.room)
      .orderBy("since"),
  );
  const since = param<number>("since");
  const save = statement(
    db,
    build
      .insertInto("occupants")
      .values({ ...key, since })
      .onConflict((conflict) => conflict.columns(["account", "room", "client"]).doUpdateSet({ since })),
  );
  const remove = statement(
    db,
    build
      .deleteFrom("occupants")
      .where("account", "=", key.account)
      .where("room", "=", key.room)
      .where("client", "=", key.client),
  );
  return {
    occupants: (account, room) => all.all({ account, room }),
    saveOccupant: ({ account, room, client, since }) => void save.run({ account, room, client, since }),
    removeOccupant: (account, room, client) => remove.run({ account, room, client }) > 0,
  };
}

const toRoom = (row: Tables["rooms"] & { local: string }): RoomRecord => ({
  account: row.account,
  id: row.id,
  local: row.local,
  name: row.name ?? undefined,
  topic: row.topic ?? undefined,
  topicBy: row.topic_by ?? undefined,
  topicAt: row.topic_at ?? undefined,
  access: row.access as RoomRecord["access"],
  members: row.members ?? undefined,
  self: row.self as RoomRecord["self"],
  invitedBy: row.invited_by ?? undefined,
  avatar: toAvatar(row.avatar),
});
