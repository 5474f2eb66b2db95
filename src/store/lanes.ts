import { sql } from "kysely";
import type { IncomingAttachment, Json, RecordChanges } from "#bridge";
import {
  type Delivery,
  type Direction,
  type IncomingBody,
  type LaneHead,
  type LaneRow,
  type LaneStore,
  type MessageRecord,
  type NewRow,
  type OutgoingRow,
  peerOfKey,
  type Settlement,
} from "../gateway/lane-ports.ts";
import { reactionWrites } from "./reactions.ts";
import { fileWrites } from "./files.ts";
import { recordWrites } from "./records.ts";
import type { RoomStore, RoomWork } from "../gateway/room-ports.ts";
import { type BareRoomTables, runRoomWork } from "./rooms.ts";
import type { StoreContext } from "./sqlite.ts";
import { type Args, param, statement } from "./statement.ts";
import { directions, isFinal, states, type Tables } from "./tables.ts";
import { byXmppId, sliceCounter } from "./xmpp-ids.ts";

/** The rowid of the row that this connection inserted last. */
const lastInsert = sql<number>`last_insert_rowid()`;

/**
 * When a row is shown to the lanes. What is acted on outside must be on disk first. Towards XMPP there is nothing to wait
 * for: whoever handed the row over gets the acknowledgement after the fsync, so what a power cut takes away comes
 * again, and its stanza carries the same id. A group chat keeps what was said in it, so that it counts as outside.
 */
const shownAt = ({ direction, peer }: Pick<LaneHead, "direction" | "peer">): "committed" | "synced" =>
  direction === "outgoing" || peerOfKey(peer)?.kind === "groupchat" ? "synced" : "committed";

