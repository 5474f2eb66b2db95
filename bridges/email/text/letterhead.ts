// Everything about a mail that its header says, as the fields of an event. Runs without the MIME tree, so that a mail
// that cannot be parsed still has an author, a subject and a place in its thread.
import { cleanLabel, type Json, type Peer } from "#bridge";
import { addressId, displayAddress } from "../addressing.ts";
import { contentKey, substituteId } from "../content-key.ts";
import { all, decodeHeaderText, first, type Head, readHead } from "./head.ts";
import { messageIdsIn, threadOf, trimReferences, validMessageId } from "./message-ids.ts";
import { alsoTo, otherRecipients, readSender, unknownSender } from "./sender.ts";
import { hasMark } from "./subject.ts";

/** Facts about a mail that are not in its bytes. Survives JSON. */
export type MailAbout = {
  readonly source: "imap" | "lmtp" | "smtp";
  /** INTERNALDATE or the time of arrival, in milliseconds since the epoch. */
  readonly receivedAt: number;
  /** The envelope's sender; "" for the null return path. */
  readonly mailFrom?: string;
  readonly rcptTo?: string;
  /** The whole mail's size in bytes, where `raw` is only a part of it. */
  readonly size?: number;
  /** `raw` is only the beginning. */
  readonly truncated?: boolean;
  readonly flags?: readonly string[];
  readonly mailbox?: string;
};

/** What the bridge keeps with each message's id, to answer it later. */
export type MailContext = {
  readonly messageId: string;
  /** The mail's own References, root first. */
  readonly references: readonly string[];
  readonly subject: string;
  /** The other side's address in the case its owner writes it. Reply-To is not followed silently (E03). */
  readonly address: string;
};

export interface Letterhead {
  readonly head: Head;
  readonly id: string;
  readonly digest: string | undefined;
  readonly peer: Peer;
  readonly from: string;
  readonly name: string | undefined;
  readonly sentAt: number;
  /** Decoded, one line; empty when absent. */
  readonly subject: string;
  /** The mail opens a thread or renames one (email.md 6): show the subject. */
  readonly opens: boolean;
  readonly thread: string;
  readonly replyTo: readonly string[];
  readonly automatic: boolean;
  readonly notes: readonly string[];
  readonly context: MailContext;
  /** The author for people, as "Bob <bob@example.org>". */
  readonly author: string;
}

/** Reads the header. Bounded work; never throws. `self` is the account's own id. */
export function readLetterhead(raw: Uint8Array, about: MailAbout, self: string): Letterhead {
  const head = readHead(raw);
  const key = contentKey(raw);
  const sender = readSender(head, about.mailFrom);
  const ownId = addressId(self) ?? self.toLowerCase();
  const isOwn = sender.id === ownId && about.source === "imap";
  const named = otherRecipients(head, [ownId, ...(isOwn ? [] : [sender.id])]);
  const others = named.filter((other) => !isTagged(other.id, ownId));
  const target = isOwn ? (others[0] ?? sender) : sender;
  const id = ownOriginalId(head, isOwn) ?? validMessageId(first(head, "message-id")) ?? substituteId(key);
  const references = trimReferences(messageIdsIn(first(head, "references")));
  const inReplyTo = messageIdsIn(first(head, "in-reply-to")).slice(0, 5);
  const replyTo = [...new Set([...inReplyTo, ...references.toReversed()])].filter((parent) => parent !== id);
  const subject = cleanLabel(decodeHeaderText(first(head, "subject") ?? ""), 500);
  const also = alsoTo(isOwn ? others.slice(1) : others);
  const tagged = [about.rcptTo ?? "", ...named.map((other) => other.address)].find((to) => isTagged(to, ownId));
  const notes = [
    ...sender.warnings,
    ...(tagged === undefined ? [] : [`to: ${cleanLabel(tagged, 100)}`]),
    ...(also === undefined ? [] : [also]),
  ];
  // Anybody can write the user's own address into From (RFC 5321 leaves it unchecked).
  if (sender.id === ownId && !isOwn)
    notes.unshift("This mail carries your own address as its sender; nothing proves that you wrote it.");
  return {
    head,
    id,
    // Providers rewrite the copy of an own mail (E14): there the id alone decides.
    digest: isOwn ? undefined : key,
    peer: { kind: "contact", id: target.id },
    from: isOwn ? "self" : sender.id,
    name: isOwn ? undefined : sender.name,
    sentAt: readDate(first(head, "date"), about.receivedAt),
    subject,
    opens: replyTo.length === 0 || !hasMark(subject),
    thread: threadOf(references[0] ?? inReplyTo[0] ?? id),
    replyTo,
    automatic: isAutomatic(head, about, sender.id),
    notes,
    context: {
      messageId: id,
      references: references.length > 0 ? references : inReplyTo.slice(0, 1),
      subject,
      address: target.address,
    },
    author: sender.id === unknownSender ? "an unknown sender" : `${sender.name} <${displayAddress(sender.address)}>`,
  };
}

