import type { Selectable } from "kysely";
import type { Json } from "#bridge";
import type { MessageRecord, MessageStore } from "../gateway/lane-ports.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";
import type { Tables } from "./tables.ts";
import { byXmppId } from "./xmpp-ids.ts";

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
