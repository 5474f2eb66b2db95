// What the core needs from the outside. src/store implements Store, src/xmpp implements XmppOutput, main.ts wires them.
import type {
  Answers,
  AvatarId,
  Condition,
  FileContent,
  FileRange,
  IncomingAttachment,
  IncomingMessage,
  Json,
  Mention,
  MessageRef,
  Occupant,
  OutgoingFile,
  Peer,
  Prompt,
  Picture,
  RecordChanges,
  Records,
  RemoteId,
  RoomChange,
  UserProfile,
} from "#bridge";
import type { GroupChatAct } from "./group-chat-ports.ts";
import type { RoomEvent, RoomView } from "./room-events.ts";
import type { RoomStore, RoomWork } from "./room-ports.ts";

// --- time ---------------------------------------------------------------------------------------------------------

export type TimerHandle = object;

/** All timers of src go through this, so that tests can own time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs once after `ms` on a monotonic clock. */
  setTimeout(run: () => void, ms: number): TimerHandle;
  clearTimeout(handle: TimerHandle | undefined): void;
}

// --- accounts -----------------------------------------------------------------------------------------------------

export type AccountId = number;
/** `groupchat`: not a user's, but a group chat's in which people of the network are; `user` and `self` are its address. */
export type AccountMode = "account" | "domain" | "groupchat";

/** One user's registration with one bridge. */
export interface AccountRecord {
  readonly id: AccountId;
  /** Bare JID, prepared (RFC 7622). */
  readonly user: string;
  /** The bridge's name. */
  readonly bridge: string;
  readonly mode: AccountMode;
  /** The user's own id on the network; unique per bridge and mode for domain accounts. */
  readonly self: RemoteId;
  readonly createdAt: number;
}

export interface AccountStore {
  all(): Promise<AccountRecord[]>;
  /** Inserts, or updates the credentials of the account with the same user, bridge, mode and self. */
  save(
    account: Omit<AccountRecord, "id" | "createdAt">,
    credentials: Json | undefined,
    /** Kept only when the account has no cursor yet. */
    cursor?: Json,
  ): Promise<AccountRecord>;
  /** Unseals. Throws when the key does not fit or the value was moved from another row. */
  credentials(id: AccountId): Promise<Json | undefined>;
  cursor(id: AccountId): Promise<Json | undefined>;
  /** Removes the account and everything that hangs on it. */
  remove(id: AccountId): Promise<void>;
}

// --- contacts -----------------------------------------------------------------------------------------------------

/** A person on the network, as one account knows them. */
export interface ContactRecord {
  readonly account: AccountId;
  readonly id: RemoteId;
  readonly name: string | undefined;
  /** The user gave the name: it stays, whatever the network calls them. */
  readonly named?: boolean;
  /** The user sees the contact's presence (RFC 6121 "to", seen from the user). */
  readonly subscribed: boolean;
  /** The user was offered this contact once (subscription request or roster item). */
  readonly introduced: boolean;
  /** null: there was a picture, and it was taken away. Undefined: nothing is known of one. */
  readonly avatar?: AvatarId | null | undefined;
  /** The hash of the avatar's picture when that is here; follows from what `AvatarStore` has. */
  readonly picture?: string | undefined;
}

export interface ContactStore {
  get(account: AccountId, id: RemoteId): Promise<ContactRecord | undefined>;
  /**
   * Reads and writes in one transaction, so that of two changes at the same time neither is lost. `update` gets what is
   * stored and may be called twice. Resolves with what it returned.
   */
  change(
    account: AccountId,
    id: RemoteId,
    update: (stored: ContactRecord | undefined) => ContactRecord,
  ): Promise<ContactRecord>;
  /** In the order of their ids, after `after`. */
  page(account: AccountId, after: RemoteId, limit: number): Promise<ContactRecord[]>;
  count(account: AccountId): Promise<number>;
  /** The accounts among `accounts` that know this id as a contact. */
  knownBy(accounts: readonly AccountId[], id: RemoteId): Promise<AccountId[]>;
}

// --- pictures -----------------------------------------------------------------------------------------------------

/** Pictures by the avatars of each account: what a network of one user says is no picture for another. */
export interface AvatarStore {
  /** The bytes of its picture. null: it was looked at, and there is nothing to show. Undefined: it has to be read. */
  find(account: AccountId, id: AvatarId): Promise<Uint8Array | null | undefined>;
  save(account: AccountId, id: AvatarId, picture: Picture | null): Promise<void>;
}