/** Rooms change in the same commits as lanes: their tables are written here too. */
export function laneStore(
  context: StoreContext,
  roomTables: BareRoomTables,
): LaneStore & { readonly changeRooms: RoomStore["change"] } {
  const { commits, clock, admit } = context;
  const q = queries(context);
  const sliceOf = sliceCounter(context);
  const reactions = reactionWrites(context);
  const writeRecords = recordWrites(context);
  const files = fileWrites(context);
  // This process is the only writer, so it numbers the rows itself: the order within a group commit is then ours.
  let lastId = q.lastId.get()?.id ?? 0;
  // Rows are shown to the lanes by `announce` alone: a page that held them earlier would hand them over twice.
  const announcedTo = { committed: lastId, synced: lastId };
  let listener: (rows: readonly LaneRow[]) => void = () => {};
  const announce = (rows: readonly LaneRow[], point: "committed" | "synced"): void => {
    const last = rows.at(-1);
    if (last === undefined) return;
    announcedTo[point] = last.id;
    const shown = rows.filter((row) => shownAt(row) === point);
    if (shown.length > 0) listener(shown);
  };

  /** `original`: the intake row that it came out of. */
  const insert = (row: NewRow, original?: number): LaneRow => {
    const id = ++lastId;
    const now = clock.now();
    q.insertRow.run({
      id,
      key: row.key,
      account: row.account,
      direction: directions.indexOf(row.direction),
      peer: row.peer,
      body: JSON.stringify(row.body),
      now,
    });
    if (row.direction === "incoming") files.keep(row.account, row.key, attachmentsOf(row.body), now, original);
    return { ...row, id, createdAt: now, notBefore: 0, attempts: 0, state: "queued" };
  };

  /** False: seen before, either in full or as a message of the user's own that comes back. */
  const remember = (record: MessageRecord, original: number | null, past = false): boolean => {
    if (record.kind === "message" && !record.fromSelf && record.digest !== "") {
      if (q.isOwn.get({ account: record.account, remoteId: record.remoteId })) return false;
    }
    return write(record, original, past);
  };

  /** A message already remembered under this id keeps its first record; returns whether this one is the first. */
  const write = (record: MessageRecord, original: number | null, past = false): boolean => {
    const slice = sliceOf(record.account);
    if (q.remember.run({ ...recordArgs(record, original, clock.now()), slice }) === 0) return false;
    if (record.kind === "message" && !past) {
      const isOriginal = original === null ? 0 : 1;
      q.advance.run({ account: record.account, peer: record.peer, isOriginal });
    }
    return true;
  };

  const change = (account: number, reaction: NonNullable<Delivery["reaction"]>): void => {
    if ("add" in reaction) reactions.add(reaction.add);
    else reactions.remove(account, reaction.remove);
  };

  /** False: the account was removed meanwhile, and its data must not come back (security.md S-09). */
  const exists = (account: number): boolean => q.account.get({ account }) !== undefined;

  const settle = (s: Settlement): LaneRow[] => {
    if (isFinal(s.state)) {
      const gone = q.finish.run({ id: s.id, state: states.indexOf(s.state), error: s.error ?? null }) === 0;
      if (gone) return [];
    } else {
      const attempts = s.attempts ?? 0;
      q.defer.run({
        id: s.id,
        state: states.indexOf(s.state),
        error: s.error ?? null,
        notBefore: s.notBefore ?? 0,
        attempts,
      });
    }
    // Its echo may have been faster than the answer.
    for (const record of s.records ?? []) write(record, null);
    return [...(s.notes ?? []).map((note) => insert(note)), ...inRooms(s.rooms)];
  };

  const inRooms = (work: RoomWork | undefined): readonly LaneRow[] =>
    work === undefined ? [] : runRoomWork(roomTables, insert, work).rows;

  const deliver = (
    account: number,
    deliveries: readonly Delivery[],
    { cursor, settle: ended, records }: { cursor?: Json; settle?: Settlement; records?: RecordChanges } = {},
  ) => {
    const rows: LaneRow[] = [];
    if (!exists(account)) return rows;
    for (const { row, record, raw, reaction, rooms, past } of deliveries) {
      if (record && !remember(record, ended?.id ?? null, past)) continue;
      if (reaction) change(account, reaction);
      rows.push(...inRooms(rooms));
      if (row === undefined) continue;
      const inserted = insert(row, ended?.id);
      if (raw) q.insertRaw.run({ id: inserted.id, account, raw, now: inserted.createdAt });
      rows.push(inserted);
    }
    if (cursor !== undefined) q.cursor.run({ account, cursor: JSON.stringify(cursor) });
    if (records) writeRecords(account, records);
    if (ended) rows.push(...settle(ended));
    return rows;
  };

  return {
    onRows(listen) {
      listener = listen;
    },
    append: async (rows, { supersedes } = {}) => {
      admit();
      return commits.run(() => {
        const wanted = rows.filter((row) => exists(row.account));
        if (supersedes) for (const row of wanted) q.supersede.run({ ...headArgs(row), kind: supersedes });
        return wanted.map((row) => insert(row));
      }, announce);
    },
    async deliver(account, deliveries, options = {}) {
      // What ends a stored row frees more than it takes.
      if (options.settle === undefined) admit();
      return commits.run(() => deliver(account, deliveries, options), announce);
    },
    async deliverAll(parcels, owner, records) {
      admit();
      await commits.run(() => {
        const rows = parcels.flatMap((parcel) => deliver(parcel.account, parcel.deliveries));
        writeRecords(owner, records);
        return rows;
      }, announce);
    },
    async changeRooms(account, work) {
      const done = await commits.run(
        () => (exists(account) ? runRoomWork(roomTables, insert, work) : undefined),
        (result, point) => announce(result?.rows ?? [], point),
      );
      return done?.value;
    },
    begin: (id, prepared) => commits.run(() => void q.begin.run({ id, prepared: JSON.stringify(prepared) })),
    settle: (settlement) => commits.run(() => settle(settlement), announce),
    settleMany: (ids) =>
      commits.run(() => {
        for (const id of ids) q.finish.run({ id, state: states.indexOf("done"), error: null });
      }),
    page: async (head, after, limit) =>
      q.page.all({ ...headArgs(head), after, until: announcedTo[shownAt(head)], limit }).map(toRow),
    heads: async (account) =>
      (account === undefined ? q.heads.all() : q.headsOf.all({ account })).map((row) => ({
        account: row.account,
        direction: direction(row.direction),
        peer: row.peer,
      })),
    async counts() {
      const counts = { outgoing: 0, incoming: 0, intake: 0 };
      for (const row of q.counts.all()) counts[direction(row.direction)] = row.n;
      return counts;
    },
    expired: async (before, limit) => q.expired.all({ before, limit }).map(toRow) as OutgoingRow[],
    raw: async (row) => q.raw.get({ id: row })?.raw,
    async rawOf(account, peer, xmppId) {
      const message = q.byXmppId.get({ account, peer, xmppId });
      return message && q.rawOf.get(message)?.raw;
    },
  };
}

