import type { Selectable } from "kysely";
import type { ArchiveEntry, ArchiveQuery, RoomTables, Saying } from "../gateway/room-ports.ts";
import { peerKey } from "../gateway/lane-ports.ts";
import { fileWrites } from "./files.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";
import type { Tables } from "./tables.ts";

type ArchiveTables = Pick<
  RoomTables,
  "archived" | "ownId" | "answered" | "archive" | "archiveCount" | "keep" | "placeBefore" | "erase"
>;

/** What is kept of one room; looked after once in so many entries. */
const mostKept = 20_000;
const trimEvery = 64;
/** Positions left free behind a gap: more than are ever kept, and 2^53 has room for thousands of millions of gaps. */
const gapRoom = 1_000_000;

/** What was said in rooms. */
export function archiveTables(context: StoreContext): ArchiveTables {
  const { db, build, clock } = context;
  const files = fileWrites(context);
  const account = param<number>("account");
  const room = param<string>("room");
  const all = build.selectFrom("archive").where("account", "=", account);
  const byId = statement(db, all.selectAll().where("id", "=", param<string>("id")).where("room", "=", room).limit(1));
  const ownId = statement(
    db,
    all
      .select("id")
      .where("room", "=", room)
      .where("xmpp_id", "=", param<string>("xmppId"))
      .where("sender", "=", "self")
      .orderBy("seq", "desc")
      .limit(1),
  );
  const answered = statement(
    db,
    build
      .selectFrom("message_ids")
      .select("xmpp_id")
      .where("account", "=", account)
      .where("remote_id", "=", param<string>("id"))
      .where("kind", "=", "message")
      .where("peer", "=", param<string>("peer"))
      .limit(1),
  );
  const inRoom = build
    .selectFrom("archive")
    .where("account", "=", account)
    .where("room", "=", room)
    .where("sent_at", ">=", param<number>("from"))
    .where("sent_at", "<=", param<number>("until"));
  const by = param<string>("by");
  const between = inRoom
    .selectAll()
    .where("seq", ">", param<number>("after"))
    .where("seq", "<", param<number>("before"))
    .limit(param<number>("limit"));
  const count = inRoom.select((e) => e.fn.countAll<number>().as("n"));
  const pages = {
    oldest: statement(db, between.orderBy("seq")),
    newest: statement(db, between.orderBy("seq", "desc")),
    oldestBy: statement(db, between.where("sender", "=", by).orderBy("seq")),
    newestBy: statement(db, between.where("sender", "=", by).orderBy("seq", "desc")),
    count: statement(db, count),
    countBy: statement(db, count.where("sender", "=", by)),
  };
  const keep = statement(
    db,
    build.insertInto("archive").values({
      seq: param<number>("seq"),
      account,
      room,
      id: param<string>("id"),
      xmpp_id: param<string>("xmppId"),
      sender: param<string>("sender"),
      nick: param<string>("nick"),
      sent_at: param<number>("sentAt"),
      kept_at: param<number>("now"),
      body: param<string>("body"),
    }),
  );
  const trim = statement(
    db,
    build
      .deleteFrom("archive")
      .where("account", "=", account)
      .where("room", "=", room)
      .where("seq", "<=", (e) =>
        e
          .selectFrom("archive")
          .select("seq")
          .where("account", "=", account)
          .where("room", "=", room)
          .orderBy("seq", "desc")
          .limit(1)
          .offset(param<number>("most")),
      ),
  );
  const first = statement(db, build.selectFrom("archive").select("seq").orderBy("seq").limit(1));
  const last = statement(db, build.selectFrom("archive").select(["seq", "body"]).orderBy("seq", "desc").limit(1));
  const nextPlace = (): number => {
    const newest = last.get({});
    return Math.max(newest?.seq ?? 0, 0) + (newest !== undefined && isGap(newest.body) ? gapRoom : 1);
  };
  let kept = 0;
  const erase = statement(
    db,
    build
      .deleteFrom("archive")
      .where("account", "=", account)
      .where("room", "=", room)
      .where("id", "=", param<string>("id")),
  );
  const times = ({ from = 0, until = Number.MAX_SAFE_INTEGER }: Pick<ArchiveQuery, "from" | "until">) => ({
    from,
    until,
  });
  return {
    archived(account, room, id) {
      const row = byId.get({ account, room, id });
      return row && toEntry(row);
    },
    answered(account, room, ids) {
      for (const id of ids) {
        const found = answered.get({ account, id, peer: peerKey({ kind: "room", id: room }) });
        if (found) return found.xmpp_id;
      }
      return undefined;
    },
    ownId: (account, room, xmppId) => ownId.get({ account, room, xmppId })?.id,
    archive(account, room, query) {
      const { after = Number.MIN_SAFE_INTEGER, before = Number.MAX_SAFE_INTEGER, by, newest, limit } = query;
      const args = { account, room, after, before, limit, ...times(query) };
      const rows =
        by === undefined
          ? pages[newest ? "newest" : "oldest"].all(args)
          : pages[newest ? "newestBy" : "oldestBy"].all({ ...args, by });
      const entries = rows.map(toEntry);
      return newest ? entries.reverse() : entries;
    },
    archiveCount(account, room, query) {
      const args = { account, room, ...times(query) };
      const row = query.by === undefined ? pages.count.get(args) : pages.countBy.get({ ...args, by: query.by });
      return row?.n ?? 0;
    },
    placeBefore(account, room, id) {
      const next = id === undefined ? undefined : byId.get({ account, room, id });
      if (id !== undefined && next === undefined) return undefined;
      const before = next?.seq ?? Number.MAX_SAFE_INTEGER;
      const limits = { account, room, after: Number.MIN_SAFE_INTEGER, limit: 1, ...times({}) };
      const earlier = pages.newest.all({ ...limits, before })[0];
      // Everything of this room stands behind it: below all positions there is always room.
      if (earlier === undefined) return Math.min(first.get({})?.seq ?? 0, 0) - 1;
      if (next === undefined || !isGap(earlier.body)) return undefined;
      return Math.min(next.seq, earlier.seq + gapRoom) - 1;
    },
    keep({ account, room, id, xmppId, from, nick, sentAt, body }, place) {
      const now = clock.now();
      keep.run({
        seq: place ?? nextPlace(),
        account,
        room,
        id,
        xmppId,
        sender: from,
        nick,
        sentAt,
        now,
        body: JSON.stringify(withoutSources(body)),
      });
      if (body.kind === "message") files.keep(account, id, body.message.attachments ?? [], now);
      if (++kept % trimEvery === 0) trim.run({ account, room, most: mostKept });
    },
    erase: (account, room, id) => void erase.run({ account, room, id }),
  };
}

/** What files are read with is sealed and lies with them; here only stands that there is something. */
function withoutSources(body: Saying): Saying {
  if (body.kind !== "message" || body.message.attachments === undefined) return body;
  const attachments = body.message.attachments.map((file) => ({
    ...file,
    ...(file.source === undefined ? {} : { source: null }),
    ...(file.thumbnail === undefined ? {} : { thumbnail: { ...file.thumbnail, source: null } }),
  }));
  return { ...body, message: { ...body.message, attachments } };
}

/** Most are not: the text is looked at before it is parsed. */
function isGap(body: string): boolean {
  if (!body.includes('"gap":true')) return false;
  const saying = JSON.parse(body) as Saying;
  return saying.kind === "message" && saying.message.gap === true;
}

const toEntry = (row: Selectable<Tables["archive"]>): ArchiveEntry => ({
  account: row.account,
  room: row.room,
  seq: row.seq,
  id: row.id,
  xmppId: row.xmpp_id,
  from: row.sender,
  nick: row.nick,
  sentAt: row.sent_at,
  keptAt: row.kept_at,
  body: JSON.parse(row.body) as Saying,
});
