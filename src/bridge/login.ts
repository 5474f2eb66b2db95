// Sign-in as a dialogue. One generator serves XEP-0077, ad-hoc commands and plain chat.
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
