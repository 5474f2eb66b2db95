// Lanes and what is remembered of messages: what their rows hold, and how they are kept. Implemented in src/store.
import type {
  AvatarId,
  Condition,
  IncomingAttachment,
  IncomingMessage,
  Json,
  Mention,
  MessageRef,
  Occupant,
  OutgoingFile,
  Peer,
  RecordChanges,
  RemoteId,
  RoomChange,
} from "#bridge";
import type { GroupChatAct } from "./group-chat-ports.ts";
import type { AccountId, RecordOwner } from "./ports.ts";
import type { RoomEvent } from "./room-events.ts";
import type { RoomWork } from "./room-ports.ts";

/** outgoing: user to network. incoming: network to user. intake: stored bytes that `bridge.open` has still to parse. */
export type Direction = "outgoing" | "incoming" | "intake";

/** queued: not handed over. sent: handed over, outcome unknown. done and failed are final. */
export type RowState = "queued" | "sent" | "done" | "failed";

/** The stanza an outgoing row came from: where its receipt or error goes. */
export interface Origin {
  /** The id the sender's client gave; absent when it gave none. */
  readonly id?: string;
  /** Full JID of the sending client. */
  readonly from: string;
  /** It was an IQ: it is answered when the row has come to its end. */
  readonly iq?: true;
}

export interface OutgoingBody {
  /** `change` and `part` only from a group chat: the chat is changed on the network, the speaker is gone from it. */
  readonly kind: "message" | "edit" | "retraction" | "reaction" | "read" | "change" | "part";
  readonly origin: Origin;
  /** In a group chat with people of the network: where it came from. */
  readonly heard?: HeardFrom;
  readonly change?: RoomChange;
  readonly text?: string;
  readonly subject?: string;
  readonly thread?: string;
  /** XMPP id of the message this one answers, corrects, retracts, reacts to or marks. */
  readonly target?: string;
  /** XEP-0444: all of the user's reactions to the target from now on. */
  readonly emojis?: readonly string[];
  /** XEP-0425: the retraction of what somebody else said in a room. */
  readonly moderation?: { readonly reason?: string };
  readonly file?: OutgoingFile;
  readonly mentions?: readonly Mention[];
  readonly spoiler?: string;
  readonly receipt?: boolean;
  readonly senderName?: string;
}

export interface Mentioned {
  readonly who: RemoteId | "self";
  /** At the time. */
  readonly nick: string;
}

/** A message of a group chat. */
export interface HeardFrom {
  /** Undefined: the chat itself. */
  readonly speaker?: Occupant;
  /** The id that the speaker's client gave: corrections name it (XEP-0308). */
  readonly ownId?: string;
  /** When it was said, in milliseconds since the epoch. */
  readonly at: number;
}

export type IncomingBody =
  | {
      readonly kind: "message";
      readonly message: Omit<IncomingMessage, "type" | "peer" | "digest" | "context" | "attachments" | "past"> & {
        readonly attachments?: readonly IncomingAttachment[];
      };
      /** In a room: the stanza id of the message that this one answers. */
      readonly answers?: string;
      /** In a room: those it mentions who are known there. */
      readonly mentioned?: readonly Mentioned[];
    }
  /** `target` is the XMPP id of the message as the user's client knows it. */
  | { readonly kind: "edit"; readonly target: string; readonly text: string; readonly unstyled?: boolean }
  | {
      readonly kind: "retraction";
      readonly target: string;
      readonly reason?: string;
      /** In a room: not its sender took it back (XEP-0425). */
      readonly moderated?: true;
    }
  /** The set of `from` on `target` as it is when the stanza is written. */
  | { readonly kind: "reaction"; readonly target: string; readonly from: RemoteId }
  /** The contact shows something else of themselves; nothing is written for it. */
  | { readonly kind: "profile"; readonly name?: string; readonly avatar?: AvatarId | null }
  /** Whatever happens in a room: see room-events.ts. */
  | { readonly kind: "room"; readonly event: RoomEvent }
  /** What one of the network's people does in a group chat. */
  | { readonly kind: "groupchat"; readonly from: RemoteId; readonly name?: string; readonly act: GroupChatAct }
  | { readonly kind: "delivered"; readonly origin: Origin }
  | { readonly kind: "read"; readonly origin: Origin }
  /** The user has read up to a message of a contact's, in another program. `target` is its XMPP id. */
  | { readonly kind: "displayed"; readonly target: string }
  | {
      readonly kind: "failed";
      readonly origin: Origin;
      readonly condition: Condition;
      readonly text: string;
      /** So long after it was sent that the client which sent it may be gone: then the user is told in words as well. */
      readonly late?: boolean;
    }
  /** From the gateway itself (peer `gateway`) or from a contact's JID. */
  | { readonly kind: "notice"; readonly text: string };

