// What the core keeps of rooms, and how it reads and changes that. src/store/rooms.ts implements it.
import type { AvatarId, Rank, RemoteId } from "#bridge";
import type { IncomingBody, LaneRow, NewRow } from "./lane-ports.ts";
import type { AccountId } from "./ports.ts";

/** A room as one account knows it. */
export interface RoomRecord {
  readonly account: AccountId;
  readonly id: RemoteId;
  /** Its local part, unescaped; never changes while somebody is in the room. */
  readonly local: string;
  readonly name: string | undefined;
  readonly topic: string | undefined;
  /** Nick of who set the topic, and when. */
  readonly topicBy: string | undefined;
  readonly topicAt: number | undefined;
  readonly access: "open" | "members";
  /** Members in all, as the network counts them. */
  readonly members: number | undefined;
  /** The user's own state in it; "unknown" until the network told or the user joined. */
  readonly self: "joined" | "invited" | "left" | "unknown";
  readonly invitedBy: RemoteId | undefined;
  /** null: there was a picture, and it was taken away. Undefined: nothing is known of one. */
  readonly avatar?: AvatarId | null | undefined;
}

/** Somebody in a room, the user included (under the account's own id). */
export interface ParticipantRecord {
  readonly account: AccountId;
  readonly room: RemoteId;
  readonly id: RemoteId;
  /** As shown; unlike any other nick of the room, also to the eye. */
  readonly nick: string;
  /** What two nicks have in common that look alike: see nicks.ts. */
  readonly skeleton: string;
  /** As the network gave it. */
  readonly name: string | undefined;
  readonly rank: Rank;
  readonly state: "joined" | "invited" | "left" | "banned";
  /** Whoever is in the room from here sees them as present. */
  readonly listed: boolean;
  /** When they spoke or came last, in milliseconds since the epoch. */
  readonly activeAt: number;
  /** As in RoomRecord. */
  readonly avatar?: AvatarId | null | undefined;
}

/** A client of the user's that is in a room. */
export interface OccupantRecord {
  readonly account: AccountId;
  readonly room: RemoteId;
  /** Full JID. */
  readonly client: string;
  /** The lane row that lets it in: what was committed before is in the history it gets. */
  readonly since: number;
}

/** What people say in rooms. */
export type Saying = Extract<IncomingBody, { readonly kind: "message" | "edit" | "retraction" | "reaction" }>;

export interface ArchiveEntry {
  readonly account: AccountId;
  readonly room: RemoteId;
  /** In the order of arrival. */
  readonly seq: number;
  /** XEP-0359 stanza id. */
  readonly id: string;
  /** The id of the message stanza: for the user's own messages what their client gave it. */
  readonly xmppId: string;
  readonly from: RemoteId | "self";
  readonly nick: string;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
  /** When it came here: links to its files count from then. */
  readonly keptAt: number;
  readonly body: Saying;
}

/** A page of an archive: by time and by position, both ends left out where absent. */
export interface ArchiveQuery {
  /** Milliseconds since the epoch, both included. */
  readonly from?: number | undefined;
  readonly until?: number | undefined;
  /** Positions, both excluded. */
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  /** Only what this one said. */
  readonly by?: RemoteId | undefined;
  /** Which end of what fits. The page itself is always in the order of arrival. */
  readonly newest: boolean;
  readonly limit: number;
}

/** Somebody that a local part of the component stands for without the bridge knowing. */
export interface NamedPeer {
  readonly kind: "contact" | "room";
  readonly id: RemoteId;
}

