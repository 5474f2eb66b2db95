// Messages to mail (email.md 17, 18, 36, 38). Deterministic: the same message makes the same bytes, so that a retry
// repeats the first attempt.
import { createHash } from "node:crypto";
import MailComposer from "nodemailer/lib/mail-composer";
import {
  BridgeError,
  cleanLabel,
  cutAt,
  type FetchedFile,
  type Json,
  type MessageRef,
  type OutgoingMessage,
} from "#bridge";
import { cleanName, parseAddress, sameAddress } from "./addressing.ts";
import { cleanFileName } from "./text/file-name.ts";
import { flow } from "./text/flowed.ts";
import type { MailContext } from "./text/letterhead.ts";
import { threadOf, trimReferences, validMessageId } from "./text/message-ids.ts";
import { stylingToHtml } from "./text/styling.ts";
import { answerSubject, baseSubject } from "./text/subject.ts";

/** A mail ready to be sent, and what the gateway remembers of it. Survives JSON. */
export type FrozenMail = {
  /** The whole mail, lines end in CR LF. ASCII unless `smtputf8`. */
  readonly raw: string;
  readonly messageId: string;
  /** The envelope's sender: always the account's address. */
  readonly from: string;
  /** The envelope's recipients, validated one by one. */
  readonly to: readonly string[];
  readonly subject: string;
  /** The mail's References, root first; empty when it opens a thread. */
  readonly references: readonly string[];
  /** XEP-0201 thread of the mail. */
  readonly thread: string;
  /** An address has a local part beyond ASCII: only servers with SMTPUTF8 (RFC 6531) may get it. */
  readonly smtputf8: boolean;
};

/** An answer to a mail older than this opens a new thread, unless the user pointed at the mail. */
const threadAge = 14 * 24 * 60 * 60 * 1000;

/** Always: it encodes "=", so that no text can hold the boundary "=_..." (RFC 2045 section 6.7). */
const contentTransferEncoding = "quoted-printable";

/** The longest subject made from the first line of the text. */
const firstLineLength = 60;

/**
 * Freezes a message as a mail; of a file it has the link. Throws BridgeError `reject` when an address is none. `domain`
 * names the Message-ID, by default the sender's domain.
 */
export async function composeMail(
  message: OutgoingMessage,
  from: Author,
  options: { readonly domain?: string } = {},
): Promise<FrozenMail> {
  const sender = requireAddress(from.address);
  const recipient = requireAddress(recipientOf(message));
  const messageId = `<${keyOf(message)}@${requireDomain(options.domain ?? sender)}>`;
  const parent = parentOf(message);
  const references = parent === undefined ? [] : trimReferences([...parent.references, parent.messageId]);
  const mail = {
    messageId,
    from: sender,
    to: [recipient],
    subject: subjectOf(message, parent),
    references,
    thread: threadOf(references[0] ?? messageId),
    smtputf8: !isAscii(sender) || !isAscii(recipient),
  };
  const link = message.file?.url ?? "";
  const text = [message.text, link].filter((part) => part !== "").join("\n");
  return { ...mail, raw: await build({ ...headOf(mail, message, from), ...wordsOf(text) }, keyOf(message)) };
}

/** The same mail with the file in it instead of the link to it. */
export async function composeWithFile(
  message: OutgoingMessage,
  from: Author,
  mail: FrozenMail,
  { name, type, bytes }: FetchedFile,
): Promise<FrozenMail> {
  const file = { filename: cleanFileName(name), contentType: type, content: bytes };
  const parts = { ...headOf(mail, message, from), ...wordsOf(message.text), attachments: [file] };
  return { ...mail, raw: await build(parts, keyOf(message)) };
}

export interface Author {
  readonly address: string;
  readonly name?: string;
}

/** What is unique to a message, fit for an id and a boundary. */
function keyOf({ key }: OutgoingMessage): string {
  return /^[0-9a-z]{1,64}$/.test(key) ? key : createHash("sha256").update(key).digest("hex").slice(0, 26);
}

