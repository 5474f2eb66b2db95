// How a bridge says what went wrong. The core turns the kind into a lane decision, the edge the condition into a stanza error.

/** RFC 6120 section 8.3.3, the conditions that a bridge may name. */
export type Condition =
  | "bad-request"
  | "feature-not-implemented"
  | "forbidden"
  | "internal-server-error"
  | "item-not-found"
  | "jid-malformed"
  | "not-acceptable"
  | "not-allowed"
  | "not-authorized"
  | "policy-violation"
  | "recipient-unavailable"
  | "registration-required"
  | "remote-server-not-found"
  | "remote-server-timeout"
  | "resource-constraint"
  | "service-unavailable";

/**
 * - `retry`: the lane waits and tries the same message again.
 * - `reject`: the message fails for good; its sender gets `condition` and the sentence.
 * - `login-required`: the account's credentials no longer work; the lane waits until the user signs in again.
 */
export type BridgeErrorKind = "retry" | "reject" | "login-required";

export interface BridgeErrorOptions {
  readonly condition?: Condition;
  /** Milliseconds to wait before the next try; only for `retry`. */
  readonly retryAfter?: number;
  /** The message may have reached the network although no answer came; only for `retry`. */
  readonly uncertain?: boolean;
  readonly cause?: unknown;
}

/** The only error a bridge throws on purpose. `message` is one sentence a user can read, without secrets. */
export class BridgeError extends Error {
  override readonly name = "BridgeError";
  readonly kind: BridgeErrorKind;
  readonly condition: Condition;
  readonly retryAfter: number | undefined;
  readonly uncertain: boolean;

  constructor(kind: BridgeErrorKind, message: string, options: BridgeErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.condition = options.condition ?? defaultCondition[kind];
    this.retryAfter = options.retryAfter;
    this.uncertain = options.uncertain ?? false;
  }
}

const defaultCondition: Record<BridgeErrorKind, Condition> = {
  retry: "remote-server-timeout",
  reject: "not-acceptable",
  "login-required": "not-authorized",
};