function queries({ db, build }: StoreContext) {
  const account = param<number>("account");
  const id = param<number>("id");
  const waiting = build.selectFrom("lane_rows").where("state", "<", 2);
  const heads = waiting.select(["account", "direction", "peer"]).distinct();
  const ofLane = waiting
    .selectAll()
    .where("account", "=", account)
    .where("direction", "=", param<number>("direction"))
    .where("peer", "=", param<string>("peer"));
  return {
    lastId: statement(
      db,
      build.selectFrom("lane_rows").select((e) => e.fn.max("id").as("id")),
    ),
    account: statement(db, build.selectFrom("accounts").select("id").where("id", "=", account)),
    insertRow: statement(
      db,
      build.insertInto("lane_rows").values({
        id,
        key: param<string>("key"),
        account,
        direction: param<number>("direction"),
        peer: param<string>("peer"),
        state: 0,
        body: param<string>("body"),
        created_at: param<number>("now"),
        not_before: 0,
        attempts: 0,
      }),
    ),
    insertRaw: statement(
      db,
      build
        .insertInto("originals")
        .values({ row_id: id, account, raw: param<Uint8Array>("raw"), created_at: param<number>("now") }),
    ),
    isOwn: statement(
      db,
      build
        .selectFrom("message_ids")
        .select("from_self")
        .where("account", "=", account)
        .where("remote_id", "=", param<string>("remoteId"))
        .where("kind", "=", "message")
        .where("from_self", "=", 1)
        .limit(1),
    ),
    remember: statement(
      db,
      build
        .insertInto("message_ids")
        .values({
          account,
          kind: param<string>("kind"),
          remote_id: param<string>("remoteId"),
          digest: param<string>("digest"),
          xmpp_id: param<string>("xmppId"),
          peer: param<string>("peer"),
          from_self: param<number>("fromSelf"),
          sent_at: param<number>("sentAt"),
          thread: param<string | null>("thread"),
          context: param<string | null>("context"),
          sender: param<string | null>("sender"),
          original: param<number | null>("original"),
          seen_at: param<number>("now"),
          slice: param<number>("slice"),
        })
        .onConflict((conflict) => conflict.doNothing()),
    ),
    /** Right after `remember`, whose row becomes the newest of its conversation. */
    advance: statement(
      db,
      build
        .insertInto("conversations")
        .values({
          account,
          peer: param<string>("peer"),
          last_message: lastInsert,
          last_original: sql<number | null>`iif(${param<number>("isOriginal")}, ${lastInsert}, NULL)`,
        })
        .onConflict((conflict) =>
          conflict.columns(["account", "peer"]).doUpdateSet({
            last_message: (e) => e.ref("excluded.last_message"),
            last_original: (e) => e.fn.coalesce("excluded.last_original", "conversations.last_original"),
          }),
        ),
    ),
    // A final row keeps its id and state for the ledger; what people wrote goes.
    finish: statement(
      db,
      build
        .updateTable("lane_rows")
        .set({ state: param<number>("state"), body: "", prepared: null, error: param<string | null>("error") })
        .where("id", "=", id),
    ),
    // Not a row that was superseded while it was tried: it has nothing left to send.
    defer: statement(
      db,
      build
        .updateTable("lane_rows")
        .set({
          state: param<number>("state"),
          error: param<string | null>("error"),
          not_before: param<number>("notBefore"),
          attempts: param<number>("attempts"),
        })
        .where("id", "=", id)
        .where("state", "<", 2),
    ),
    begin: statement(
      db,
      build
        .updateTable("lane_rows")
        .set({ state: 1, prepared: param<string>("prepared") })
        .where("id", "=", id),
    ),
    // What is handed over already is beyond recall. `state < 2` is what the index of waiting rows asks for.
    supersede: statement(
      db,
      build
        .updateTable("lane_rows")
        .set({ state: states.indexOf("done"), body: "", error: "superseded" })
        .where("account", "=", account)
        .where("direction", "=", param<number>("direction"))
        .where("peer", "=", param<string>("peer"))
        .where("state", "<", 2)
        .where("state", "=", states.indexOf("queued"))
        .where(sql<string>`body ->> '$.kind'`, "=", param<string>("kind")),
    ),
    cursor: statement(
      db,
      build
        .updateTable("accounts")
        .set({ cursor: param<string>("cursor") })
        .where("id", "=", account),
    ),
    page: statement(
      db,
      ofLane
        .where("id", ">", param<number>("after"))
        .where("id", "<=", param<number>("until"))
        .orderBy("id")
        .limit(param<number>("limit")),
    ),
    heads: statement(db, heads),
    headsOf: statement(db, heads.where("account", "=", account)),
    counts: statement(db, waiting.select(["direction", (e) => e.fn.countAll<number>().as("n")]).groupBy("direction")),
    expired: statement(
      db,
      waiting
        .selectAll()
        .where("direction", "=", directions.indexOf("outgoing"))
        .where("created_at", "<", param<number>("before"))
        .orderBy("id")
        .limit(param<number>("limit")),
    ),
    raw: statement(db, build.selectFrom("originals").select("raw").where("row_id", "=", id)),
    byXmppId: byXmppId({ db, build }),
    rawOf: statement(
      db,
      build
        .selectFrom("originals")
        .innerJoin("message_ids", "message_ids.original", "originals.row_id")
        .select("raw")
        .where("message_ids.id", "=", id),
    ),
  };
}

