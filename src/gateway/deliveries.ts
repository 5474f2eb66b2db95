// Events of a bridge become rows to commit, each with the mark by which a replay is recognised.
import type {
  Incoming,
  IncomingContact,
  IncomingEdit,
  IncomingMessage,
  IncomingOriginal,
  IncomingReaction,
  IncomingRead,
  IncomingRetraction,
  Peer,
  RemoteId,
} from "#bridge";
import { toGroupChat } from "./group-chat-rows.ts";
import { derivedKey } from "./keys.ts";
import {
  type Delivery,
  type IncomingBody,
  intakePeer,
  type MessageRecord,
  type NewRow,
  type Origin,
  peerKey,
  type ReactionRecord,
} from "./lane-ports.ts";
import type { AccountId, Store } from "./ports.ts";

import type { RoomReports } from "./room-reports.ts";

/** What is known from before. */
export interface DeliveryLookups {
  message(account: AccountId, id: RemoteId): Promise<MessageRecord | undefined>;
  reaction(account: AccountId, id: RemoteId): Promise<ReactionRecord | undefined>;
  /** What an event in a room is committed as; `delivery` is what it would be in a conversation with a contact. */
  inRoom(account: AccountId, event: Incoming, delivery: Delivery): Delivery;
  /** The same for a group chat of XMPP's. */
  inGroupChat(account: AccountId, event: Incoming, delivery: Delivery): Delivery;
  /** Sees to it that the contact can be written to. */
  fromContact(account: AccountId, contact: RemoteId, delivery: Delivery): Delivery;
}

export const lookupsIn = (
  { messages, reactions }: Pick<Store, "messages" | "reactions">,
  rooms: RoomReports,
): DeliveryLookups => ({
  message: (account, id) => messages.byRemoteId(account, [id]),
  reaction: (account, id) => reactions.byRemoteId(account, id),
  inRoom: (account, event, delivery) => rooms.delivery(account, event, delivery),
  inGroupChat: toGroupChat,
  fromContact: (account, contact, delivery) => rooms.fromContact(account, contact, delivery),
});

/** Longer ids are not ids: nobody may fill the index with them. */
const longestId = 1_000;

/** What to commit for these events; reports about messages nobody here ever saw are left out. */
export async function deliveries(
  account: AccountId,
  events: readonly Incoming[],
  lookups: DeliveryLookups,
): Promise<Delivery[]> {
  const batch = new Batch(account, lookups);
  for (const event of events) await batch.add(event);
  return batch.list;
}

/** Events that come together may speak of each other: an edit right behind its message is the rule in a catch-up. */
class Batch {
  readonly list: Delivery[] = [];
  readonly #account: AccountId;
  readonly #lookups: DeliveryLookups;
  readonly #messages = new Map<RemoteId, MessageRecord>();
  readonly #reactions = new Map<RemoteId, ReactionRecord>();

  constructor(account: AccountId, lookups: DeliveryLookups) {
    this.#account = account;
    this.#lookups = lookups;
  }

