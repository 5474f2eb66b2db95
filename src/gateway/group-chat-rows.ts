// Rows of group chats in which people of a network are, and the names that one message has there. The chat calls a message
// by its stanza id (XEP-0359), the client that wrote it by an id of its own, the network by a third.
import type { Incoming, MessageRef, RemoteId } from "#bridge";
import type { Heard } from "./group-chat-ports.ts";
import { derivedKey, newKey } from "./keys.ts";
import {
  type Delivery,
  type MessageRecord,
  type MessageStore,
  messageRef,
  type NewRow,
  type OutgoingBody,
  type OutgoingRow,
  peerKey,
} from "./lane-ports.ts";
import type { AccountId } from "./ports.ts";
import type { Saying } from "./room-ports.ts";

export const groupChatPeer = (address: string): string => peerKey({ kind: "groupchat", id: address });

/** Network to chat: what an event is committed as; `delivery` is what it would be in a conversation with a contact. */
export function toGroupChat(account: AccountId, event: Incoming, delivery: Delivery): Delivery {
  const peer = groupChatPeer(event.type === "original" ? "" : event.peer.id);
  const row = (key: string, body: Extract<NewRow, { direction: "incoming" }>["body"]): NewRow => ({
    direction: "incoming",
    account,
    peer,
    key,
    body,
  });
  switch (event.type) {
    case "membership": {
      if (event.who === "self" || event.state === "invited") return {};
      const key = derivedKey(String(account), event.type, event.id);
      const act = { do: event.state === "joined" ? "enter" : "leave" } as const;
      const name = event.name === undefined ? {} : { name: event.name };
      const record = mark(account, event.type, event.id, peer, key, event.sentAt);
      return { row: row(key, { kind: "groupchat", from: event.who, ...name, act }), record };
    }
    case "message":
    case "edit":
    case "retraction":
    case "reaction": {
      if (delivery.row === undefined) return delivery;
      const name = event.type === "message" && event.name !== undefined ? { name: event.name } : {};
      const act = { do: "say", body: delivery.row.body as Saying } as const;
      const body = { kind: "groupchat", from: event.from, ...name, act } as const;
      return { ...delivery, row: row(delivery.row.key, body) };
    }
    default:
      return {};
  }
}

/** Chat to network: the row for something that was heard, and the mark by which a replay is recognised. */
export function fromGroupChat(account: AccountId, address: string, heard: Heard, now: number): Delivery {
  const peer = groupChatPeer(address);
  const key = newKey(now);
  const row = (body: OutgoingBody): NewRow => ({ direction: "outgoing", account, peer, key, body });
  const itself = { origin: { from: address }, heard: { at: now } } as const;
  switch (heard.what) {
    case "said":
      return {
        ...(heard.body === undefined ? {} : { row: row(said(address, heard, heard.body)) }),
        record: mark(account, "heard", heard.mark, peer, key, heard.at),
      };
    case "changed":
      return { row: row({ kind: "change", change: heard.change, ...itself }) };
    case "parted":
      return { row: row({ kind: "part", ...itself, heard: { at: now, speaker: heard.speaker } }) };
    case "closed":
      return { row: row({ kind: "message", text: closedText(heard.reason), ...itself }) };
    default:
      return heard satisfies never;
  }
}

const closedText = (reason: string | undefined): string =>
  `The group chat was closed${reason === undefined ? "." : `: ${reason}`}`;

function said(address: string, heard: Extract<Heard, { what: "said" }>, body: OutgoingBody): OutgoingBody {
  const { speaker, stanzaId, id, at } = heard;
  const name = stanzaId ?? id;
  return {
    ...body,
    origin: {
      ...(name === undefined ? {} : { id: name }),
      from: speaker === undefined ? address : `${address}/${speaker.nick}`,
    },
    heard: { at, ...(speaker === undefined ? {} : { speaker }), ...(id === undefined ? {} : { ownId: id }) },
    ...(speaker === undefined ? {} : { senderName: speaker.nick }),
  };
}

/** Only so that the same event is not handled twice. */
function mark(
  account: AccountId,
  kind: string,
  remoteId: RemoteId,
  peer: string,
  xmppId: string,
  sentAt: number,
): MessageRecord {
  return {
    account,
    kind,
    remoteId,
    digest: "",
    xmppId,
    peer,
    fromSelf: false,
    sentAt,
    thread: undefined,
    context: undefined,
    sender: undefined,
  };
}

// --- names --------------------------------------------------------------------------------------------------------

/** A message has one record under its own id; others lead to it under ids that no network gives. */
const alias = { shown: "\u0001shown ", own: "\u0001own " } as const;
const original = (remoteId: RemoteId): RemoteId =>
  [alias.shown, alias.own].reduce((id, prefix) => (id.startsWith(prefix) ? id.slice(prefix.length) : id), remoteId);

/** Clients give ids as they like; those of one speaker name nobody else's messages (security.md X09). */
const ownName = (speaker: string, id: string): string => derivedKey("own id", speaker, id);

/** What is remembered when the network has taken what somebody said in the chat. */
export function takenRecords(row: OutgoingRow, record: MessageRecord): readonly MessageRecord[] {
  const { speaker, ownId } = row.body.heard ?? {};
  const named = { ...record, fromSelf: false, sender: speaker?.id };
  if (speaker === undefined || ownId === undefined) return [named];
  return [named, { ...named, remoteId: alias.own + record.remoteId, xmppId: ownName(speaker.id, ownId) }];
}

/** What is remembered when the chat has shown what one of the network's people said. */
export function shownRecords(
  written: MessageRecord | undefined,
  row: { readonly account: AccountId; readonly peer: string },
  stanzaId: string,
  now: number,
): readonly MessageRecord[] {
  const heard = mark(row.account, "heard", stanzaId, row.peer, stanzaId, now);
  return written === undefined
    ? [heard]
    : [heard, { ...written, remoteId: alias.shown + written.remoteId, xmppId: stanzaId }];
}

/** The message that somebody in the chat corrects, takes back, answers or reacts to. */
export async function targetOf(row: OutgoingRow, messages: MessageStore): Promise<MessageRef | undefined> {
  const { target, heard, kind } = row.body;
  if (target === undefined) return undefined;
  const speaker = heard?.speaker?.id;
  const name = kind === "edit" && speaker !== undefined ? ownName(speaker, target) : target;
  const record = await messages.byXmppId(row.account, row.peer, name);
  if (record === undefined) return undefined;
  // What the chat itself takes back a moderator took back (XEP-0425).
  const fromSelf = speaker === undefined || record.sender === speaker;
  return { ...messageRef(record), id: original(record.remoteId), fromSelf };
}

/** What the chat calls a message that is known here as `xmppId`. */
export async function shownName(
  account: AccountId,
  peer: string,
  xmppId: string,
  messages: MessageStore,
): Promise<string> {
  const record = await messages.byXmppId(account, peer, xmppId);
  if (record === undefined) return xmppId;
  return (await messages.byRemoteId(account, [alias.shown + record.remoteId]))?.xmppId ?? xmppId;
}
