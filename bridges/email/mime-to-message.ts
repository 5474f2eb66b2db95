// Mail to messages (email.md 6-8, 14-16). Pure; runs in the worker. Whatever the bytes are, something arrives: what
// cannot be shown becomes a notice that says so.
import { cleanLabel, cutAt, type Incoming, type IncomingMessage, xmlSafe } from "#bridge";
import { bounceError } from "./errors.ts";
import { type MailBody, readBody } from "./text/body.ts";
import { humanSize } from "./text/characters.ts";
import { type DeliveryReport, readDeliveryReport } from "./text/delivery-report.ts";
import { attachmentsOf, fileLines, restLine, warningsAbout } from "./text/files.ts";
import { unescapeSignatures } from "./text/flowed.ts";
import { readHead } from "./text/head.ts";
import { type Letterhead, type MailAbout, printedHeader, readLetterhead } from "./text/letterhead.ts";
import { parseTree, TooComplex } from "./text/mime-tree.ts";
import { defaultMailLimits, eventBase, type MailLimits, noticeFor } from "./text/notice.ts";
import { trimQuotes, trimSignature } from "./text/quotes.ts";
import { isForward } from "./text/subject.ts";

export type { MailAbout, MailContext } from "./text/letterhead.ts";
export { type MailLimits, noticeFor } from "./text/notice.ts";

/** The longest answer to the `full` command, in characters. */
const fullTextLength = 1_000_000;

/** One mail as events: one message. Never rejects for what the bytes are. `self` is the account's own id. */
export async function mailToEvents(
  raw: Uint8Array,
  about: MailAbout,
  self: string,
  limits: MailLimits = defaultMailLimits,
): Promise<Incoming[]> {
  try {
    const tree = await parseTree(raw);
    const body = readBody(tree);
    const letter = readLetterhead(raw, about, self);
    const message = toMessage(letter, body, await wordsOf(letter, body), about, limits);
    const report = readDeliveryReport(tree, letter.head);
    return [report === undefined ? message : fateOf(report, message, about)];
  } catch (error) {
    return [noticeFor(raw, about, self, error instanceof TooComplex ? error.message : "its form is broken")];
  }
}

/**
 * A report about a mail that the gateway sent belongs to that mail. One about another is shown where the user may have sent
 * it with another program; a mail domain of the gateway's own has no other: there it is backscatter (email.md 25).
 */
function fateOf(report: DeliveryReport, message: IncomingMessage, about: MailAbout): Incoming {
  const { action, recipient, messageId } = report;
  const event = {
    id: message.id,
    peer: { kind: "contact", id: recipient },
    from: recipient,
    sentAt: message.sentAt,
    target: messageId,
    ...(about.source === "imap" ? { otherwise: message } : {}),
  } as const;
  if (action === "failed") return { ...event, type: "failed", ...bounceError(report, recipient) };
  const text = `[Your message has not been delivered yet; the mail server goes on trying${report.diagnostic === "" ? "" : `: "${cleanLabel(report.diagnostic, 150)}"`}]`;
  return { ...event, type: "delayed", text };
}

/** All the text of a mail, untrimmed, for the `full` command. */
export async function fullText(raw: Uint8Array): Promise<string> {
  const header = printedHeader(readHead(raw));
  let rest: string;
  try {
    const body = readBody(await parseTree(raw));
    const nested = await Promise.all(body.nested.slice(0, mostNested).map((mail) => nestedText(mail, 1)));
    rest = [body.text, ...nested, fileLines(body.files, true)].filter((part) => part !== "").join("\n\n");
  } catch (error) {
    rest = `[The text could not be read because ${error instanceof TooComplex ? error.message : "the mail's form is broken"}.]`;
  }
  const whole = unescapeSignatures(xmlSafe(`${header}\n\n${rest === "" ? "(no text)" : rest}`).text);
  return whole.length <= fullTextLength
    ? whole
    : `${cutAt(whole, fullTextLength)}\n[…cut here: the rest is too long to show.]`;
}

