// Messages by the ids that XMPP clients know them by. Those ids come in no order, and an index over all of them would touch
// a page for each message. So the index is kept in slices: an account's messages are numbered off, each slice is small enough
// for a few pages that stay the same until it is full, and whoever looks for an id goes through the slices, newest first
// (docs/decisions/0007-fewer-pages-per-message.md).
import { type Compilable, type CompiledQuery, sql } from "kysely";
import type { AccountId } from "../gateway/ports.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, type Statement, statement } from "./statement.ts";

/** Messages in a slice. */
const sliceSize = 256;

/** Numbers the messages of each account off. One number too many, after a rollback, does no harm. */
export function sliceCounter({ db, build }: Pick<StoreContext, "db" | "build">): (account: AccountId) => number {
  const newest = statement(
    db,
    build
      .selectFrom("message_ids")
      .select(["slice", (e) => e.fn.countAll<number>().as("filled")])
      .where("account", "=", param<number>("account"))
      .groupBy("slice")
      .orderBy("slice", "desc")
      .limit(1),
  );
  const known = new Map<AccountId, { slice: number; filled: number }>();
  return (account) => {
    let last = known.get(account);
    if (last === undefined) {
      last = newest.get({ account }) ?? { slice: 0, filled: 0 };
      known.set(account, last);
    }
    if (last.filled >= sliceSize) {
      last.slice++;
      last.filled = 0;
    }
    last.filled++;
    return last.slice;
  };
}

/** The newest message of that id in the conversation: clients may use an id again. Arguments: account, peer, xmppId. */
export function byXmppId({ db, build }: Pick<StoreContext, "db" | "build">): Statement<{ readonly id: number }> {
  const account = param<number>("account");
  const query = sql<{ id: number }>`
    WITH RECURSIVE slices (slice) AS (
      SELECT max(slice) FROM message_ids WHERE account = ${account}
      UNION ALL
      SELECT (SELECT max(older.slice) FROM message_ids AS older WHERE older.account = ${account} AND older.slice < slices.slice)
      FROM slices WHERE slices.slice IS NOT NULL
    ),
    found (id) AS (
      SELECT (
        SELECT max(m.id) FROM message_ids AS m
        WHERE m.account = ${account} AND m.slice = slices.slice AND m.xmpp_id = ${param<string>("xmppId")}
          AND m.peer = ${param<string>("peer")} AND m.kind = 'message'
      ) FROM slices
    )
    SELECT id FROM found WHERE id IS NOT NULL LIMIT 1`;
  return statement(
    db,
    compilable(() => query.compile(build)),
  );
}

const compilable = <Row>(compile: () => CompiledQuery<Row>): Compilable<Row> => ({ compile });