// --- lanes --------------------------------------------------------------------------------------------------------

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

/** Whose records: an account's, or those of a bridge's service. */
export type RecordOwner = AccountId | { readonly bridge: string };

export interface RecordStore {
  of(owner: RecordOwner): Records;
}

/** What an attachment of a message can be read with. */
export interface FileRecord {
  readonly account: AccountId;
  readonly name: string;
  readonly source: Json;
  /** The intake row whose bytes it lies in; undefined: it lies on the network. */
  readonly original: number | undefined;
}

/** Written by `LaneStore` together with the rows of the messages, for their first `linkedFiles` attachments. */
export interface FileStore {
  /** Undefined when there is none, it has expired, or its account was removed. */
  get(key: string, position: number): Promise<FileRecord | undefined>;
}

export interface Store {
  readonly reactions: ReactionStore;
  readonly records: RecordStore;
  readonly files: FileStore;
  readonly rooms: RoomStore;
  readonly accounts: AccountStore;
  readonly avatars: AvatarStore;
  readonly contacts: ContactStore;
  readonly lanes: LaneStore;
  readonly messages: MessageStore;
  /**
   * Forgets files whose links have expired, pictures beyond their room on the disk, and the oldest of what is older than
   * these times: final rows with the raw bytes of each, and records of messages and reactions. At most `limit` of each kind, so that nobody waits for
   * it long; true: there may be more.
   */
  prune(before: { readonly rows: number; readonly records: number }, limit: number): Promise<boolean>;
  close(): Promise<void>;
}

/** `full`: the disk is full; `busy`: somebody holds a lock; `broken`: anything else. Nothing was written. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly kind: "full" | "busy" | "broken";
  constructor(kind: StoreError["kind"], message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

// --- towards XMPP -------------------------------------------------------------------------------------------------

/** An incoming row with everything looked up that the stanza needs. */
export interface OutputItem {
  readonly row: IncomingRow;
  /** Bare JID of the user. */
  readonly user: string;
  /** Undefined: the gateway's own JID speaks. */
  readonly contact: RemoteId | undefined;
  /** The message answered, by the id the user's client knows, and its text where it is at hand. */
  readonly replyTo?: { readonly xmppId: string; readonly fromSelf: boolean };
  /** For a reaction: all that its sender has on the message now. */
  readonly emojis?: readonly string[];
  /** For a row of a room. */
  readonly room?: RoomView;
}

/** What the core wants from one bridge's component. Implemented in src/xmpp. */
export interface XmppOutput {
  /** Write one row to the stream. Throws when the link is down; then the row is handed over again after `up`. */
  write(item: OutputItem): void;
  /** True while the link is up and its in-flight window has room. */
  readonly writable: boolean;
  /** Ask the user to accept somebody they did not choose (undefined: the gateway itself): a subscription request. */
  introduce(user: string, contact: RemoteId | undefined, name: string | undefined): Promise<void>;
  /** A contact that the user asked for: XEP-0356 where granted, else XEP-0144, else a subscription request. */
  addToRoster(user: string, contact: RemoteId, name: string | undefined): Promise<void>;
  /** A contact has another name now. In the roster (XEP-0356) it is changed only where it is still the old one. */
  rename(user: string, contact: RemoteId, was: string | undefined, name: string): Promise<void>;
  /** What a user shows of themselves, asked of their server (XEP-0054). Rejects when it does not answer. */
  profileOf(user: string): Promise<UserProfile>;
  /** Fleeting; nothing is sent while the link is down. Undefined: the gateway's own presence. */
  presence(user: string, contact: RemoteId | undefined, presence: PresenceOut): void;
  /** XEP-0085. Fleeting. */
  typing(user: string, contact: RemoteId, active: boolean): void;
  subscription(
    user: string,
    contact: RemoteId | undefined,
    type: "subscribed" | "unsubscribed" | "subscribe" | "unsubscribe",
  ): void;
  /** A local part can be made of this text, and reads as this text again (XEP-0106, RFC 7622). */
  fits(local: string): boolean;
  /** The bare JID of a room. */
  roomAddress(local: string): string;
  /** XEP-0402, where XEP-0356 grants it; false: the user has to be told in another way. Never rejects. */
  bookmark(user: string, local: string, name: string | undefined, nick: string): Promise<boolean>;
  /** The same the other way. Never rejects. */
  unbookmark(user: string, local: string): Promise<void>;
  /** The user's clients are out of a room that is no more. Lost when the link is down. */
  roomGone(local: string, nick: string, clients: readonly string[]): void;
  /** As `typing`, for those in a room. */
  roomTyping(local: string, nick: string, clients: readonly string[], active: boolean): void;
  /** A line from the gateway to somebody without an account; lost when the link is down. */
  tell(user: string, text: string): void;
}

