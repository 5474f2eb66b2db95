// What the core wants from one bridge's component, and what that tells it. Implemented in src/xmpp.
import type { RemoteId, UserProfile } from "#bridge";
import type { IncomingRow } from "./lane-ports.ts";
import type { RoomView } from "./room-events.ts";

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
