// Events of a bridge become rows to commit, each with the mark by which a replay is recognised.
import type { Incoming, IncomingMessage, RemoteId } from "#bridge";
import { derivedKey } from "./keys.ts";
import {
  type AccountId,
  type Delivery,
  type IncomingBody,
  intakePeer,
  type MessageRecord,
  type MessageStore,
  type NewRow,
  type Origin,
  peerKey,
} from "./ports.ts";

export interface DeliveryLookups {
  /** The message of ours that a report speaks of. */
  ownMessage(account: AccountId, id: RemoteId): Promise<MessageRecord | undefined>;
}

export const lookupsIn = (messages: MessageStore): DeliveryLookups => ({
  async ownMessage(account, id) {
    const record = await messages.byRemoteId(account, [id]);
    return record?.fromSelf ? record : undefined;
  },
});

/** Longer ids are not ids: nobody may fill the index with them. */
const longestId = 1_000;

/** What to commit for these events; reports about messages we never sent are left out. */
export async function deliveries(
  account: AccountId,
  events: readonly Incoming[],
  lookups: DeliveryLookups,
): Promise<Delivery[]> {
  const list: Delivery[] = [];
  for (const event of events) {
    const delivery = await one(account, event, lookups);
    if (delivery) list.push(delivery);
  }
  return list;
}

async function one(account: AccountId, event: Incoming, lookups: DeliveryLookups): Promise<Delivery | undefined> {
  if (event.id.length > longestId)
    throw new RangeError(`an event id has ${event.id.length} characters, ${longestId} is the limit`);
  switch (event.type) {
    case "message":
      return message(account, event, await threadOf(account, event, lookups));
    case "original": {
      const body = { kind: "original", id: event.id, about: event.about, sentAt: event.sentAt } as const;
      const row: NewRow = {
        direction: "intake",
        account,
        peer: intakePeer,
        key: derivedKey(String(account), "original", event.id),
        body,
      };
      return { row, record: mark(account, event, intakePeer, row.key), raw: event.raw };
    }
    case "delivered":
    case "read":
    case "failed": {
      const target = await lookups.ownMessage(account, event.target);
      if (target === undefined || target.sender === undefined) return undefined;
      const origin: Origin = { id: target.xmppId, from: target.sender };
      const body: IncomingBody =
        event.type === "failed"
          ? { kind: "failed", origin, condition: event.condition, text: event.text }
          : { kind: event.type, origin };
      const key = derivedKey(String(account), event.type, event.id);
      return {
        row: { direction: "incoming", account, peer: target.peer, key, body },
        record: mark(account, event, target.peer, key),
      };
    }
    default:
      return event satisfies never;
  }
}

/** An answer to a message of the user's own stays in the thread that their client gave it (XEP-0201). */
async function threadOf(
  account: AccountId,
  event: IncomingMessage,
  lookups: DeliveryLookups,
): Promise<string | undefined> {
  for (const id of event.replyTo ?? []) {
    const parent = await lookups.ownMessage(account, id);
    if (parent?.thread !== undefined) return parent.thread;
  }
  return event.thread;
}

function message(account: AccountId, event: IncomingMessage, thread: string | undefined): Delivery {
  const { type, peer, digest = "", context, ...others } = event;
  const rest = thread === undefined ? others : { ...others, thread };
  const key = derivedKey(String(account), type, event.id, digest);
  const record: MessageRecord = {
    account,
    kind: "message",
    remoteId: event.id,
    digest,
    xmppId: key,
    peer: peerKey(peer),
    fromSelf: event.from === "self",
    sentAt: event.sentAt,
    thread,
    context,
    sender: undefined,
  };
  return {
    row: { direction: "incoming", account, peer: record.peer, key, body: { kind: "message", message: rest } },
    record,
  };
}

/** Only so that the same event is not handled twice. */
function mark(
  account: AccountId,
  event: Exclude<Incoming, IncomingMessage>,
  peer: string,
  xmppId: string,
): MessageRecord {
  return {
    account,
    kind: event.type,
    remoteId: event.id,
    digest: "",
    xmppId,
    peer,
    fromSelf: false,
    sentAt: event.sentAt,
    thread: undefined,
    context: undefined,
    sender: undefined,
  };
}
