// A mail program for tests: sends through SMTP or LMTP, reads mailboxes through IMAP.
import { setTimeout as sleep } from "node:timers/promises";
import { ImapFlow } from "imapflow";
import { createTransport } from "nodemailer";
import PostalMime from "postal-mime";
import { dotStuffed, openSmtp, type Reply, type SmtpDialogue } from "./smtp-dialogue.ts";

export interface SendMailOptions {
  readonly port: number;
  /** Envelope sender; "" for the null sender of bounces. */
  readonly from: string;
  /** Envelope recipients. */
  readonly to: string | readonly string[];
  /** The message, to the byte: only dots are stuffed, and a missing last line end is added. Instead of the next three. */
  readonly raw?: string | Uint8Array;
  readonly subject?: string;
  readonly text?: string;
  /** Also replaces From and To, which come from the envelope otherwise. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly auth?: { readonly user: string; readonly password: string };
  /** Speak LMTP (RFC 2033): one reply for each recipient after the dot. Default false. */
  readonly lmtp?: boolean;
  /** For each reply. Default 30,000. */
  readonly timeoutMs?: number;
}

export interface SentMail {
  readonly accepted: readonly string[];
  readonly rejected: readonly { readonly address: string; readonly reply: Reply }[];
  /** The reply to the message itself; of the last recipient with LMTP. */
  readonly reply: Reply;
}

/** The server said no to everything. `reply` is what it said. */
export class MailRefused extends Error {
  override readonly name = "MailRefused";
  readonly reply: Reply;
  readonly stage: string;

  constructor(stage: string, reply: Reply) {
    super(`${stage}: ${reply.code} ${reply.text}`);
    this.stage = stage;
    this.reply = reply;
  }
}

/** Sends one mail. Throws MailRefused when no recipient took it, Error when the connection ends. */
export async function sendMail(options: SendMailOptions): Promise<SentMail> {
  const raw = options.raw === undefined ? await compose(options) : Buffer.from(options.raw);
  const to = typeof options.to === "string" ? [options.to] : options.to;
  const smtp = openSmtp(options.port, options.timeoutMs);
  try {
    const rejected: { address: string; reply: Reply }[] = [];
    await introduce(smtp, options);
    const beyondAscii = [options.from, ...to].some((address) => /[^\p{ASCII}]/u.test(address));
    expect("MAIL FROM", await smtp.command(`MAIL FROM:<${options.from}>${beyondAscii ? " SMTPUTF8" : ""}`));
    const taken: string[] = [];
    for (const address of to) {
      const reply = await smtp.command(`RCPT TO:<${address}>`);
      if (reply.code < 300) taken.push(address);
      else rejected.push({ address, reply });
    }
    const [refusal] = rejected;
    if (taken.length === 0 && refusal) throw new MailRefused("RCPT TO", refusal.reply);

    expect("DATA", await smtp.command("DATA"));
    smtp.write(dotStuffed(raw));
    const accepted: string[] = [];
    let reply: Reply = { code: 0, text: "" };
    for (const address of options.lmtp ? taken : taken.slice(0, 1)) {
      reply = await smtp.reply();
      if (reply.code >= 300) rejected.push({ address, reply });
      else accepted.push(...(options.lmtp ? [address] : taken));
    }
    if (accepted.length === 0) throw new MailRefused("the message", reply);
    smtp.write("QUIT\r\n");
    return { accepted, rejected, reply };
  } finally {
    smtp.end();
  }
}

async function introduce(smtp: SmtpDialogue, { lmtp, auth }: SendMailOptions): Promise<void> {
  expect("greeting", await smtp.reply());
  expect("EHLO", await smtp.command(`${lmtp ? "LHLO" : "EHLO"} client.test`));
  if (!auth) return;
  const plain = Buffer.from(`\0${auth.user}\0${auth.password}`).toString("base64");
  expect("AUTH", await smtp.command(`AUTH PLAIN ${plain}`));
}

function expect(stage: string, reply: Reply): void {
  if (reply.code >= 400) throw new MailRefused(stage, reply);
}

