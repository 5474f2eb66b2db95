// What went wrong with a mail server, as the one error the core knows (email.md 25). Conditions follow the enhanced
// status (RFC 3463) where the server gives one, else the reply code (RFC 5321).
import { BridgeError, cleanLabel, type Condition } from "#bridge";
import { displayAddress } from "./addressing.ts";

/** RFC 5321 and reliability.md: after a lost answer the one retry comes no sooner than this. */
const uncertainWait = 15 * 60 * 1000;

export interface SmtpStage {
  /** Whether the end of the data had been sent when the error came. Left out: guessed from the error. */
  readonly dataSent?: boolean;
}

interface Facts {
  readonly code: string;
  readonly message: string;
  readonly command: string;
  readonly status: number | undefined;
  /** Enhanced status, "5.1.1". */
  readonly enhanced: string | undefined;
  /** The server's words, one line. */
  readonly words: string;
}

/** An error of nodemailer (or of the socket below it) for a message to `peer`. */
export function smtpError(error: unknown, peer: string, stage: SmtpStage = {}): BridgeError {
  if (error instanceof BridgeError) return error;
  const facts = readFacts(error);
  const who = cleanLabel(displayAddress(peer), 100);
  const reply =
    facts.status === undefined
      ? ""
      : ` (${[facts.status, facts.enhanced].filter((part) => part !== undefined).join(" ")})`;
  if (isLoginProblem(facts)) {
    return new BridgeError("login-required", `The mail server refuses the login${reply}: sign in again.`, {
      cause: error,
    });
  }
  if (facts.status === undefined) return withoutReply(facts, who, stage, error);
  if (facts.status < 500) {
    const full = facts.enhanced?.endsWith(".2.2") === true || facts.status === 452;
    return new BridgeError("retry", `The mail server asks to try again later${reply}${said(facts)}.`, {
      condition: full ? "resource-constraint" : "remote-server-timeout",
      cause: error,
    });
  }
  const { condition, sentence } = permanent(facts, who);
  return new BridgeError("reject", `${sentence}${reply}${condition === "item-not-found" ? "" : said(facts)}.`, {
    condition,
    cause: error,
  });
}

/** What a delivery report says of a mail that was not delivered (RFC 3464), in the words of a refusal on the spot. */
export function bounceError(
  report: { readonly status: string; readonly diagnostic: string },
  peer: string,
): { readonly condition: Condition; readonly text: string } {
  const told = readFacts({ response: report.diagnostic });
  const facts = { ...told, enhanced: told.enhanced ?? (report.status || undefined) };
  const who = cleanLabel(displayAddress(peer), 100);
  const codes = [facts.status, facts.enhanced].filter((part) => part !== undefined).join(" ");
  // A trouble that passes (4.x.x) did not pass in the days that a mail server tries.
  const { condition, sentence } =
    facts.enhanced?.startsWith("4") === true && (facts.status ?? 400) < 500
      ? ({
          condition: "remote-server-timeout",
          sentence: `The message to ${who} could not be delivered in time`,
        } as const)
      : permanent(facts, who);
  const words = condition === "item-not-found" ? "" : said(facts);
  return { condition, text: `${sentence}${codes === "" ? "" : ` (${codes})`}${words}.` };
}

/** RFC 4954: 530, 534, 535, 538. A temporary failure of the login (454, 421) is none of the user's business. */
function isLoginProblem(facts: Facts): boolean {
  const temporary = facts.status !== undefined && facts.status < 500;
  if (["EAUTH", "ENOAUTH", "EOAUTH2"].includes(facts.code)) return !temporary;
  return facts.status === 530 || facts.status === 534 || facts.status === 535 || facts.status === 538;
}

function permanent(facts: Facts, who: string): { condition: Condition; sentence: string } {
  const [, subject, detail] = facts.enhanced?.split(".").map(Number) ?? [];
  const status = `${subject}.${detail}`;
  if (status === "1.2" || status === "4.4" || status === "1.10" || facts.status === 556) {
    return { condition: "remote-server-not-found", sentence: `The domain of ${who} takes no mail` };
  }
  if (status === "1.3") return { condition: "jid-malformed", sentence: `${who} is not a valid address there` };
  if (status === "2.1")
    return { condition: "recipient-unavailable", sentence: `The mailbox of ${who} is switched off` };
  if (status === "2.2") return { condition: "resource-constraint", sentence: `The mailbox of ${who} is full` };
  if (status === "2.3" || status === "3.4" || (facts.status === 552 && facts.enhanced === undefined)) {
    return { condition: "policy-violation", sentence: `The message is too big for ${who}` };
  }
  if (status === "6.7")
    return {
      condition: "feature-not-implemented",
      sentence: `The mail server cannot deliver to international addresses such as ${who}`,
    };
  if (subject === 7)
    return { condition: "forbidden", sentence: `The mail server does not let this message through to ${who}` };
  const unspecific = facts.enhanced === undefined || subject === 0;
  if (
    status === "1.1" ||
    status === "1.6" ||
    (unspecific && [550, 551, 553].includes(facts.status ?? 0) && facts.command !== "DATA")
  ) {
    return { condition: "item-not-found", sentence: `There is no mailbox ${who}` };
  }
  if (facts.command === "MAIL FROM")
    return { condition: "forbidden", sentence: "The mail server does not accept your address as the sender" };
  return { condition: "not-acceptable", sentence: `The mail server refused the message to ${who}` };
}

