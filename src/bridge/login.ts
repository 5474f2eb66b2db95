// Dialogues with the user: sign-in, and commands of a session. One generator serves XEP-0077, ad-hoc commands, plain chat
// and the web page of a sign-in.
import type { Json, RemoteId } from "./message.ts";

export interface Field {
  readonly name: string;
  readonly label: string;
  /** `secret` is never echoed, stored in a history or logged. */
  readonly kind: "text" | "secret" | "number" | "choice";
  readonly required: boolean;
  /** Shown as the preset answer. */
  readonly value?: string;
  readonly choices?: readonly { readonly value: string; readonly label: string }[];
}

/** A question to the user. `error` says what was wrong with the last answer. */
export interface Prompt {
  readonly title: string;
  readonly instructions: string;
  readonly fields: readonly Field[];
  readonly error?: string;
  /**
   * Sign-in only: what the user can do in a browser instead of filling in the fields. Shown behind the page of the sign-in,
   * whose link the core adds where it shows the prompt: `instructions` need not name either.
   */
  readonly visit?: Visit;
}

/** A page of the network's own, such as a single sign-on, that sends the browser back to `Browser.returnUrl`. */
export interface Visit {
  /** http or https. Holds a state of `Browser.newState`. Only the browser that has the page is shown it. */
  readonly url: URL;
  /** Query parameters of the way back: the prompt's answers by the same names, whatever else the fields say. */
  readonly returns: readonly string[];
}

/** The user's browser, which a sign-in can send to the network and have back. The core makes sure that it is one and the same. */
export interface Browser {
  /** Where the network sends it back to; the same for every sign-in of this gateway. Without a query. */
  readonly returnUrl: URL;
  /**
   * For one visit: has to come back as the query parameter `state`, once. Cannot be guessed; the one before it is void.
   */
  newState(): string;
}

/** Answers by field name; fields that were left out are absent. */
export type Answers = Readonly<Record<string, string>>;

export interface SignedIn<Credentials extends Json> {
  /** The user's own id on the network. */
  readonly self: RemoteId;
  /** Sealed by the core before they touch the disk. */
  readonly credentials: Credentials;
  /**
   * Where the first session of a new account begins to read. Without it that is decided when the session is connected, and
   * what arrives between the sign-in and then counts as history.
   */
  readonly cursor?: Json;
}

/**
 * A word of a session's own that its user can say to the gateway: in `help`, in chat and as an ad-hoc command (XEP-0050).
 * Of several accounts that know a word the user chooses one.
 */
export interface SessionCommand {
  /** Lower-case letters, at most 30. Words that the gateway has itself are the gateway's. */
  readonly word: string;
  readonly title: string;
  /** What may follow the word in chat, such as "[ADDRESS]". */
  readonly usage: string;
  /**
   * `rest` is what followed the word; empty from an ad-hoc command. Ends with what the user is told. Throws BridgeError to
   * end with an error. A step should not take longer than half a minute: clients give up then.
   */
  run(rest: string): AsyncGenerator<Prompt, string, Answers>;
}
