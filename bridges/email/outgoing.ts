// User to network, in both modes: freeze a message as a mail, send exactly those bytes, say honestly what is known of
// their fate.
import { BridgeError, type Json, type OutgoingMessage, type Sent } from "#bridge";
import { parseAddress } from "./addressing.ts";
import { smtpError } from "./errors.ts";
import { composeMail, type FrozenMail } from "./message-to-mime.ts";
import type { MailContext } from "./mime-to-message.ts";
import { createSendWithFile, type OutgoingFileDeps } from "./outgoing-file.ts";
import { SmtpFailure, type SmtpReceipt } from "./smtp-client.ts";
import type { SmtpPool } from "./smtp-pool.ts";

export interface Outgoing {
  prepare(message: OutgoingMessage): Promise<Json>;
  send(message: OutgoingMessage, prepared?: Json): Promise<Sent>;
}

export interface OutgoingDeps {
  /** The account's address: the only From and MAIL FROM there is (E10). */
  readonly address: string;
  readonly pool: SmtpPool;
  readonly files: OutgoingFileDeps;
  /** Account mode: whether a mail with this id is in the user's mailboxes already. */
  readonly isKnown?: (mail: FrozenMail, message: OutgoingMessage) => Promise<boolean>;
  /** Account mode: a copy for Sent. Must not fail. */
  readonly onSent?: (mail: FrozenMail) => void;
}

export function createOutgoing(deps: OutgoingDeps): Outgoing {
  const author = { address: deps.address };
  const freeze = (message: OutgoingMessage): Promise<FrozenMail> => composeMail(message, author);
  const sendWithFile = createSendWithFile(author, deps.files);
  return {
    prepare: async (message) => toJson(await freeze(message)),
    async send(message, prepared) {
      const frozen = fromJson(prepared, deps.address) ?? (await freeze(message));
      if (message.uncertain && deps.isKnown !== undefined && (await deps.isKnown(frozen, message)))
        return sentAs(frozen);
      return sendWithFile(message, frozen, async (mail) => {
        const receipt = await submit(deps, mail, message.peer.id);
        deps.onSent?.(mail);
        return sentAs(mail, receipt);
      });
    },
  };
}

async function submit(deps: OutgoingDeps, mail: FrozenMail, peer: string): Promise<SmtpReceipt> {
  const from = parseAddress(deps.address);
  const to = mail.to.map(parseAddress);
  if (from === undefined || to.length === 0) throw notAnAddress(deps.address);
  const recipients = to.map((address, index) => {
    if (address === undefined) throw notAnAddress(mail.to[index] ?? "");
    return address;
  });
  try {
    const raw = Buffer.from(mail.raw, "utf8");
    return await deps.pool.send({ from, to: recipients, raw, smtputf8: mail.smtputf8 });
  } catch (error) {
    throw explain(error, peer);
  }
}

/** What became of the mail: only silence after its first byte leaves that open (reliability.md, "maybe"). */
function explain(error: unknown, peer: string): BridgeError {
  // No connection was had: the mail did not leave.
  if (!(error instanceof SmtpFailure)) return smtpError(error, peer, { dataSent: false });
  return smtpError(error.cause, peer, { dataSent: error.begun && !error.answered });
}

function notAnAddress(text: string): BridgeError {
  return new BridgeError("reject", `"${text}" is not a mail address.`, { condition: "jid-malformed" });
}

/**
 * A server that puts its own Message-ID in place of ours (Outlook, SES) tells so in its reply: answers will name that
 * one, so it becomes the message's id.
 */
function sentAs(mail: FrozenMail, receipt?: SmtpReceipt): Sent {
  const context: MailContext = {
    messageId: receipt?.serverMessageId ?? mail.messageId,
    references: mail.references,
    subject: mail.subject,
    address: mail.to[0] ?? "",
  };
  return { id: context.messageId, context, thread: mail.thread };
}

function toJson(mail: FrozenMail): Json {
  const { raw, messageId, from, to, subject, references, thread, smtputf8 } = mail;
  return { raw, messageId, from, to: [...to], subject, references: [...references], thread, smtputf8 };
}

/** What `prepare` returned, back from the store; anything else, or another account's (E10), counts as not prepared. */
function fromJson(stored: Json | undefined, address: string): FrozenMail | undefined {
  if (typeof stored !== "object" || stored === null || Array.isArray(stored)) return undefined;
  const { raw, messageId, from, to, subject, references, thread, smtputf8 } = stored as {
    readonly [key: string]: Json;
  };
  if (typeof raw !== "string" || typeof messageId !== "string" || typeof from !== "string") return undefined;
  if (from !== parseAddress(address)) return undefined;
  if (typeof subject !== "string" || typeof thread !== "string" || typeof smtputf8 !== "boolean") return undefined;
  if (!isTexts(to) || !isTexts(references)) return undefined;
  return { raw, messageId, from, to: [...to], subject, references: [...references], thread, smtputf8 };
}

function isTexts(value: Json | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}