/** nodemailer writes what a usual mail program would. */
async function compose({ from, to, subject, text, headers = {} }: SendMailOptions): Promise<Buffer> {
  const composer = createTransport({ streamTransport: true, buffer: true, newline: "windows" });
  const own = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const addresses = {
    from: own.get("from") ?? from,
    to: own.get("to") ?? (typeof to === "string" ? to : to.join(", ")),
  };
  const others = Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(from|to|message-id)$/i.test(name)));
  const messageId = own.get("message-id");
  const content = { ...addresses, subject: subject ?? "", text: text ?? "", headers: others };
  const info = await composer.sendMail(messageId ? { ...content, messageId } : content);
  if (!Buffer.isBuffer(info.message)) throw new Error("nodemailer did not compose a buffer");
  return info.message;
}

export interface MailboxOptions {
  readonly imapPort: number;
  readonly user: string;
  readonly password: string;
  /** Default "INBOX". */
  readonly mailbox?: string;
}

export interface Mail {
  readonly uid: number;
  /** Without \\Recent, which is about the session and not the mail. */
  readonly flags: readonly string[];
  /** The bytes as text, read as UTF-8. */
  readonly raw: string;
  readonly bytes: Buffer;
  /** By lower-case name; the first where a name repeats; decoded. */
  readonly headers: ReadonlyMap<string, string>;
  readonly subject: string;
  readonly text: string;
  /** With angle brackets; "" when there is none. */
  readonly messageId: string;
}

/** Everything in a mailbox, oldest first. */
export function readMailbox(options: MailboxOptions): Promise<Mail[]> {
  return withMailbox(options, (client) => fetchFrom(client, 1));
}

/** The first mail that matches, waiting for it. The error lists what is there instead. */
export function waitForMail(
  options: MailboxOptions,
  predicate: (mail: Mail) => boolean = () => true,
  timeoutMs = 10_000,
): Promise<Mail> {
  return withMailbox(options, async (client) => {
    const seen: Mail[] = [];
    for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(50)) {
      await client.noop(); // lets the server tell of new mail
      const fresh = await fetchFrom(client, (seen.at(-1)?.uid ?? 0) + 1);
      seen.push(...fresh);
      const found = fresh.find(predicate);
      if (found) return found;
    }
    const list = seen.map((mail) => `\n  ${mail.uid} ${mail.messageId} ${JSON.stringify(mail.subject)}`).join("");
    throw new Error(`no such mail for ${options.user} within ${timeoutMs} ms. There are ${seen.length}:${list}`);
  });
}

async function withMailbox<T>(options: MailboxOptions, work: (client: ImapFlow) => Promise<T>): Promise<T> {
  const auth = { user: options.user, pass: options.password };
  const server = { host: "127.0.0.1", port: options.imapPort, secure: false, doSTARTTLS: false };
  const client = new ImapFlow({ ...server, auth, logger: false, disableAutoIdle: true });
  client.on("error", () => {}); // what is under way rejects as well
  await client.connect();
  try {
    await client.mailboxOpen(options.mailbox ?? "INBOX", { readOnly: true });
    return await work(client);
  } finally {
    await client.logout().catch(() => client.close());
  }
}

async function fetchFrom(client: ImapFlow, uid: number): Promise<Mail[]> {
  const mails: Mail[] = [];
  for await (const found of client.fetch(`${uid}:*`, { uid: true, flags: true, source: true }, { uid: true })) {
    // "n:*" means at least the last mail, even when its UID is below n (RFC 3501 section 6.4.8).
    if (found.uid >= uid && found.source) mails.push(await toMail(found.uid, found.flags ?? new Set(), found.source));
  }
  return mails.toSorted((one, other) => one.uid - other.uid);
}

async function toMail(uid: number, allFlags: ReadonlySet<string>, bytes: Buffer): Promise<Mail> {
  const parsed = await PostalMime.parse(bytes);
  const flags = [...allFlags].filter((flag) => flag !== "\\Recent");
  const headers = new Map(parsed.headers.toReversed().map((header) => [header.key, header.value]));
  const { subject = "", text = "", messageId = "" } = parsed;
  return { uid, flags, raw: bytes.toString("utf8"), bytes, headers, subject, text, messageId };
}
