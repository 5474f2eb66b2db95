// Account mode: the copy of a sent mail in the user's Sent mailbox, and the look for one before a mail whose fate is
// unknown goes out again.
import type { ImapFlow } from "imapflow";
import { BridgeError, type Logger, type OutgoingMessage, pause } from "#bridge";
import { command, type ReadLimits, searchUids } from "./incoming.ts";
import type { MailboxSession } from "./mailbox-session.ts";
import type { FrozenMail } from "./message-to-mime.ts";

export interface SentCopies {
  /** Put a copy into Sent, soon. Never fails, never waits. */
  keep(mail: FrozenMail): void;
  /** Whether Sent or INBOX has the mail. @throws BridgeError `retry` while that cannot be told. */
  isKnown(mail: FrozenMail, message: OutgoingMessage): Promise<boolean>;
  /** Waits a moment for copies under way. */
  close(): Promise<void>;
}

export interface SentCopiesDeps {
  readonly mailbox: MailboxSession;
  readonly limits: ReadLimits;
  readonly log: Logger;
  /** The provider puts submitted mail into Sent by itself: look before appending. */
  readonly savesSent: boolean;
}

/** Copies that wait while the mailbox is away; the mails themselves are sent, so the oldest may go. */
const mostWaiting = 50;
/** Of those, in bytes: a mail with a file is large. */
const mostBytes = 32 * 1024 * 1024;
const attempts = 5;
/** Gmail and Outlook need a moment to file what was submitted. */
const filingTime = 3000;
const retryPause = 30_000;
/** After this the mailbox is not waited for any longer: a mail twice is better than a mail never. */
const lookFor = 15 * 60_000;
const closingGrace = 2000;

export function createSentCopies(deps: SentCopiesDeps): SentCopies {
  let sentPath: string | undefined;
  let waiting = 0;
  let bytes = 0;
  const closing = new AbortController();
  const running = new Set<Promise<void>>();

  const append = async (client: ImapFlow, mail: FrozenMail): Promise<void> => {
    sentPath ??= await findSent(client, deps);
    if (deps.savesSent && (await hasMail(client, sentPath, mail.messageId, deps))) return;
    await command(client, deps, client.append(sentPath, Buffer.from(mail.raw, "utf8"), ["\\Seen"]));
  };
  const keep = async (mail: FrozenMail): Promise<void> => {
    if (deps.savesSent) await pause(filingTime, closing.signal);
    for (let attempt = 1; attempt <= attempts && !closing.signal.aborted; attempt++) {
      try {
        return await deps.mailbox.withClient((client) => append(client, mail));
      } catch (error) {
        deps.log.debug({ attempt, error: messageOf(error) }, "no copy in Sent yet");
        await pause(retryPause, closing.signal);
      }
    }
    deps.log.warn({ key: mail.messageId }, "message was sent, but no copy of it could be put into Sent");
  };
  return {
    keep(mail) {
      if (waiting >= mostWaiting || (waiting > 0 && bytes + mail.raw.length > mostBytes)) {
        deps.log.warn({ waiting, bytes }, "too many copies wait for the mailbox: this one is left out");
        return;
      }
      waiting += 1;
      bytes += mail.raw.length;
      const work = keep(mail).finally(() => {
        waiting -= 1;
        bytes -= mail.raw.length;
        running.delete(work);
      });
      running.add(work);
    },
    async isKnown(mail, message) {
      try {
        return await deps.mailbox.withClient(async (client) => {
          sentPath ??= await findSent(client, deps);
          for (const path of [sentPath, "INBOX"]) {
            if (await hasMail(client, path, mail.messageId, deps)) return true;
          }
          return false;
        });
      } catch (cause) {
        if (Date.now() - message.sentAt > lookFor) return false;
        throw new BridgeError("retry", "Whether the message went out cannot be looked up at the moment.", {
          uncertain: true,
          retryAfter: retryPause,
          cause,
        });
      }
    },
    async close() {
      const grace = pause(closingGrace, closing.signal);
      await Promise.race([Promise.all(running), grace]);
      closing.abort();
    },
  };
}

async function hasMail(client: ImapFlow, path: string, messageId: string, deps: SentCopiesDeps): Promise<boolean> {
  await command(client, deps, client.mailboxOpen(path, { readOnly: true }));
  // Microsoft puts an id of its own in place of ours and keeps ours in another header.
  const headers = ["message-id", "x-microsoft-original-message-id"];
  const found = await searchUids(client, { or: headers.map((name) => ({ header: { [name]: messageId } })) }, deps);
  return found.length > 0;
}

/** By special use (RFC 6154), which imapflow also guesses from names; made when there is none. */
async function findSent(client: ImapFlow, deps: SentCopiesDeps): Promise<string> {
  const mailboxes = await command(client, deps, client.list());
  const sent = mailboxes.find((mailbox) => mailbox.specialUse === "\\Sent");
  if (sent !== undefined) return sent.path;
  const made = await command(client, deps, client.mailboxCreate("Sent"));
  return made.path;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
