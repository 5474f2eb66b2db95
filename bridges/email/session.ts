// Account mode: the live session of one account, put together from its two halves. IMAP reads and keeps copies, SMTP
// sends; each comes back on its own.
import type { Host, Json, MessageRef, OutgoingMessage, Peer, Sent, Session } from "#bridge";
import type { EmailCredentials } from "./endpoint.ts";
import type { Gate } from "./gate.ts";
import type { HostPolicy } from "./host-policy.ts";
import { openImap } from "./imap-client.ts";
import type { ReadLimits } from "./incoming.ts";
import { MailboxSession, type MailboxTimes, mailboxTimes } from "./mailbox-session.ts";
import { markSeen } from "./mark-read.ts";
import type { EmailOptions } from "./options.ts";
import { createOutgoing } from "./outgoing.ts";
import { providerOfHost } from "./providers.ts";
import { createSentCopies } from "./sent-copies.ts";
import { openSmtp } from "./smtp-client.ts";
import { SmtpPool } from "./smtp-pool.ts";

export interface AccountSessionDeps {
  readonly self: string;
  readonly credentials: EmailCredentials;
  readonly options: EmailOptions;
  readonly policy: HostPolicy;
  /** Files of all accounts on their way. */
  readonly gate: Gate;
  /** What tests make shorter. */
  readonly times: Partial<MailboxTimes>;
}

/** Two: a conversation with a slow attachment does not hold up the others. */
const smtpConnections = 2;
const smtpIdle = 30_000;
const commandTimeout = 60_000;

/** Starts the session and returns at once; what becomes of it is told by `host.status`. */
export function startAccountSession(deps: AccountSessionDeps, host: Host): Session<"markRead"> {
  const { credentials, policy } = deps;
  const times = { ...mailboxTimes, ...deps.times };
  const { maxMailBytes, largeMailBytes } = deps.options.accounts;
  const limits: ReadLimits = { maxMailBytes, largeMailBytes, commandTimeout };
  const imapLimits = { maxLiteral: maxMailBytes + 65_536, silence: times.idle + 2 * commandTimeout };
  const mailbox = new MailboxSession({
    host,
    times,
    reader: { self: deps.self, limits, log: host.log },
    open: async (signal) => {
      const server = await policy.check(credentials.imap);
      return openImap({ server, user: credentials.user, password: credentials.password }, imapLimits, signal);
    },
  });
  const pool = new SmtpPool({
    maxConnections: smtpConnections,
    idle: smtpIdle,
    open: async (signal) => {
      const server = await policy.check(credentials.smtp);
      return openSmtp({ server, auth: { user: credentials.user, password: credentials.password } }, signal);
    },
  });
  const savesSent = providerOfHost(credentials.smtp.host)?.savesSent === true;
  const copies = createSentCopies({ mailbox, limits, log: host.log, savesSent });
  const outgoing = createOutgoing({
    address: credentials.address,
    pool,
    files: {
      fetch: host.fetch,
      signal: host.signal,
      log: host.log,
      mostBytes: deps.options.attachmentBytes,
      gate: deps.gate,
    },
    isKnown: (mail, message) => copies.isKnown(mail, message),
    onSent: (mail) => copies.keep(mail),
  });
  let ending: Promise<void> | undefined;
  // The mailbox goes last: copies of what was just sent still go there.
  const end = (): Promise<void> => {
    ending ??= pool
      .close()
      .then(() => copies.close())
      .then(() => mailbox.close());
    return ending;
  };
  host.signal.addEventListener("abort", () => void end(), { once: true });
  if (host.signal.aborted) void end();
  else mailbox.start();
  return {
    prepare: (message: OutgoingMessage): Promise<Json> => outgoing.prepare(message),
    send: (message: OutgoingMessage, prepared?: Json): Promise<Sent> => outgoing.send(message, prepared),
    markRead(target: MessageRef, peer: Peer): Promise<void> {
      return mailbox.withClient((client) =>
        markSeen(client, target, peer, { limits, since: mailbox.cursor?.since ?? 0 }),
      );
    },
    close: end,
  };
}
