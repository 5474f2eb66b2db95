// The lanes on disk: what is written together, and what the lanes in memory are told of it.
import type { IncomingAttachment, Json, RecordChanges } from "#bridge";
import {
  type Delivery,
  type IncomingBody,
  type LaneHead,
  type LaneRow,
  type LaneStore,
  type NewRow,
  type OutgoingRow,
  peerOfKey,
  type Settlement,
} from "../gateway/lane-ports.ts";
import { direction, headArgs, laneQueries, toRow } from "./lane-queries.ts";
import { messageWrites } from "./messages.ts";
import { reactionWrites } from "./reactions.ts";
import { fileWrites } from "./files.ts";
import { recordWrites } from "./records.ts";
import type { RoomStore, RoomWork } from "../gateway/room-ports.ts";
import { type BareRoomTables, runRoomWork } from "./rooms.ts";
import { rowNumbers } from "./row-numbers.ts";
import type { StoreContext } from "./sqlite.ts";
import { directions, isFinal, states } from "./tables.ts";

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
  const q = laneQueries(context);
  const messages = messageWrites(context);
  const reactions = reactionWrites(context);
  const writeRecords = recordWrites(context);
  const files = fileWrites(context);
  const numbers = rowNumbers(context);
  // Rows are shown to the lanes by `announce` alone: a page that held them earlier would hand them over twice.
  const announcedTo = { committed: numbers.last, synced: numbers.last };
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
    const id = numbers.next();
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
    for (const record of s.records ?? []) messages.write(record);
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
      if (record && !messages.remember(record, { original: ended?.id ?? null, past })) continue;
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

function attachmentsOf(body: IncomingBody): readonly IncomingAttachment[] {
  const said = body.kind === "groupchat" && body.act.do === "say" ? body.act.body : body;
  return said.kind === "message" ? (said.message.attachments ?? []) : [];
}
