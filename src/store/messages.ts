import { type Selectable, sql } from "kysely";
import type { Json } from "#bridge";
import type { MessageRecord, MessageStore } from "../gateway/lane-ports.ts";
import type { StoreContext } from "./sqlite.ts";
import { type Args, param, statement } from "./statement.ts";
import type { Tables } from "./tables.ts";
import { byXmppId, sliceCounter } from "./xmpp-ids.ts";

export function messageStore({ db, build }: StoreContext): MessageStore {
  const messages = build
    .selectFrom("message_ids")
    .selectAll()
    .where("account", "=", param<number>("account"))
    .where("kind", "=", "message");
  const inConversation = messages.where("peer", "=", param<string>("peer"));
  const xmppIds = byXmppId({ db, build });
  const byId = statement(db, build.selectFrom("message_ids").selectAll().where("id", "=", param<number>("id")));
  const byRemoteId = statement(
    db,
    messages.where("remote_id", "=", param<string>("id")).orderBy("id", "desc").limit(1),
  );
  const newest = (column: "last_message" | "last_original") =>
    statement(
      db,
      build
        .selectFrom("conversations")
        .innerJoin("message_ids", "message_ids.id", `conversations.${column}`)
        .selectAll("message_ids")
        .where("conversations.account", "=", param<number>("account"))
        .where("conversations.peer", "=", param<string>("peer")),
    );
  const last = newest("last_message");
  const lastIncoming = newest("last_original");
  const lastOfThread = statement(
    db,
    inConversation.where("thread", "=", param<string>("thread")).orderBy("id", "desc").limit(1),
  );
  const record = (row: Selectable<Tables["message_ids"]> | undefined) => row && toRecord(row);
  return {
    async byXmppId(account, peer, xmppId) {
      const found = xmppIds.get({ account, peer, xmppId });
      return found && record(byId.get(found));
    },
    async byRemoteId(account, ids) {
      for (const id of ids) {
        const found = byRemoteId.get({ account, id });
        if (found) return toRecord(found);
      }
      return undefined;
    },
    lastOf: async (account, peer) => record(last.get({ account, peer })),
    lastOfThread: async (account, peer, thread) => record(lastOfThread.get({ account, peer, thread })),
    lastIncoming: async (account, peer) => record(lastIncoming.get({ account, peer })),
  };
}

function toRecord(row: Selectable<Tables["message_ids"]>): MessageRecord {
  return {
    account: row.account,
    kind: row.kind,
    remoteId: row.remote_id,
    digest: row.digest,
    xmppId: row.xmpp_id,
    peer: row.peer,
    fromSelf: row.from_self !== 0,
    sentAt: row.sent_at,
    thread: row.thread ?? undefined,
    context: row.context === null ? undefined : (JSON.parse(row.context) as Json),
    sender: row.sender ?? undefined,
  };
}

/** Written in the commits of the lanes. */
export interface MessageWrites {
  /** False: seen before, either in full or as a message of the user's own that comes back. */
  remember(record: MessageRecord, how?: How): boolean;
  /** A message already remembered under this id keeps its first record. False: this one is not the first. */
  write(record: MessageRecord, how?: How): boolean;
}

interface How {
  /** The intake row whose bytes the message was made of. */
  readonly original?: number | null;
  /** It is older than what is there: not the newest of its conversation. */
  readonly past?: boolean | undefined;
}

export function messageWrites(context: StoreContext): MessageWrites {
  const { clock } = context;
  const sliceOf = sliceCounter(context);
  const { isOwn, remember, advance } = writes(context);
  const write: MessageWrites["write"] = (record, { original = null, past = false } = {}) => {
    const slice = sliceOf(record.account);
    if (remember.run({ ...args(record), original, now: clock.now(), slice }) === 0) return false;
    if (record.kind === "message" && !past) {
      const isOriginal = original === null ? 0 : 1;
      advance.run({ account: record.account, peer: record.peer, isOriginal });
    }
    return true;
  };
  return {
    write,
    remember(record, how) {
      const mayBeOwn = record.kind === "message" && !record.fromSelf && record.digest !== "";
      if (mayBeOwn && isOwn.get({ account: record.account, remoteId: record.remoteId })) return false;
      return write(record, how);
    },
  };
}

/** The rowid of the row that this connection inserted last. */
const lastInsert = sql<number>`last_insert_rowid()`;

function writes({ db, build }: StoreContext) {
  const account = param<number>("account");
  return {
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
  };
}

const args = (record: MessageRecord): Args => ({
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
});