export type IntakeBody = {
  readonly kind: "original";
  readonly id: RemoteId;
  readonly about: Json;
  readonly sentAt: number;
};

interface RowOf<D extends Direction, B> {
  readonly direction: D;
  readonly account: AccountId;
  /** Which conversation: see `peerKey`. */
  readonly peer: string;
  /** Unique for ever; for outgoing rows the idempotency key, for incoming rows the stanza id. */
  readonly key: string;
  readonly body: B;
}
export type NewRow = RowOf<"outgoing", OutgoingBody> | RowOf<"incoming", IncomingBody> | RowOf<"intake", IntakeBody>;

/** A row as the lanes hold it. Rows of a lane are handled in the order of `id`. */
export type LaneRow<R extends NewRow = NewRow> = R & {
  readonly id: number;
  readonly createdAt: number;
  /** Not before this time (milliseconds since the epoch). */
  notBefore: number;
  attempts: number;
  state: RowState;
  /** What `session.prepare` froze. */
  prepared?: Json;
};
export type OutgoingRow = LaneRow<RowOf<"outgoing", OutgoingBody>>;
export type IncomingRow = LaneRow<RowOf<"incoming", IncomingBody>>;
export type IntakeRow = LaneRow<RowOf<"intake", IntakeBody>>;

/** What the gateway remembers of a message: for replies, receipts, bounces and to know a replay. */
export interface MessageRecord {
  readonly account: AccountId;
  /** "message", or another event type when only the replay matters. */
  readonly kind: string;
  readonly remoteId: RemoteId;
  /** "" unless messages may share an id. */
  readonly digest: string;
  readonly xmppId: string;
  readonly peer: string;
  readonly fromSelf: boolean;
  readonly sentAt: number;
  readonly thread: string | undefined;
  readonly context: Json | undefined;
  /** Full JID of the client that sent it, or the RemoteId of somebody else who did. */
  readonly sender: string | undefined;
}

/** One emoji on one message. */
export interface ReactionRecord {
  readonly account: AccountId;
  /** The reaction's own id on the network. */
  readonly remoteId: RemoteId;
  readonly peer: string;
  /** XMPP id of the message. */
  readonly target: string;
  readonly from: RemoteId | "self";
  readonly emoji: string;
}

/** An event to commit: what it becomes, unless `record` shows that it was seen before. */
export interface Delivery {
  /** Absent: nobody is told. */
  readonly row?: NewRow;
  readonly record?: MessageRecord;
  readonly reaction?: { readonly add: ReactionRecord } | { readonly remove: RemoteId };
  /** Stored beside an intake row. */
  readonly raw?: Uint8Array;
  /** What it does to rooms, and the rows that follow from that. */
  readonly rooms?: RoomWork;
  /** `record` is of a message from before what is known: not the newest of its conversation. */
  readonly past?: boolean;
}

/** How a row ends, or goes on. */
export interface Settlement {
  readonly id: number;
  readonly state: RowState;
  readonly notBefore?: number;
  readonly attempts?: number;
  readonly error?: string;
  readonly records?: readonly MessageRecord[];
  /** Rows that follow from it (receipt, error to the sender), appended in the same commit. */
  readonly notes?: readonly NewRow[];
  readonly rooms?: RoomWork;
}

export interface LaneHead {
  readonly account: AccountId;
  readonly direction: Direction;
  readonly peer: string;
}

/**
 * The durable side of the lanes. Every method resolves after the commit is on disk (fsync) and rejects with StoreError
 * when nothing was written. Methods called in the same turn of the event loop share one commit.
 */