  async add(event: Incoming): Promise<void> {
    if (event.id.length > longestId)
      throw new RangeError(`an event id has ${event.id.length} characters, ${longestId} is the limit`);
    switch (event.type) {
      case "message":
        return this.#message(event);
      case "edit":
        return this.#edit(event);
      case "retraction":
        return this.#retraction(event);
      case "reaction":
        return this.#reaction(event);
      case "original": {
        const body = { kind: "original", id: event.id, about: event.about, sentAt: event.sentAt } as const;
        const key = derivedKey(String(this.#account), "original", event.id);
        const row: NewRow = { direction: "intake", account: this.#account, peer: intakePeer, key, body };
        this.list.push({ row, record: this.#mark(event, intakePeer, key), raw: event.raw });
        return;
      }
      case "read":
        return this.#read(event);
      case "delivered":
      case "failed":
      case "delayed":
        return this.#fate(event);
      case "contact":
        return this.#profile(event);
      case "room":
      case "membership":
        return this.#push(event, {});
      default:
        return event satisfies never;
    }
  }

  /** Of a message of the user's, to that very peer: nobody gets another one marked (email.md 25). */
  async #fate(event: Fate): Promise<void> {
    const target = await this.#known(event.target);
    const isBelieved = target?.fromSelf && target.peer === peerKey(event.peer);
    if (!isBelieved || target?.sender === undefined) {
      const otherwise = "otherwise" in event ? event.otherwise : undefined;
      return otherwise && this.#message(otherwise);
    }
    const origin: Origin = { id: target.xmppId, from: target.sender };
    switch (event.type) {
      case "failed": {
        const { condition, text } = event;
        return this.#tell(event, target.peer, { kind: "failed", origin, condition, text, late: true });
      }
      case "delayed": {
        const { id, peer, sentAt, text } = event;
        const words = { type: "message", id, peer, from: peer.id, sentAt, text, unstyled: true } as const;
        // What the user writes next answers what was before.
        const context = target.context === undefined ? {} : { context: target.context };
        return this.#message({ ...words, automatic: true, replyTo: [event.target], ...context });
      }
      case "delivered":
        return this.#tell(event, target.peer, { kind: "delivered", origin });
      default:
        return event satisfies never;
    }
  }

  /** What others have read counts where it is the user's own; what the user has read, where it is somebody else's. */
  async #read(event: IncomingRead): Promise<void> {
    const target = await this.#known(event.target, event.peer);
    if (target === undefined || target.fromSelf === (event.from === "self")) return;
    if (event.from === "self" || event.peer.kind === "room")
      return this.#tell(event, target.peer, { kind: "displayed", target: target.xmppId });
    const { sender: from, xmppId: id } = target;
    if (from !== undefined) this.#tell(event, target.peer, { kind: "read", origin: { id, from } });
  }

  async #message(event: IncomingMessage): Promise<void> {
    const { type, peer, digest = "", context, past, ...others } = event;
    const thread = await this.#threadOf(event);
    const rest = thread === undefined ? others : { ...others, thread };
    const key = derivedKey(String(this.#account), type, event.id, digest);
    const record: MessageRecord = {
      account: this.#account,
      kind: "message",
      remoteId: event.id,
      digest,
      xmppId: key,
      peer: peerKey(peer),
      fromSelf: event.from === "self",
      sentAt: event.sentAt,
      thread,
      context,
      sender: event.from === "self" ? undefined : event.from,
    };
    this.#messages.set(event.id, record);
    const row = this.#row(record.peer, key, { kind: "message", message: rest });
    this.#push(event, { row, record, ...(past === undefined ? {} : { past: true }) });
  }

  /** Only who wrote a message changes it (security.md X09, M12). Of one that is unknown the new text is all there is. */
  async #edit(event: IncomingEdit): Promise<void> {
    const target = await this.#known(event.target, event.peer);
    if (target && !isBy(target, event.from)) return;
    const { id, peer, from, sentAt, text, unstyled } = event;
    const shown = { id, peer, from, sentAt, ...(unstyled === undefined ? {} : { unstyled }) };
    if (target === undefined) return this.#message({ ...shown, type: "message", text });
    // Nobody but their own client may write in the user's name.
    if (event.from === "self" && peer.kind === "contact")
      return this.#message({ ...shown, type: "message", text, note: "You corrected a message to:" });
    const body = {
      kind: "edit",
      target: target.xmppId,
      text,
      ...(unstyled === undefined ? {} : { unstyled }),
    } as const;
    return this.#tell(event, target.peer, body);
  }

  async #retraction(event: IncomingRetraction): Promise<void> {
    const reaction = this.#reactions.get(event.target) ?? (await this.#lookups.reaction(this.#account, event.target));
    // In a room only what was done there counts (security.md M07).
    if (reaction && event.peer.kind !== "contact" && reaction.peer !== peerKey(event.peer)) return;
    if (reaction) {
      const { peer, target, from } = reaction;
      const change = { remove: event.target };
      // In a room the user is seen as everybody is.
      if (from === "self" && event.peer.kind === "contact") return this.#note(event, peer, change);
      return this.#tell(event, peer, { kind: "reaction", target, from }, change);
    }
    const target = await this.#known(event.target, event.peer);
    // What the user took back in another program they know; what they never saw needs no taking back.
    if (target === undefined || (event.from === "self" && event.peer.kind === "contact")) return;
    // A client would not believe that of anybody but the sender (XEP-0424 section 5); in a room it is a moderation.
    if (event.peer.kind === "contact" && !isBy(target, event.from)) return this.#message(takenBack(event));
    const reason = event.reason ? { reason: event.reason } : {};
    return this.#tell(event, target.peer, { kind: "retraction", target: target.xmppId, ...reason });
  }

  #profile(event: IncomingContact): void {
    const { peer, name, avatar } = event;
    if (peer.kind !== "contact") return;
    const news = { ...(name === undefined ? {} : { name }), ...(avatar === undefined ? {} : { avatar }) };
    return this.#tell(event, peerKey(peer), { kind: "profile", ...news });
  }

  async #reaction(event: IncomingReaction): Promise<void> {
    const { id, peer, from, sentAt, emoji } = event;
    const target = await this.#known(event.target, peer);
    if (target === undefined) {
      if (from === "self") return;
      return this.#message({ type: "message", id, peer, from, sentAt, text: `${emoji} (to an older message)` });
    }
    const add: ReactionRecord = {
      account: this.#account,
      remoteId: id,
      peer: target.peer,
      target: target.xmppId,
      from,
      emoji,
    };
    this.#reactions.set(id, add);
    if (from === "self" && peer.kind === "contact") return this.#note(event, target.peer, { add });
    return this.#tell(event, target.peer, { kind: "reaction", target: target.xmppId, from }, { add });
  }

