// What went wrong with a homeserver, as the one error the core knows (Client-Server API, "Standard error response").
import { BridgeError, type Condition } from "#bridge";
import { field, numberAt, textAt } from "./json.ts";

/** The homeserver answered, with an error. */
export class MatrixError extends Error {
  override readonly name = "MatrixError";
  readonly status: number;
  /** Such as "M_FORBIDDEN"; "" when the answer was no Matrix error (a proxy's page). */
  readonly code: string;
  /** M_UNKNOWN_TOKEN: the session may be renewed with the refresh token or a new login to the same device. */
  readonly softLogout: boolean;
  /** Milliseconds the server asks to wait. */
  readonly retryAfter: number | undefined;
  /** One line of the server's own, cleaned and short. Of an OAuth server (RFC 6749 section 5.2): its error code. */
  readonly words: string;

  constructor(status: number, body: unknown, headers: Headers) {
    const code = textAt(body, "errcode") ?? "";
    super(`HTTP ${status} ${code}`);
    this.status = status;
    this.code = code;
    this.softLogout = field(body, "soft_logout") === true;
    this.retryAfter = retryAfter(body, headers);
    this.words = oneLine(textAt(body, "error") ?? "");
  }
}

/** The answer's head was a success, its body is not what the specification says: garbage, or cut. */
export class BadAnswer extends Error {
  override readonly name = "BadAnswer";
}

/** More than this a homeserver cannot make us wait (ms). */
const longestWait = 15 * 60 * 1000;

function retryAfter(body: unknown, headers: Headers): number | undefined {
  const header = headers.get("retry-after");
  const seconds = header !== null && /^\d{1,9}$/.test(header) ? Number(header) : undefined;
  const wait = seconds === undefined ? numberAt(body, "retry_after_ms") : seconds * 1000;
  return wait === undefined || wait < 0 ? undefined : Math.min(wait, longestWait);
}

const loginGone = "The Matrix server no longer accepts this login: sign in again.";

/** @returns the error for the core: of a request that may or may not have changed something on the server. */
export function matrixError(error: unknown): BridgeError {
  if (error instanceof BridgeError) return error;
  if (!(error instanceof MatrixError)) {
    // No answer, or half of one: the request may have been carried out.
    const broken = error instanceof BadAnswer;
    const sentence = broken ? "The Matrix server gave an answer that makes no sense." : unreachable;
    return new BridgeError("retry", sentence, { uncertain: !isRefusedConnection(error), cause: error });
  }
  const { status, code } = error;
  if (code === "M_UNKNOWN_TOKEN" || code === "M_MISSING_TOKEN" || code === "M_USER_DEACTIVATED") {
    return new BridgeError("login-required", loginGone, { cause: error });
  }
  if (code === "M_LIMIT_EXCEEDED" || status === 429) {
    const wait = error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter };
    return new BridgeError("retry", "The Matrix server asks to slow down.", {
      condition: "resource-constraint",
      ...wait,
      cause: error,
    });
  }
  if (status >= 500 || code === "") {
    // A proxy's page is no word of the homeserver's, whatever its status.
    const wait = error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter };
    return new BridgeError("retry", `The Matrix server is in trouble (${status}).`, {
      uncertain: true,
      ...wait,
      cause: error,
    });
  }
  const { condition, sentence } = refusal(code, status);
  return new BridgeError("reject", sentence + said(error), { condition, cause: error });
}

const unreachable = "The Matrix server cannot be reached.";

function refusal(code: string, status: number): { condition: Condition; sentence: string } {
  switch (code) {
    case "M_FORBIDDEN":
    case "M_GUEST_ACCESS_FORBIDDEN":
    case "M_USER_SUSPENDED":
    case "M_USER_LOCKED":
      return { condition: "forbidden", sentence: "The Matrix server does not allow that" };
    case "M_NOT_FOUND":
      return { condition: "item-not-found", sentence: "The Matrix server does not find that" };
    case "M_TOO_LARGE":
      return { condition: "policy-violation", sentence: "That is bigger than the Matrix server takes" };
    case "M_CONSENT_NOT_GIVEN":
      return { condition: "policy-violation", sentence: "The Matrix server wants its terms accepted first" };
    case "M_RESOURCE_LIMIT_EXCEEDED":
      return { condition: "resource-constraint", sentence: "The Matrix server has reached a limit" };
    case "M_UNRECOGNIZED":
      return { condition: "feature-not-implemented", sentence: "The Matrix server does not know how to do that" };
    default:
      return {
        condition: status === 404 ? "item-not-found" : "not-acceptable",
        sentence: "The Matrix server refused that",
      };
  }
}

/** The server's own words, where there are any. */
function said(error: MatrixError): string {
  return error.words === "" ? "." : `: "${error.words}"`;
}

function oneLine(text: string): string {
  const clean = text
    .slice(0, 1000)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
    .replaceAll('"', "'")
    .trim();
  return clean.length > 150 ? `${clean.slice(0, 150)}…` : clean;
}

/** Nothing was sent: no connection came about. */
function isRefusedConnection(error: unknown): boolean {
  let cause: unknown = error;
  for (let depth = 0; depth < 4 && typeof cause === "object" && cause !== null; depth++) {
    const code = "code" in cause ? cause.code : undefined;
    if (code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "EAI_AGAIN") return true;
    cause = "cause" in cause ? cause.cause : undefined;
  }
  return false;
}
