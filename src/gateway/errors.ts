import type { Condition } from "#bridge";

/** An error for the one who asked. The edge turns it into a stanza error; `message` is one sentence that says what to do. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly condition: Condition;
  /** The same request may succeed later (RFC 6120 error type "wait"). */
  readonly wait: boolean;
  constructor(condition: Condition, message: string, options: { wait?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.condition = condition;
    this.wait = options.wait ?? false;
  }
}
