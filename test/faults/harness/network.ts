// What the drivers have to know of a network: how its people write to the gateway's users, and where what those write
// ends up.
import type { FarEnd } from "./far-end.ts";
import type { Marker } from "./marker.ts";
import type { Person } from "./person.ts";

export type Direction = "out" | "in";
/**
 * Whose account the conversation belongs to: alice's own, or the one that domain mode gives dora. "lmtp" and "push":
 * domain mode without the network's server, the driver itself hands mails and Matrix transactions to the gateway, for
 * "in" only. "room": a Matrix room that alice is in.
 */
export type Mode = "account" | "domain" | "lmtp" | "push" | "room";

/** One conversation in one direction. */
export interface Conversation {
  readonly run: string;
  readonly direction: Direction;
  readonly mode: Mode;
  /** Who is on the network's side: an address that nobody else in any run has. */
  readonly peer: string;
  /** Who is on XMPP. */
  readonly person: Person;
}

/** What the network said to a message: it is taken for good, or refused. Undefined: nobody can tell. */
export type Answer = { readonly outcome: "ok" | "error"; readonly detail: string } | undefined;

export interface Network {
  /** The gateway's component for this network. */
  readonly component: string;
  /** Unlike anything else in the logs and the database (L9). */
  readonly secrets: Readonly<Record<string, string>>;
  /** Undefined: the scenario brings its own. */
  readonly farEnd: FarEnd | undefined;
  /** alice signs in as she would from a chat window. What comes after it is news. */
  signIn(alice: Person): Promise<void>;
  /** dora gets the address that domain mode has for her. */
  enrol(dora: Person): Promise<void>;
  /** The address of a lane's person. */
  peerOf(run: string, lane: string): string;
  /** Where the XMPP user writes to. */
  jidOf(conversation: Conversation): string;
  /** Resolves when both sides can write. Called once for each lane. */
  meet(conversation: Conversation): Promise<void>;
  /** The peer says something. */
  say(conversation: Conversation, marker: Marker, text: string): Promise<Answer>;
  /** Whether it keeps what is on its way in, in order, until the gateway takes it: then nobody waits for each message. */
  keepsOrder(mode: Mode): boolean;
  /** The places of messages that came in, by marker, where the network itself may change their order. */
  places(run: string, modes: ReadonlySet<Mode>): Promise<ReadonlyMap<string, number>>;
  /** Makes it try now what it has put off. Never throws. */
  hurry(): Promise<void>;
}
