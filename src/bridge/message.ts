// What a user sends to a network, as a bridge sees it: typed values, no XML.
import type { OutgoingFile } from "./files.ts";

/** Anything that survives JSON. Bridges use it for cursors, contexts and frozen messages; the core never looks inside. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * An id on the network: of a person, a room, a message. Opaque to the core; only the bridge makes and parses it.
 * At most 1,000 characters. Two ids are the same exactly when the strings are equal.
 */
export type RemoteId = string;

/** Where a message goes: a person, a room, or a group chat of XMPP's in which people of the network are (group-chats.ts). */
export interface Peer {
  readonly kind: "contact" | "room" | "groupchat";
  readonly id: RemoteId;
}

/** A message that the account has seen before, either way. */
export interface MessageRef {
  readonly id: RemoteId;
  readonly fromSelf: boolean;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
  /** What the bridge attached when it delivered or sent that message. */
  readonly context?: Json;
}

/** Somebody a text speaks of (XEP-0372). */
export interface Mention {
  readonly id: RemoteId;
  /** The part of the text that is their name, in UTF-16 code units, the end not included. Absent: the text has none. */
  readonly at?: { readonly start: number; readonly end: number };
}

/**
 * One message from a user to the network. Handed to `prepare` and `send` by the lane worker, one at a time per
 * conversation, in order.
 */
export interface OutgoingMessage {
  /** Idempotency key: the same over retries and restarts, unlike for any other message. 26 characters of [0-9a-v]. */
  readonly key: string;
  readonly peer: Peer;
  /** Empty only with a file; free of characters that XML 1.0 forbids; lines end in "\n". */
  readonly text: string;
  /** With a file the text is its caption. */
  readonly file?: OutgoingFile;
  /** The text is hidden until its reader wants it (XEP-0382); "" or what it is about. */
  readonly spoiler?: string;
  /** In the order of their places, which do not overlap; nobody is there twice without a place. */
  readonly mentions?: readonly Mention[];
  /** The subject the user gave (`<subject/>`), one line. */
  readonly subject?: string;
  /** XEP-0201 thread id as the user's client gave it. */
  readonly thread?: string;
  /** The message the user answered (XEP-0461), if this account knows it. */
  readonly replyTo?: MessageRef;
  /** The newest message of `thread`. Resolved only for bridges with `threads: true`. */
  readonly threadLast?: MessageRef;
  /** The newest message of this conversation. Resolved only for bridges with `threads: true`. */
  readonly previous?: MessageRef;
  /** When the gateway accepted it, in milliseconds since the epoch. */
  readonly sentAt: number;
  /** The user's display name, where the core knows it. Not to be trusted as an identity. */
  readonly senderName?: string;
  /** An earlier attempt may have reached the network: look before sending again, where the network lets you. */
  readonly uncertain: boolean;
}

/** What a successful send reports. */
export interface Sent {
  /** The message's id on the network. */
  readonly id: RemoteId;
  /** Kept with the id and handed back in a later `MessageRef`. */
  readonly context?: Json;
  /** The XEP-0201 thread the message belongs to there, when the bridge has one. */
  readonly thread?: string;
  /**
   * Whether the network has taken responsibility, so that a receipt (XEP-0184) may be shown. Default true; a bridge
   * that will deliver a `delivered` event later says false.
   */
  readonly accepted?: boolean;
}