export interface LaneStore {
  /**
   * Who hears of new rows: in the order of their ids, once they are on disk, and before any promise of their commit
   * resolves. `page` shows no row earlier than that.
   */
  onRows(listener: (rows: readonly LaneRow[]) => void): void;
  /** `supersedes`: rows of that kind that wait in the same lanes end in the same commit, so that the newest wins. */
  append(rows: readonly NewRow[], options?: { readonly supersedes?: OutgoingBody["kind"] }): Promise<LaneRow[]>;
  /** Events and cursor in one commit. Returns the rows that were new. `settle` ends the intake row they came from. */
  deliver(
    account: AccountId,
    deliveries: readonly Delivery[],
    options?: { cursor?: Json; settle?: Settlement; records?: RecordChanges },
  ): Promise<LaneRow[]>;
  /** As `deliver` for several accounts at once; `records` are those of `owner`. */
  deliverAll(
    parcels: readonly { readonly account: AccountId; readonly deliveries: readonly Delivery[] }[],
    owner: RecordOwner,
    records: RecordChanges,
  ): Promise<void>;
  /** Freezes a row before its first send: state `sent`. */
  begin(id: number, prepared: Json): Promise<void>;
  /** Returns the notes as rows. */
  settle(settlement: Settlement): Promise<LaneRow[]>;
  /** As `settle` to `done` for rows without anything to remember. */
  settleMany(ids: readonly number[]): Promise<void>;
  /** The rows of a lane that are not final, in order, after `after`. */
  page(head: LaneHead, after: number, limit: number): Promise<LaneRow[]>;
  /** Every lane that has such rows, of one account or of all. */
  heads(account?: AccountId): Promise<LaneHead[]>;
  /** How many such rows there are. */
  counts(): Promise<Record<Direction, number>>;
  /** Non-final outgoing rows made before `before`, oldest first. */
  expired(before: number, limit: number): Promise<OutgoingRow[]>;
  raw(row: number): Promise<Uint8Array | undefined>;
  /** Raw bytes of the message with this stanza id, while they are kept. */
  rawOf(account: AccountId, peer: string, xmppId: string): Promise<Uint8Array | undefined>;
}

export interface MessageStore {
  byXmppId(account: AccountId, peer: string, xmppId: string): Promise<MessageRecord | undefined>;
  /** The first of `ids` that the account knows. */
  byRemoteId(account: AccountId, ids: readonly RemoteId[]): Promise<MessageRecord | undefined>;
  lastOf(account: AccountId, peer: string): Promise<MessageRecord | undefined>;
  lastOfThread(account: AccountId, peer: string, thread: string): Promise<MessageRecord | undefined>;
  /** The newest incoming message of a conversation that came with stored bytes. */
  lastIncoming(account: AccountId, peer: string): Promise<MessageRecord | undefined>;
}

export interface ReactionStore {
  /** What `from` has on a message, oldest first. */
  of(account: AccountId, peer: string, target: string, from: RemoteId | "self"): Promise<ReactionRecord[]>;
  byRemoteId(account: AccountId, id: RemoteId): Promise<ReactionRecord | undefined>;
  add(reaction: ReactionRecord): Promise<void>;
  remove(account: AccountId, id: RemoteId): Promise<void>;
}

/** The lane peer of notices from the gateway itself. */
export const gatewayPeer = "gateway";
/** The lane peer of stored bytes. */
export const intakePeer = "intake";

/** How a peer is written in lanes and message records. */
export const peerKey = (peer: Peer): string => `${peer.kind}/${peer.id}`;

/** The peer behind a key; undefined for the gateway's own lanes. */
export const peerOfKey = (key: string): Peer | undefined => {
  const slash = key.indexOf("/");
  const kind = key.slice(0, slash);
  return kind === "contact" || kind === "room" || kind === "groupchat" ? { kind, id: key.slice(slash + 1) } : undefined;
};

export const messageRef = (record: MessageRecord): MessageRef => ({
  id: record.remoteId,
  fromSelf: record.fromSelf,
  sentAt: record.sentAt,
  ...(record.context === undefined ? {} : { context: record.context }),
});
