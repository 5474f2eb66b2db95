// What a network sends to a user. A bridge hands these to `host.deliver`.
import type { Json, Peer, RemoteId } from "./message.ts";
import type { Condition } from "./errors.ts";
import type { AvatarId } from "./people.ts";
import type { Rank } from "./rooms.ts";

interface IncomingBase {
  /** The event's id on the network: what makes a replay recognisable. Unique per account and type. */
  readonly id: RemoteId;
  readonly peer: Peer;
  /** Who did it; "self" is the user acting from another program. The id of the room itself: a line about it, by nobody in it. */
  readonly from: RemoteId | "self";
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
}

/** A smaller picture of a file. */
export interface Thumbnail {
  readonly type: string;
  /** As of the attachment. */
  readonly source: Json;
  /** Pixels. */
  readonly width?: number;
  readonly height?: number;
}

/** A file as it came with a message. */
export interface IncomingAttachment {
  readonly name: string;
  readonly type: string;
  /** In bytes; absent when unknown. */
  readonly size?: number;
  /** What `openFile`, or for stored bytes `fileIn`, needs to read it; absent: it cannot be read, only named. Never shown to anybody. */
  readonly source?: Json;
  /** Pixels. */
  readonly width?: number;
  readonly height?: number;
  /** Milliseconds of sound or film. */
  readonly duration?: number;
  /** SHA-256 of the bytes in base64, where the network tells it. */
  readonly sha256?: string;
  readonly thumbnail?: Thumbnail;
  /** https://blurha.sh: a few colours to show until the picture is there. */
  readonly blurhash?: string;
}

/** A message for the user. */
export interface IncomingMessage extends IncomingBase {
  readonly type: "message";
  readonly text: string;
  readonly subject?: string;
  readonly thread?: string;
  /** Ids this message answers, nearest first. The first one that the account knows becomes the XEP-0461 reply. */
  readonly replyTo?: readonly RemoteId[];
  /** Display name of `from`, already cleaned of what could pass for an address. */
  readonly name?: string;
  /**
   * Told apart from another message with the same id (mail: two mails may share a Message-ID). Both are shown when
   * the digests differ; a repeat of id and digest is dropped.
   */
  readonly digest?: string;
  /** Sent by a machine (RFC 3834 and kin): shown without ringing, never answered automatically. */
  readonly automatic?: boolean;
  readonly attachments?: readonly IncomingAttachment[];
  /** One line for the user above the text, such as who else got it. The core marks it as not part of the text. */
  readonly note?: string;
  /** The text is not to be styled (XEP-0393 `<unstyled/>`). */
  readonly unstyled?: boolean;
  /** All of the text is hidden until its reader wants it (XEP-0382); "" or what it is about. */
  readonly spoiler?: string;
  /** Other people that the text speaks of (XEP-0372); "self" when it is the user. */
  readonly mentions?: readonly (RemoteId | "self")[];
  /** Kept with the id and handed back in a later `MessageRef`. */
  readonly context?: Json;
  /** In a room: messages before this one are missing. It says so to people, until `history` has brought them. */
  readonly gap?: boolean;
  /** In a room, from `history`: it belongs into the archive right before the message with this id, and is no news. */
  readonly past?: { readonly before?: RemoteId };
}

/** The new text of an earlier message by the same sender; the core drops it when another one sent that (XEP-0308). */
export interface IncomingEdit extends IncomingBase {
  readonly type: "edit";
  readonly target: RemoteId;
  readonly text: string;
  readonly unstyled?: boolean;
}

/** A message, or a reaction, was taken back. `from` is who did it: its sender (XEP-0424) or a moderator (XEP-0425). */
export interface IncomingRetraction extends IncomingBase {
  readonly type: "retraction";
  readonly target: RemoteId;
  readonly reason?: string;
}

/** One emoji on one message. The core keeps the sets that XEP-0444 wants; a `retraction` of `id` takes it back. */
export interface IncomingReaction extends IncomingBase {
  readonly type: "reaction";
  readonly target: RemoteId;
  readonly emoji: string;
}

