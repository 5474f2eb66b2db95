// What the core needs from the outside. src/store implements Store, main.ts wires it. Beside this: lane-ports.ts (rows and what is
// remembered of messages), room-ports.ts, group-chat-ports.ts, xmpp-ports.ts and web-ports.ts.
import type { AvatarId, Json, Picture, Records, RemoteId } from "#bridge";
import type { LaneStore, MessageStore, ReactionStore } from "./lane-ports.ts";
import type { RoomStore } from "./room-ports.ts";

export type TimerHandle = object;

/** All timers of src go through this, so that tests can own time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs once after `ms` on a monotonic clock. */
  setTimeout(run: () => void, ms: number): TimerHandle;
  clearTimeout(handle: TimerHandle | undefined): void;
}

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

/** Pictures by the avatars of each account: what a network of one user says is no picture for another. */
export interface AvatarStore {
  /** The bytes of its picture. null: it was looked at, and there is nothing to show. Undefined: it has to be read. */
  find(account: AccountId, id: AvatarId): Promise<Uint8Array | null | undefined>;
  save(account: AccountId, id: AvatarId, picture: Picture | null): Promise<void>;
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
