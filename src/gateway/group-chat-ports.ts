// Group chats of XMPP in which people of a network take part: what the core wants from the edge, and what it is told.
// src/xmpp/muc-client implements GroupChatClient.
import type { Condition, FoundGroupChat, GroupChatPerson, Occupant, RemoteId, RoomChange } from "#bridge";
import type { IncomingRow, OutgoingBody } from "./lane-ports.ts";
import type { Saying } from "./room-ports.ts";

/** What one of the network's people does in a chat. */
export type GroupChatAct =
  | { readonly do: "enter" }
  | { readonly do: "leave" }
  | { readonly do: "say"; readonly body: Saying };

/** Something to say, with everything looked up that the stanza needs. */
export interface GroupChatItem {
  readonly address: string;
  readonly row: IncomingRow;
  readonly from: RemoteId;
  readonly body: Saying;
  /** The message that it answers, takes back or reacts to, as the chat calls it (XEP-0359). */
  readonly target?: string;
  /** For a reaction: all that its sender has on the message now. */
  readonly emojis?: readonly string[];
}

/** How far a chat was heard: on disk together with what was heard. */
export interface GroupChatCursor {
  /** The newest message's stanza id, where the chat gives such. */
  readonly id?: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Something that happened in a chat. */
export type Heard =
  | {
      readonly what: "said";
      /** What makes a replay recognisable: the stanza id, or what is said where there is none. */
      readonly mark: string;
      readonly stanzaId?: string;
      /** As the sender gave it. */
      readonly id?: string;
      /** One of ours said it. Undefined: it comes from the chat's archive, where that cannot be told. */
      readonly mine?: boolean;
      readonly speaker?: Occupant;
      readonly at: number;
      /** Undefined: nothing that a network would want to know. */
      readonly body?: OutgoingBody;
    }
  /** What the chat itself does to its place on the network. */
  | { readonly what: "changed"; readonly change: RoomChange }
  | { readonly what: "parted"; readonly speaker: Occupant }
  | { readonly what: "closed"; readonly reason: string | undefined };

/** What the core wants from one bridge's component. */
export interface GroupChatClient {
  /** As GroupChats.find. */
  find(address: string, services: readonly string[] | undefined): Promise<FoundGroupChat | undefined>;
  /**
   * Sees to it that a person is in the chat, and that everything that was said before is heard. Resolves when it is so.
   * Throws BridgeError: `reject` when the chat does not want them, `retry` when it does not answer, or when `signal` ends
   * the waiting.
   */
  enter(address: string, person: GroupChatPerson, signal: AbortSignal): Promise<void>;
  /** Returns whether nobody of ours is left. */
  leave(address: string, person: RemoteId): boolean;
  /** Everybody of ours leaves. */
  close(address: string): void;
  /** Writes it. The chat shows it to everybody, us included: that is the proof. Throws when the link is down. */
  write(item: GroupChatItem): void;
  /** No proof came: the chat is entered anew, and what was said is heard again. */
  doubt(address: string): void;
}

/** What the edge tells the core, in the order in which it happened. */
export interface GroupChatEvents {
  /** Undefined: nothing was ever heard. */
  cursor(address: string): Promise<GroupChatCursor | undefined>;
  /** Resolves when it is on disk, or was before. */
  heard(address: string, heard: Heard): Promise<void>;
  /** The chat, or the way to it, did not take what was written under this key. */
  refused(address: string, key: string, condition: Condition, text: string, again: boolean): void;
}
