// Whole mails as text, and the facts that come with them.
import type { Incoming, IncomingMessage } from "#bridge";
import { type MailAbout, mailToEvents } from "../../../bridges/email/mime-to-message.ts";

/** 2026-11-01 12:00 UTC, when every mail of these tests arrives. */
export const arrival = Date.UTC(2026, 10, 1, 12);

export const fromImap: MailAbout = { source: "imap", receivedAt: arrival, mailbox: "INBOX" };

export const self = "alice@example.org";

/** Lines as they travel. */
export function mail(...lines: string[]): Buffer {
  return Buffer.from(lines.join("\r\n"), "utf8");
}

/** Header lines for a mail from Bob to Alice; what is given replaces or follows. */
export function fromBob(more: readonly string[], body: readonly string[]): Buffer {
  const given = new Set(more.map((line) => line.slice(0, line.indexOf(":")).toLowerCase()));
  const usual = [
    "From: Bob <bob@example.com>",
    "To: Alice <alice@example.org>",
    "Date: Sat, 31 Oct 2026 10:00:00 +0000",
    "Subject: Lunch",
    "Message-ID: <1@example.com>",
  ];
  const kept = usual.filter((line) => !given.has(line.slice(0, line.indexOf(":")).toLowerCase()));
  return mail(...kept, ...more, "", ...body);
}

/** The one message a mail becomes. */
export async function open(raw: Uint8Array, about: MailAbout = fromImap, account = self): Promise<IncomingMessage> {
  return only(await mailToEvents(raw, about, account));
}

/** A report about a mail of another program counts as what it is shown as. */
export function only(events: readonly Incoming[]): IncomingMessage {
  const [first, ...others] = events;
  const event = first?.type === "failed" || first?.type === "delayed" ? first.otherwise : first;
  if (event?.type !== "message" || others.length > 0)
    throw new Error(`expected one message, got ${JSON.stringify(events)}`);
  return event;
}