  /** A row for the user, and the mark of the event. */
  #tell(
    event: Exclude<Event, IncomingOriginal>,
    peer: string,
    body: IncomingBody,
    reaction?: Delivery["reaction"],
  ): void {
    const key = derivedKey(String(this.#account), event.type, event.id);
    const record = this.#mark(event, peer, key);
    this.#push(event, { row: this.#row(peer, key, body), record, ...(reaction ? { reaction } : {}) });
  }

  /** Remembered, but nobody is told: the user did it. */
  #note(event: Event, peer: string, reaction: NonNullable<Delivery["reaction"]>): void {
    this.list.push({
      record: this.#mark(event, peer, derivedKey(String(this.#account), event.type, event.id)),
      reaction,
    });
  }

  #push(event: Exclude<Incoming, IncomingOriginal>, delivery: Delivery): void {
    const { inRoom, inGroupChat, fromContact } = this.#lookups;
    const { kind, id } = event.peer;
    if (kind === "contact") this.list.push(fromContact(this.#account, id, delivery));
    else this.list.push((kind === "room" ? inRoom : inGroupChat)(this.#account, event, delivery));
  }

  #row(peer: string, key: string, body: IncomingBody): NewRow {
    return { direction: "incoming", account: this.#account, peer, key, body };
  }

  /** An answer to a message of the user's own stays in the thread that their client gave it (XEP-0201). */
  async #threadOf(event: IncomingMessage): Promise<string | undefined> {
    for (const id of event.replyTo ?? []) {
      const parent = await this.#known(id);
      if (parent?.fromSelf && parent.thread !== undefined) return parent.thread;
    }
    // In rooms threads are named by their first message: where that is the user's, their client has named it before.
    const first = event.thread && event.peer.kind === "room" ? await this.#known(event.thread, event.peer) : undefined;
    if (first?.fromSelf && first.thread !== undefined) return first.thread;
    return event.thread;
  }

  /** In a room or a group chat only what was said there counts: nobody reaches out of it (security.md M07). */
  async #known(id: RemoteId, peer?: Peer): Promise<MessageRecord | undefined> {
    const record = this.#messages.get(id) ?? (await this.#lookups.message(this.#account, id));
    const isElsewhere = peer !== undefined && peer.kind !== "contact" && record?.peer !== peerKey(peer);
    return isElsewhere ? undefined : record;
  }

  /** Only so that the same event is not handled twice. */
  #mark(event: Event, peer: string, xmppId: string): MessageRecord {
    return {
      account: this.#account,
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
}

type Fate = Extract<Incoming, { readonly type: "delivered" | "failed" | "delayed" }>;
type Event = Exclude<Incoming, IncomingMessage>;

/** In words, where it cannot be shown as what it is. */
function takenBack({ id, peer, from, sentAt, target, reason }: IncomingRetraction): IncomingMessage {
  const text = `/me removed this message.${reason ? ` ${reason}` : ""}`;
  return { type: "message", id, peer, from, sentAt, text, replyTo: [target] };
}

const isBy = (target: MessageRecord, from: RemoteId | "self"): boolean =>
  from === "self" ? target.fromSelf : !target.fromSelf && (target.sender === undefined || target.sender === from);
