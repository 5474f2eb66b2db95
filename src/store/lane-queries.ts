// The SQL of the lanes, and how their rows are read and written.
import { sql } from "kysely";
import type { Json } from "#bridge";
import type { Direction, LaneHead, LaneRow } from "../gateway/lane-ports.ts";
import type { StoreContext } from "./sqlite.ts";
import { type Args, param, statement } from "./statement.ts";
import { directions, states, type Tables } from "./tables.ts";
import { byXmppId } from "./xmpp-ids.ts";

export function laneQueries({ db, build }: StoreContext) {
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
        .whereRef("originals.account", "=", "message_ids.account")
        .where("message_ids.id", "=", id),
    ),
  };
}

export const direction = (index: number): Direction => {
  const name = directions[index];
  if (name === undefined)
    throw new Error(`the database holds a lane direction ${index} that this version does not know`);
  return name;
};

export const headArgs = (head: LaneHead): Args => ({
  account: head.account,
  direction: directions.indexOf(head.direction),
  peer: head.peer,
});

export function toRow(row: Tables["lane_rows"]): LaneRow {
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