export interface PresenceOut {
  readonly available: boolean;
  readonly show?: "away" | "xa" | "dnd";
  readonly status?: string;
  readonly name?: string;
  /** XEP-0153: the hash of the picture; "": there is none any more. Absent: nothing is said of it. */
  readonly picture?: string;
}

/** What the component of one bridge tells the core about its stream. */
export interface OutputEvents {
  /** The stream is up and proved, or gone; rows without an answered barrier come back as `lost` first. */
  up(): void;
  down(): void;
  /** The window has room again. */
  room(): void;
  /** The server has taken these rows (ping barrier). */
  taken(rows: readonly IncomingRow[]): void;
  /** The stream broke before the server confirmed these rows. */
  lost(rows: readonly IncomingRow[]): void;
  /** The user's server answered a row's stanza with an error, before its barrier. */
  refused(key: string, reason: string): void;
  /** The server wrote a contact into the user's roster, subscribed both ways: nobody will ask for their presence. */
  subscribed(user: string, contact: RemoteId): Promise<void>;
}

// --- towards the web ----------------------------------------------------------------------------------------------

/** A message may name more files than this; only the first ones get a link. */
export const linkedFiles = 32;
/** Where the thumbnail of an attachment is kept: behind all attachments. */
export const thumbnailOf = (position: number): number => linkedFiles + position;

/** Links to the files of messages. Implemented in src/web, used by src/xmpp. */
export interface FileLinks {
  /**
   * The link to attachment `position` (from 0) of a message, which must have a `source`; undefined behind
   * `linkedFiles`. A row that is written again gets the same link.
   */
  link(row: Pick<IncomingRow, "key" | "createdAt">, position: number, name: string): string | undefined;
  /** The same to the thumbnail of that attachment. */
  thumbnail(row: Pick<IncomingRow, "key" | "createdAt">, position: number, name: string): string | undefined;
}

/** How src/web reads files. Implemented in files.ts. */
export interface FileReader {
  /**
   * Undefined: there is no such file (any more). Throws BridgeError: `retry` while the network cannot be reached,
   * `reject` when it does not have the file.
   */
  open(
    key: string,
    position: number,
    range: FileRange | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly name: string; readonly content: FileContent } | undefined>;
}

/** What is behind the link of a sign-in, for one browser. `user` is the bare JID that the account will belong to. */
export type PageView = { readonly user: string } & (
  | { readonly hold: "free"; readonly title: string }
  | { readonly hold: "taken" }
  | { readonly hold: "yours"; readonly prompt: Prompt }
);

/**
 * How a sign-in went on. `page` is its link. `busy`: an answer from elsewhere is being worked on; the same may be tried again.
 */
export type PageStep = { readonly user: string; readonly page: string } & (
  | { readonly prompt: Prompt }
  | { readonly done: string }
  | { readonly failed: string }
  | { readonly busy: string }
);

/**
 * How src/web shows sign-ins. `browser` is a secret that only one browser has. Everything is undefined where there is no
 * such page (any more), or it is another browser's. Implemented in pages.ts.
 */
export interface SignInPages {
  look(token: string, browser: string | undefined): PageView | undefined;
  /** The user agreed: the page is this browser's from now on. False: too late. */
  claim(token: string, browser: string): boolean;
  answer(token: string, browser: string | undefined, answers: Answers): Promise<PageStep | undefined>;
  /** The network has sent the browser back, with this state and these parameters. */
  comeBack(state: string, browser: string | undefined, parameters: Answers): Promise<PageStep | undefined>;
}

// --- helpers ------------------------------------------------------------------------------------------------------

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