function headOf(mail: Omit<FrozenMail, "raw">, message: OutgoingMessage, from: Author): Composition {
  const name = from.name ?? message.senderName;
  const inReplyTo = mail.references.at(-1);
  return {
    from: { name: name === undefined ? "" : cleanName(name, mail.from), address: mail.from },
    to: mail.to.map((address) => ({ name: "", address })),
    subject: mail.subject,
    messageId: mail.messageId,
    date: new Date(message.sentAt),
    ...(inReplyTo === undefined ? {} : { inReplyTo, references: [...mail.references] }),
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** Not the library's `text` and `html`: those fix the content type. */
function wordsOf(text: string): Composition {
  return {
    alternatives: [
      { content: flow(text), contentType: "text/plain; charset=utf-8; format=flowed", contentTransferEncoding },
      { content: stylingToHtml(text), contentType: "text/html; charset=utf-8", contentTransferEncoding },
    ],
  };
}

/** What to keep with a sent mail's id, so that answers to it find their thread. */
export function sentContext(mail: FrozenMail): Json {
  return {
    messageId: mail.messageId,
    references: [...mail.references],
    subject: mail.subject,
    address: mail.to[0] ?? "",
  };
}

/** The context of an earlier message, checked again: it went through storage, and came from a mail (E04). */
export function readContext(ref: MessageRef): MailContext | undefined {
  const stored = ref.context;
  const fields: { readonly [key: string]: Json } =
    typeof stored === "object" && stored !== null && !Array.isArray(stored) ? (stored as never) : {};
  const messageId = validMessageId(asText(fields["messageId"])) ?? validMessageId(ref.id);
  if (messageId === undefined) return undefined;
  const references = Array.isArray(fields["references"]) ? fields["references"] : [];
  return {
    messageId,
    references: references.flatMap((id: Json) => validMessageId(asText(id)) ?? []),
    subject: cleanLabel(asText(fields["subject"]) ?? "", 500),
    address: asText(fields["address"]) ?? "",
  };
}

function asText(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

type Composition = ConstructorParameters<typeof MailComposer>[0];

function build(mail: Composition, key: string): Promise<string> {
  const node = new MailComposer(mail).compile();
  // The library's own boundaries name it, and are others each time.
  node.boundary = `=_${key}`;
  for (const [index, child] of node.childNodes.entries())
    if (child.childNodes.length > 0) child.boundary = `=_${key}.${index}`;
  return new Promise((resolve, reject) => {
    node.build((error: Error | null | undefined, bytes?: Buffer | false) => {
      if (error || !bytes) reject(error ?? new Error("the mail has no bytes"));
      else resolve(bytes.toString("utf8").replace(/\r?\n/g, "\r\n"));
    });
  });
}

/** The address as its owner writes it, where a mail of that very contact told; else the contact's id. */
function recipientOf(message: OutgoingMessage): string {
  for (const ref of [message.replyTo, message.threadLast, message.previous]) {
    const known = ref === undefined ? undefined : readContext(ref)?.address;
    if (known !== undefined && sameAddress(known, message.peer.id)) return known;
  }
  return message.peer.id;
}

/** email.md 17: the message answered, else the thread's newest, else the conversation's newest if it is recent. */
function parentOf(message: OutgoingMessage): MailContext | undefined {
  const pointed = message.replyTo ?? message.threadLast;
  if (pointed !== undefined) return readContext(pointed);
  const previous = message.previous;
  if (previous === undefined || message.sentAt - previous.sentAt > threadAge) return undefined;
  const context = readContext(previous);
  // A subject of its own says that this is about something else.
  const renames =
    message.subject !== undefined &&
    context !== undefined &&
    baseSubject(message.subject) !== baseSubject(context.subject);
  return renames ? undefined : context;
}

function subjectOf(message: OutgoingMessage, parent: MailContext | undefined): string {
  const given = cleanLabel(message.subject ?? "", 200);
  if (given !== "") return given;
  if (parent !== undefined && baseSubject(parent.subject) !== "") return cutAt(answerSubject(parent.subject), 250);
  const lines = (message.text || (message.file?.name ?? "")).split("\n", 200).map((line) => cleanLabel(line, 300));
  const line =
    lines.find((text) => text !== "" && !text.startsWith(">") && !text.startsWith("```")) ??
    lines.find((text) => text !== "") ??
    "";
  return line.length <= firstLineLength ? line : `${cutAt(line, firstLineLength - 1).replace(/\s+\S{0,20}$/, "")}…`;
}

function requireAddress(text: string): string {
  const address = parseAddress(text);
  if (address === undefined)
    throw new BridgeError("reject", `${cleanLabel(text, 100)} is not an email address.`, {
      condition: "jid-malformed",
    });
  return address;
}

/** The domain of an address or a bare domain, as A-labels. */
function requireDomain(text: string): string {
  const address = requireAddress(text.includes("@") ? text : `postmaster@${text}`);
  return address.slice(address.lastIndexOf("@") + 1);
}

function isAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}
