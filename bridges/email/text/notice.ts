// The message for a mail that cannot be shown. Kept apart from the parser, so that the main thread, which makes it when
// a worker died, does not load one.
import { type IncomingMessage, xmlSafe } from "#bridge";
import { humanSize } from "./characters.ts";
import { contextJson, type Letterhead, type MailAbout, readLetterhead } from "./letterhead.ts";

export interface MailLimits {
  /** The longest text of a message, in characters; the rest is offered by the `full` command. */
  readonly textLength: number;
}

export const defaultMailLimits: MailLimits = { textLength: 16_000 };

/**
 * The message that stands for a mail which cannot be shown. `reason` ends the sentence "could not be shown because".
 * Reads the header only, so it is safe on the main thread.
 */
export function noticeFor(raw: Uint8Array, about: MailAbout, self: string, reason: string): IncomingMessage {
  const letter = readLetterhead(raw, about, self);
  const subject = letter.subject === "" ? "without a subject" : `"${letter.subject}"`;
  const sent = new Date(letter.sentAt).toISOString().slice(0, 16).replace("T", " ");
  const size = humanSize(about.size ?? raw.byteLength);
  const place = about.source === "imap" ? " It is still in your mailbox." : "";
  const text = `[A mail from ${letter.author}, ${subject}, sent ${sent} UTC, ${size}, could not be shown because ${reason}.${place}]`;
  return { ...eventBase(letter), text: xmlSafe(text).text, automatic: false, unstyled: true };
}

/** What every event of a mail carries. */
export function eventBase(letter: Letterhead): Omit<IncomingMessage, "text"> {
  return {
    type: "message",
    id: letter.id,
    peer: letter.peer,
    from: letter.from,
    sentAt: letter.sentAt,
    thread: letter.thread,
    context: contextJson(letter.context),
    ...(letter.digest === undefined ? {} : { digest: letter.digest }),
    ...(letter.name === undefined ? {} : { name: letter.name }),
    ...(letter.opens && letter.subject !== "" ? { subject: letter.subject } : {}),
    ...(letter.replyTo.length > 0 ? { replyTo: letter.replyTo } : {}),
  };
}