/** Errors of the connection, and of our own side before any reply. */
function withoutReply(facts: Facts, who: string, stage: SmtpStage, error: unknown): BridgeError {
  if (facts.code === "EENVELOPE")
    return new BridgeError("reject", `${who} cannot be mailed to: the address is not valid.`, {
      condition: "jid-malformed",
      cause: error,
    });
  if (facts.code === "EMESSAGE" && /size/i.test(facts.message)) {
    return new BridgeError("reject", "The message is bigger than the mail server takes.", {
      condition: "policy-violation",
      cause: error,
    });
  }
  if (stage.dataSent ?? mayHaveArrived(facts)) {
    return new BridgeError(
      "retry",
      "The mail server did not say whether it took the message; it is tried again later.",
      {
        retryAfter: uncertainWait,
        uncertain: true,
        cause: error,
      },
    );
  }
  const secure = facts.code === "ETLS" || /certificate|self.signed|\bTLS\b|\bSSL\b/i.test(facts.message);
  return new BridgeError(
    "retry",
    secure ? "No secure connection to the mail server could be made." : "The mail server cannot be reached.",
    { cause: error },
  );
}

/**
 * nodemailer does not say how far it was when the connection broke. What can only happen before a message is begun
 * is certain; everything else may be after the final dot.
 */
function mayHaveArrived(facts: Facts): boolean {
  if (
    [
      "ECONNREFUSED",
      "EDNS",
      "ENOTFOUND",
      "EHOSTUNREACH",
      "ENETUNREACH",
      "ETLS",
      "EPROXY",
      "ECONFIG",
      "EPROTOCOL",
    ].includes(facts.code)
  )
    return false;
  if (
    /ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|certificate|self.signed|connection timeout|greeting never received/i.test(
      facts.message,
    )
  )
    return false;
  return ["ECONNECTION", "ESOCKET", "ETIMEDOUT", "ECONNRESET", "EPIPE"].includes(facts.code);
}

/** An error of imapflow (or of the socket below it). */
export function imapError(error: unknown): BridgeError {
  if (error instanceof BridgeError) return error;
  const facts = readFacts(error);
  const responseCode = textOf(error, "serverResponseCode").toUpperCase();
  const failed = isRecord(error) && error["authenticationFailed"] === true;
  // RFC 5530: UNAVAILABLE and INUSE pass, the login itself may be right.
  if (failed && !["UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"].includes(responseCode)) {
    return new BridgeError("login-required", "The mail server refuses the login: sign in again.", { cause: error });
  }
  if (["AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED"].includes(responseCode)) {
    return new BridgeError("login-required", "The mail server refuses the login: sign in again.", { cause: error });
  }
  if (responseCode === "OVERQUOTA")
    return new BridgeError("retry", "Your mailbox is full.", { condition: "resource-constraint", cause: error });
  if (facts.code === "ETHROTTLE" || responseCode === "LIMIT" || responseCode === "INUSE") {
    return new BridgeError("retry", "The mail server asks to slow down.", {
      condition: "resource-constraint",
      retryAfter: 60_000,
      cause: error,
    });
  }
  if (/certificate|self.signed|\bTLS\b|\bSSL\b/i.test(facts.message)) {
    return new BridgeError("retry", "No secure connection to the mail server could be made.", { cause: error });
  }
  return new BridgeError("retry", "The mail server cannot be reached.", { cause: error });
}

/** The server's own words, where ours cannot be precise. */
function said(facts: Facts): string {
  return facts.words === "" ? "" : `: "${facts.words}"`;
}

function readFacts(error: unknown): Facts {
  const response = textOf(error, "response").slice(0, 4000);
  const given =
    isRecord(error) && typeof error["responseCode"] === "number"
      ? error["responseCode"]
      : Number(/^\d{3}/.exec(response)?.[0] ?? Number.NaN);
  const enhanced = /^\d{3}[ -](?:#)?([245]\.\d{1,3}\.\d{1,3})\b/m.exec(response)?.[1];
  const words = response.replace(/^\d{3}[ -](?:#?[245]\.\d{1,3}\.\d{1,3}\s)?/gm, "");
  return {
    code: textOf(error, "code"),
    message: textOf(error, "message"),
    command: textOf(error, "command"),
    status: given >= 400 && given < 600 ? given : undefined,
    enhanced,
    words: cleanLabel(words, 150)
      .replaceAll('"', "'")
      .replace(/[.\s]+$/, ""),
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function textOf(error: unknown, name: string): string {
  const value = isRecord(error) ? error[name] : undefined;
  return typeof value === "string" ? value : "";
}