function attachmentsOf(body: IncomingBody): readonly IncomingAttachment[] {
  const said = body.kind === "groupchat" && body.act.do === "say" ? body.act.body : body;
  return said.kind === "message" ? (said.message.attachments ?? []) : [];
}

const direction = (index: number): Direction => {
  const name = directions[index];
  if (name === undefined)
    throw new Error(`the database holds a lane direction ${index} that this version does not know`);
  return name;
};

const headArgs = (head: LaneHead): Args => ({
  account: head.account,
  direction: directions.indexOf(head.direction),
  peer: head.peer,
});

const recordArgs = (record: MessageRecord, original: number | null, now: number): Args => ({
  account: record.account,
  kind: record.kind,
  remoteId: record.remoteId,
  digest: record.digest,
  xmppId: record.xmppId,
  peer: record.peer,
  fromSelf: record.fromSelf ? 1 : 0,
  sentAt: record.sentAt,
  thread: record.thread ?? null,
  context: record.context === undefined ? null : JSON.stringify(record.context),
  sender: record.sender ?? null,
  original,
  now,
});

function toRow(row: Tables["lane_rows"]): LaneRow {
  return {
    id: row.id,
    key: row.key,
    account: row.account,
    direction: direction(row.direction),
    peer: row.peer,
    body: JSON.parse(row.body) as never,
    state: states[row.state] ?? "queued",
    createdAt: row.created_at,
    notBefore: row.not_before,
    attempts: row.attempts,
    ...(row.prepared === null ? {} : { prepared: JSON.parse(row.prepared) as Json }),
  };
}