function toMessage(
  letter: Letterhead,
  body: MailBody,
  words: string,
  about: MailAbout,
  limits: MailLimits,
): IncomingMessage {
  const alone = words === "";
  // Of a mail that is not there whole a file may be cut: it is only named.
  const whole = about.truncated !== true;
  const attachments = whole ? attachmentsOf(body.files, alone) : [];
  const lines = whole ? restLine(body.files, alone) : fileLines(body.files, alone);
  const text = [cap(words, limits.textLength, letter.peer.id), lines].filter((part) => part !== "").join("\n\n");
  const notes = [...letter.notes, ...warningsAbout(attachments)];
  if (body.replaced > 0)
    notes.push(`${body.replaced} unreadable character${body.replaced === 1 ? " was" : "s were"} left out.`);
  if (!whole)
    notes.push(
      `This mail is too big to be loaded whole${about.size === undefined ? "" : ` (${humanSize(about.size)})`}.`,
    );
  return {
    ...eventBase(letter),
    text: text === "" && attachments.length === 0 ? insteadOfText(about) : text,
    ...(letter.automatic || body.report ? { automatic: true } : {}),
    ...(attachments.length > 0 ? { attachments } : {}),
    ...(notes.length > 0 ? { note: xmlSafe(notes.join(" · ")).text } : {}),
    ...(body.fromHtml ? {} : { unstyled: true }),
  };
}

function insteadOfText({ truncated, size }: MailAbout): string {
  if (truncated !== true) return "(no text)";
  return `[This mail is too big to be shown${size === undefined ? "" : `: ${humanSize(size)}`}.]`;
}

/** What its author wrote, without what is quoted, and the mails inside. */
async function wordsOf(letter: Letterhead, body: MailBody): Promise<string> {
  const forwarded = isForward(letter.subject) || body.nested.length > 0;
  const isAnswer = letter.replyTo.length > 0;
  const mayVanish = body.files.some((file) => !file.inline);
  const ownWords =
    body.report || forwarded
      ? body.text.trimEnd()
      : trimSignature(isAnswer ? trimQuotes(body.text) : body.text, mayVanish);
  const nested = await Promise.all(body.nested.slice(0, mostNested).map((mail) => nestedText(mail, 1)));
  const lost = body.encrypted ? ["[This mail is encrypted: only a mail program that holds the key can show it.]"] : [];
  const parts = [ownWords.replace(/^(?:[ \t]*\n)+/, ""), ...lost, ...nested].filter((part) => part.trim() !== "");
  return unescapeSignatures(parts.join("\n\n"));
}

/** Cuts at a line or word where one is near, and says how much is missing and how to get it (email.md 9). */
function cap(text: string, limit: number, contact: string): string {
  if (text.length <= limit) return text;
  const rough = cutAt(text, limit);
  const breakAt = Math.max(rough.lastIndexOf("\n"), rough.lastIndexOf(" "));
  const kept = (breakAt > limit * 0.9 ? rough.slice(0, breakAt) : rough).trimEnd();
  const missing = humanSize(Buffer.byteLength(text) - Buffer.byteLength(kept));
  return `${kept}\n[…cut here: ${missing} more. Write "full ${contact}" to the gateway to get the whole message.]`;
}

/** Mails in mails: so many side by side, so many inside each other. The rest is in the original. */
const mostNested = 5;
const deepestNested = 3;

/** A mail inside a mail, as a labelled block (email.md 8: forwards are kept whole). */
async function nestedText(mail: Uint8Array, depth: number): Promise<string> {
  const label = `---------- Forwarded message ----------\n${printedHeader(readHead(mail))}`.trimEnd();
  try {
    const body = readBody(await parseTree(mail));
    const deeper =
      depth < deepestNested
        ? await Promise.all(body.nested.slice(0, mostNested).map((inner) => nestedText(inner, depth + 1)))
        : [];
    return [`${label}\n\n${body.text}`.trimEnd(), ...deeper, fileLines(body.files, body.text === "")]
      .filter((part) => part !== "")
      .join("\n\n");
  } catch {
    return `${label}\n\n[its text could not be read]`;
  }
}
