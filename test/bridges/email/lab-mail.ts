// Putting mail into the lab's Dovecot and looking at what it has.
import { ImapFlow } from "imapflow";
import type { Dovecot } from "../../lab/dovecot.ts";
import { openSmtp } from "../../../bridges/email/smtp-client.ts";

export interface TestMail {
  readonly from?: string;
  readonly subject: string;
  readonly id?: string;
  readonly body?: string;
}

export function mailText(to: string, mail: TestMail): string {
  return [
    `From: <${mail.from ?? "bob@example.test"}>`,
    `To: <${to}>`,
    `Subject: ${mail.subject}`,
    `Date: Sun, 22 Nov 2026 10:00:00 +0000`,
    `Message-ID: ${mail.id ?? `<${mail.subject.replaceAll(/[^a-z0-9]/gi, "-")}@example.test>`}`,
    "",
    mail.body ?? "Hello.",
    "",
  ].join("\r\n");
}

/** A signed-in IMAP connection for the test's own use. Close it. */
export async function imapOf(dovecot: Dovecot, user: string): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: "127.0.0.1",
    port: dovecot.imapPort,
    secure: false,
    doSTARTTLS: false,
    auth: { user, pass: dovecot.password },
    logger: false,
    disableAutoIdle: true,
  });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** New mail in INBOX, by APPEND: arrives now unless a date is given. */
export async function drop(dovecot: Dovecot, user: string, mails: readonly TestMail[], date?: Date): Promise<void> {
  const client = await imapOf(dovecot, user);
  for (const mail of mails) await client.append("INBOX", mailText(user, mail), [], date);
  await client.logout();
}

/** Message-ID and flags of each mail in a mailbox. */
export async function listMailbox(
  dovecot: Dovecot,
  user: string,
  path: string,
): Promise<{ id: string; subject: string; flags: string[] }[]> {
  const client = await imapOf(dovecot, user);
  try {
    const box = await client.mailboxOpen(path, { readOnly: true });
    if (box.exists === 0) return [];
    const rows = await client.fetchAll("1:*", { envelope: true, flags: true });
    return rows.map((row) => ({
      id: row.envelope?.messageId ?? "",
      subject: row.envelope?.subject ?? "",
      flags: [...(row.flags ?? [])].filter((flag) => flag !== "\\Recent"),
    }));
  } finally {
    await client.logout();
  }
}

/** Hand a raw mail to an SMTP port of this machine. */
export async function submitRaw(port: number, from: string, to: string, raw: string): Promise<string> {
  const server = { host: "127.0.0.1", port, security: "none", addresses: ["127.0.0.1"], insecure: true } as const;
  const client = await openSmtp({ server }, AbortSignal.timeout(10_000));
  try {
    return (await client.send({ from, to: [to], raw: Buffer.from(raw), smtputf8: false })).response;
  } finally {
    client.quit();
  }
}