/** "alice+shop@example.org" is alice's own (email.md 3); by the tag she knows whom she gave it to. */
function isTagged(address: string, ownId: string): boolean {
  const id = addressId(address) ?? "";
  const plus = id.indexOf("+");
  return plus > 0 && id.slice(0, plus) + id.slice(id.lastIndexOf("@")) === ownId;
}

/** Outlook and SES give an own mail a new id and keep the one it was sent with here (chatmail/core #2250). */
function ownOriginalId(head: Head, isOwn: boolean): string | undefined {
  return isOwn ? validMessageId(first(head, "x-microsoft-original-message-id")) : undefined;
}

const earliest = Date.UTC(1990, 0, 1);
const oneDay = 24 * 60 * 60 * 1000;

/** The Date field unless it is nonsense: before 1990, or more than a day ahead of the arrival (email.md 16). */
export function readDate(value: string | undefined, receivedAt: number): number {
  const time =
    value === undefined
      ? Number.NaN
      : Date.parse(
          value
            .slice(0, 100)
            .replace(/\([^()]*\)/g, " ")
            .trim(),
        );
  return Number.isFinite(time) && time >= earliest && time <= receivedAt + oneDay ? time : receivedAt;
}

const noReply =
  /^(?:no-?reply|do-?not-?reply|noreply-.*|mailer-daemon|postmaster|bounces?|notifications?|daemon)(?:[+.-].*)?@/;

/** RFC 3834 and its kin: a machine wrote it, or a list spread it (E12). */
function isAutomatic(head: Head, about: MailAbout, author: string): boolean {
  const submitted = first(head, "auto-submitted")?.toLowerCase() ?? "no";
  if (!/^no\b/.test(submitted)) return true;
  if (/^\s*(?:bulk|list|junk)\b/i.test(first(head, "precedence") ?? "")) return true;
  if (/\b(?:all|autoreply|oof|dr|ndr|rn|nrn)\b/i.test(first(head, "x-auto-response-suppress") ?? "")) return true;
  const presence = [
    "list-id",
    "list-unsubscribe",
    "x-autoreply",
    "x-autorespond",
    "x-auto-reply",
    "feedback-id",
    "x-failed-recipients",
  ];
  if (presence.some((name) => first(head, name) !== undefined)) return true;
  const returnPath = about.mailFrom ?? first(head, "return-path");
  if (returnPath !== undefined && /^\s*(?:<\s*>)?\s*$/.test(returnPath)) return true;
  if (/^\s*multipart\/report\b/i.test(first(head, "content-type") ?? "")) return true;
  return noReply.test(author);
}

/** The fields that make the `full` text begin like a printed mail. */
export function printedHeader(head: Head): string {
  const lines: string[] = [];
  for (const [name, title] of [
    ["from", "From"],
    ["reply-to", "Reply-To"],
    ["to", "To"],
    ["cc", "Cc"],
    ["date", "Date"],
    ["subject", "Subject"],
  ] as const) {
    for (const value of all(head, name)) lines.push(`${title}: ${cleanLabel(decodeHeaderText(value), 1000)}`);
  }
  return lines.join("\n");
}

/** The context as the contract stores it. */
export function contextJson(context: MailContext): Json {
  return {
    messageId: context.messageId,
    references: [...context.references],
    subject: context.subject,
    address: context.address,
  };
}