/** One consistent look. */
export interface RoomReads {
  room(account: AccountId, id: RemoteId): RoomRecord | undefined;
  /** Those the user is in or invited to, in the order of their local parts. */
  rooms(account: AccountId, limit: number): RoomRecord[];
  roomCount(account: AccountId): number;
  named(account: AccountId, local: string): NamedPeer | undefined;
  localOf(account: AccountId, peer: NamedPeer): string | undefined;
  participant(account: AccountId, room: RemoteId, id: RemoteId): ParticipantRecord | undefined;
  byNick(account: AccountId, room: RemoteId, nick: string): ParticipantRecord | undefined;
  bySkeleton(account: AccountId, room: RemoteId, skeleton: string): ParticipantRecord | undefined;
  /** Those that are shown, the most active first. */
  listed(account: AccountId, room: RemoteId): ParticipantRecord[];
  /** Those the room knows in a rank, whether they are there or not. */
  ranked(account: AccountId, room: RemoteId, rank: Rank, limit: number): ParticipantRecord[];
  counts(account: AccountId, room: RemoteId): { readonly kept: number; readonly listed: number };
  occupants(account: AccountId, room: RemoteId): OccupantRecord[];
  /** The hash of an avatar's picture: null when there is nothing to show, undefined when it was not read yet. */
  pictureHash(account: AccountId, avatar: AvatarId): string | null | undefined;
  /** The entry with this stanza id. */
  archived(account: AccountId, room: RemoteId, id: string): ArchiveEntry | undefined;
  /** The stanza id of the user's own message to which their client gave this id; the newest, for clients repeat ids. */
  ownId(account: AccountId, room: RemoteId, xmppId: string): string | undefined;
  /** The stanza id of the first of these messages that was said in this room. */
  answered(account: AccountId, room: RemoteId, ids: readonly RemoteId[]): string | undefined;
  archive(account: AccountId, room: RemoteId, query: ArchiveQuery): ArchiveEntry[];
  archiveCount(account: AccountId, room: RemoteId, query: Pick<ArchiveQuery, "from" | "until" | "by">): number;
}

/** The same inside a commit, and what can be changed there. */
export interface RoomTables extends RoomReads {
  saveRoom(room: RoomRecord): void;
  saveName(account: AccountId, peer: NamedPeer, local: string): void;
  saveParticipant(participant: ParticipantRecord): void;
  /** Forgets the least active one that is not `self`: those who left first. Returns it. */
  dropParticipant(account: AccountId, room: RemoteId, self: RemoteId): ParticipantRecord | undefined;
  /** Shows `self` and the most active others, `most` in all, and nobody else. */
  relist(account: AccountId, room: RemoteId, most: number, self: RemoteId): void;
  /** Everybody but `self` has left. Returns those who were shown. */
  departAll(account: AccountId, room: RemoteId, self: RemoteId): ParticipantRecord[];
  /** The least active of those shown who is not `self` is shown no longer. */
  unlistOne(account: AccountId, room: RemoteId, self: RemoteId): ParticipantRecord | undefined;
  saveOccupant(occupant: OccupantRecord): void;
  removeOccupant(account: AccountId, room: RemoteId, client: string): boolean;
  /** Behind everything else, unless a place was found for it. Behind a `gap` room is left for what is missing. */
  keep(entry: Omit<ArchiveEntry, "seq" | "keptAt">, place?: number): void;
  /**
   * A position right before the entry with this stanza id, or before everything when undefined: behind the gap that stands
   * there, or before all that there is. Undefined: there is none, for the entry is not there, or another one stands before it.
   */
  placeBefore(account: AccountId, room: RemoteId, id: string | undefined): number | undefined;
  /** What was taken back goes. */
  erase(account: AccountId, room: RemoteId, id: string): void;
  /** A lane row in the same commit. */
  append(row: NewRow): LaneRow;
}

/** A change of rooms as part of a commit. Synchronous, and may run twice: the first time as if it had not. */
export type RoomWork<T = void> = (tables: RoomTables) => T;

export interface RoomStore {
  read<T>(look: (rooms: RoomReads) => T): Promise<T>;
  /** One commit. Undefined when the account is gone: then nothing was written. */
  change<T>(account: AccountId, work: RoomWork<T>): Promise<T | undefined>;
}