/** What the room is like now; what is absent has not changed. */
export interface IncomingRoom extends IncomingBase {
  readonly type: "room";
  readonly name?: string;
  readonly topic?: string;
  /** How people write it, such as "#room:example.org"; its JID is made of that when it is new. */
  readonly address?: RemoteId;
  /** Who may come in. */
  readonly access?: "open" | "members";
  /** Members in all, also those that were never told of. */
  readonly members?: number;
  /** null: it has no picture. */
  readonly avatar?: AvatarId | null;
  /** The network made it anew: nobody but the user is in it any more, until told of again. */
  readonly anew?: boolean;
  /**
   * The user is in it without having joined from here: it becomes a bookmark of theirs where their server lets us (XEP-0402);
   * where not, "ask" invites them. "invite" does so in any case.
   */
  readonly offer?: "list" | "ask" | "invite";
  /** The user's own state in it. */
  readonly self?: "joined" | "invited" | "left";
}

/** Somebody came, went or changed in a room. `from` is who did it, `who` whom it is about. */
export interface IncomingMembership extends IncomingBase {
  readonly type: "membership";
  readonly who: RemoteId | "self";
  readonly state: "joined" | "invited" | "left" | "kicked" | "banned";
  readonly rank?: Rank;
  /** Display name in the room. */
  readonly name?: string;
  /** null: they have no picture. Absent: nothing is known of it, or it has not changed. */
  readonly avatar?: AvatarId | null;
  readonly reason?: string;
}

/** A contact shows something else of themselves; what is absent has not changed. Nobody becomes a contact by it. */
export interface IncomingContact extends IncomingBase {
  readonly type: "contact";
  /** Display name, already cleaned of what could pass for an address. */
  readonly name?: string;
  /** null: they have no picture any more. */
  readonly avatar?: AvatarId | null;
}

/** The network reports that the other side has the message (mail: DSN success). `target` is a message we sent. */
export interface IncomingDelivered extends IncomingBase {
  readonly type: "delivered";
  readonly target: RemoteId;
}

/**
 * `from` has read everything up to `target`: somebody else a message of the user's, or with `from: "self"` the user, in another
 * program. In rooms tell it of the few in small ones only.
 */
export interface IncomingRead extends IncomingBase {
  readonly type: "read";
  readonly target: RemoteId;
}

/** News of a message the user sent to `peer`. Where they sent none with this id to that peer, it is not believed. */
interface IncomingFate extends IncomingBase {
  readonly target: RemoteId;
  /** One sentence for the user. */
  readonly text: string;
  /** What to show when it is not believed. Absent: nothing. */
  readonly otherwise?: IncomingMessage;
}

/** A message we sent was refused after all: it becomes an error on that very message, however late. */
export interface IncomingFailed extends IncomingFate {
  readonly type: "failed";
  readonly condition: Condition;
}

/** A message we sent is not there yet. The user is told without ringing, in the conversation. */
export interface IncomingDelayed extends IncomingFate {
  readonly type: "delayed";
}

/**
 * Bytes that the network handed over and that are not parsed yet. The core stores them durably first, then calls
 * `bridge.open` from the account's intake lane; what cannot be opened is the bridge's to turn into a notice.
 */
export interface IncomingOriginal {
  readonly type: "original";
  /** What makes a second delivery of the same bytes recognisable. */
  readonly id: RemoteId;
  readonly raw: Uint8Array;
  /** Facts that are not in the bytes (envelope, uid, flags). */
  readonly about: Json;
  readonly sentAt: number;
}

export type Incoming =
  | IncomingMessage
  | IncomingEdit
  | IncomingRetraction
  | IncomingReaction
  | IncomingDelivered
  | IncomingRead
  | IncomingFailed
  | IncomingDelayed
  | IncomingRoom
  | IncomingMembership
  | IncomingContact
  | IncomingOriginal;
export type IncomingType = Incoming["type"];

/** Fleeting: newest wins, dropped when busy. */
export type Hint =
  | { readonly type: "typing"; readonly peer: Peer; readonly from: RemoteId; readonly active: boolean }
  | {
      readonly type: "presence";
      readonly from: RemoteId;
      readonly show: "online" | "away" | "offline";
      readonly status?: string;
    };
