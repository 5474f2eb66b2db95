// Group chats of XMPP (XEP-0045) in which people of the network take part: rooms.ts the other way round. Domain mode only.
//
// The network tells of its people in a chat with the events that it has for rooms, under the peer `{ kind: "groupchat",
// id: address }` and the account that `open` gave: `membership`, `message`, `edit`, `retraction`, `reaction`. What is said
// in the chat goes to the `GroupChatSession` that the service made for it.
import type { LiveSession } from "./bridge.ts";
import type { RemoteId } from "./message.ts";

/** Somebody in a group chat who is not one of the network's people. */
export interface Occupant {
  /** The same for as long as they have their place in the chat (XEP-0421), or their nick where chats know nothing better. */
  readonly id: string;
  readonly nick: string;
}

export interface FoundGroupChat {
  /** Its bare JID as it is written everywhere. */
  readonly address: string;
  readonly name?: string;
}

/** One of the network's people in a group chat. */
export interface GroupChatPerson {
  readonly id: RemoteId;
  readonly name?: string;
}

/** What a service of domain mode asks of the core. */
export interface GroupChats {
  /**
   * The chat at an address. Undefined: there is none, or the operator does not allow it. Throws BridgeError `retry` when
   * that cannot be known now.
   * @param services domains of the services that are allowed; left out: those that the XMPP server itself names
   */
  find(address: string, services?: readonly string[]): Promise<FoundGroupChat | undefined>;
  /** The account under which a chat's events are delivered, made when needed. */
  open(address: string): Promise<{ readonly id: number }>;
  /** Nobody of the network is in it, and it has no place there any more: everything about it is forgotten. */
  close(address: string): Promise<void>;
  /** After a start: these are in the chat. Their later coming and going are events. */
  resume(address: string, people: readonly GroupChatPerson[]): void;
}

/** One group chat on the network. */
export interface GroupChatSession {
  /**
   * What somebody says and does there; undefined: the chat itself. Used are `send`, `edit`, `retract`, `react`, `unreact`
   * and `leave` of an occupant, `send` and `changeRoom` (`subject`, `kick`) of the chat, and `openFile`.
   */
  as(speaker: Occupant | undefined): LiveSession;
}
