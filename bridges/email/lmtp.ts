// Domain mode, network to user: the LMTP or SMTP listener. It says 250 only for what is durably stored, refuses who is
// unknown while the sender still listens (no bounce, no backscatter, E11), and never relays (E08).
import { readFileSync } from "node:fs";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from "smtp-server";
import type { IncomingOriginal, Logger } from "#bridge";
import { originalId } from "./content-key.ts";
import { recipientId } from "./domain-address.ts";
import type { MailAbout } from "./mime-to-message.ts";
import { type DomainOptions, networkMatcher } from "./options.ts";
import { isLooping, normalizeLines } from "./received-mail.ts";
import { watchSlowClients } from "./slow-clients.ts";

export interface ListenerDeps {
  readonly protocol: "lmtp" | "smtp";
  readonly listen: { readonly host: string; readonly port: number };
  readonly options: DomainOptions;
  readonly log: Logger;
  readonly memory: MemoryBudget;
  /** The account of an address of the domain (without its +tag), or undefined. */
  readonly findAccount: (id: string) => Promise<{ readonly id: number } | undefined>;
  /** Stores durably; a rejection means that nothing was stored. */
  readonly deliver: (account: number, mail: IncomingOriginal) => Promise<void>;
  readonly times?: ListenerTimes;
}

export interface ListenerTimes {
  /** Silence after which a connection is closed (ms). */
  readonly silence: number;
  /** How long one mail, or the talk before it, may take in all (ms): a drip never falls silent (slow-loris). */
  readonly transaction: number;
}

export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/** Bytes that mails being received may take together. */
export interface MemoryBudget {
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function memoryBudget(limit: number): MemoryBudget {
  let used = 0;
  return {
    take(bytes) {
      if (used + bytes > limit) return false;
      used += bytes;
      return true;
    },
    give(bytes) {
      used -= bytes;
    },
  };
}

const listenerTimes: ListenerTimes = { silence: 60_000, transaction: 600_000 };
const mostRecipients = 100;
/** A session that speaks nonsense has this many tries. */
const closeTimeout = 3000;

/** Starts listening. @throws when the port is taken. */
export async function startListener(deps: ListenerDeps): Promise<Listener> {
  const { options, log } = deps;
  const times = deps.times ?? listenerTimes;
  const isTrusted = networkMatcher(options.trusted);
  const server = new SMTPServer({
    lmtp: deps.protocol === "lmtp",
    name: options.name,
    banner: "Viaduct",
    size: options.maxSize,
    // Nobody signs in here: mail for the domain is taken, mail for elsewhere is not, from anybody.
    authOptional: true,
    disabledCommands: ["AUTH", ...(options.tls === undefined ? ["STARTTLS"] : [])],
    ...(options.tls === undefined
      ? {}
      : { key: readFileSync(options.tls.keyFile), cert: readFileSync(options.tls.certFile) }),
    disableReverseLookup: true,
    // Codes stand in our own texts: the library knows one code per number.
    hideENHANCEDSTATUSCODES: true,
    maxClients: options.maxConnections,
    maxRecipients: mostRecipients,
    socketTimeout: times.silence,
    closeTimeout,
    logger: false,
    onConnect(session, callback) {
      callback(isTrusted(session.remoteAddress) ? null : reply(554, "5.7.1 This host may not deliver mail here"));
    },
    onMailFrom(address, _session, callback) {
      const declared = address.args === false ? undefined : Number(address.args.SIZE);
      callback(declared !== undefined && declared > options.maxSize ? tooLarge() : null);
    },
    onRcptTo(address, _session, callback) {
      checkRecipient(address.address, deps).then(
        (refusal) => callback(refusal),
        (error: unknown) => {
          log.error({ error: messageOf(error) }, "recipient could not be looked up");
          callback(reply(451, "4.3.0 Temporary local problem, try again"));
        },
      );
    },
    onData(stream, session, callback) {
      receive(stream, session, deps).then(
        (replies) => (deps.protocol === "lmtp" ? callback(null, [...replies]) : finishSmtp(replies, callback)),
        (error: unknown) => {
          log.error({ error: messageOf(error) }, "mail could not be taken");
          callback(reply(451, "4.3.0 Temporary local problem, try again"));
        },
      );
    },
  });
  // Broken connections and TLS handshakes of strangers: the sender tries again or does not.
  server.on("error", (error) => log.debug({ error: error.message }, "mail listener"));
  const slow = watchSlowClients(server, times.transaction);
  const port = await listen(server, deps.listen);
  return {
    port,
    close: async () => {
      slow.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: SMTPServer, at: { readonly host: string; readonly port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(new Error(cannotListen(error, at), { cause: error }));
    server.server.once("error", fail);
    server.listen(at.port, at.host, () => {
      server.server.off("error", fail);
      const address = server.server.address();
      resolve(typeof address === "object" && address !== null ? address.port : at.port);
    });
  });
}

/** One sentence for the operator. */
function cannotListen(error: Error, { host, port }: { readonly host: string; readonly port: number }): string {
  const code = "code" in error ? String(error.code) : "unknown";
  const advice: Readonly<Record<string, string>> = {
    EADDRINUSE: "another program has this port: stop it, or name another port",
    EACCES: "this user may not have this port: name one above 1023",
    EADDRNOTAVAIL: "this machine does not have this address: name another one",
  };
  return `cannot listen for mail on ${host}:${port} (${code}): ${advice[code] ?? error.message}, in bridges.email.domain`;
}

/** A reply that refuses; undefined accepts. */
type Refusal = Error & { responseCode: number };

function reply(code: number, text: string): Refusal {
  return Object.assign(new Error(text), { responseCode: code });
}

function tooLarge(): Refusal {
  return reply(552, "5.3.4 The mail is larger than this server takes");
}

async function checkRecipient(address: string, deps: ListenerDeps): Promise<Refusal | null> {
  const recipient = recipientId(address, deps.options.name);
  if (recipient === "foreign") return reply(550, "5.7.1 Relaying denied");
  if (recipient === undefined || (await accountOf(recipient, deps)) === undefined) {
    return reply(550, "5.1.1 No such address here");
  }
  return null;
}

/** The address itself, or the one before its +tag. */
async function accountOf(
  recipient: { readonly id: string; readonly untagged: string },
  deps: ListenerDeps,
): Promise<{ readonly id: number; readonly self: string } | undefined> {
  for (const self of new Set([recipient.id, recipient.untagged])) {
    const account = await deps.findAccount(self);
    if (account !== undefined) return { id: account.id, self };
  }
  return undefined;
}

type Replies = readonly (string | Refusal)[];

/** Takes a mail in and stores it for each recipient; one reply for each, in their order. */
async function receive(stream: SMTPServerDataStream, session: SMTPServerSession, deps: ListenerDeps): Promise<Replies> {
  const { envelope } = session;
  const recipients = envelope.rcptTo;
  const same = (refusal: Refusal): Replies => recipients.map(() => refusal);
  const taken = await readAll(stream, deps);
  try {
    // The library advertises SIZE and counts, but takes a larger mail all the same.
    if (stream.sizeExceeded) return same(tooLarge());
    if (taken.chunks === undefined) return same(reply(452, "4.3.1 Too much mail at the moment, try again"));
    const raw = normalizeLines(Buffer.concat(taken.chunks));
    if (isLooping(raw)) return same(reply(554, "5.4.6 This mail goes in circles"));
    const mailFrom = envelope.mailFrom === false ? "" : envelope.mailFrom.address;
    const about: MailAbout = { source: deps.protocol, receivedAt: Date.now(), mailFrom };
    return await Promise.all(recipients.map(({ address }) => store(raw, about, address, deps)));
  } finally {
    deps.memory.give(taken.bytes);
  }
}

async function store(raw: Buffer, about: MailAbout, address: string, deps: ListenerDeps): Promise<string | Refusal> {
  try {
    const recipient = recipientId(address, deps.options.name);
    const account = typeof recipient === "object" ? await accountOf(recipient, deps) : undefined;
    if (account === undefined) return reply(550, "5.1.1 No such address here");
    const id = originalId(raw, account.self);
    const facts: MailAbout = { ...about, rcptTo: address };
    await deps.deliver(account.id, { type: "original", id, raw, about: facts, sentAt: about.receivedAt });
    return "2.0.0 Stored";
  } catch (error) {
    deps.log.error({ error: messageOf(error) }, "mail could not be stored");
    return reply(451, "4.3.0 Temporary local problem, try again");
  }
}

interface Taken {
  /** Undefined: there was no memory left for it. */
  readonly chunks: Buffer[] | undefined;
  readonly bytes: number;
}

/** Reads to the end in any case: the reply comes after the final dot. What is too large is not kept. */
async function readAll(stream: SMTPServerDataStream, deps: ListenerDeps): Promise<Taken> {
  let chunks: Buffer[] | undefined = [];
  let bytes = 0;
  const drop = (): void => {
    chunks = undefined;
    deps.memory.give(bytes);
    bytes = 0;
  };
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (chunks === undefined) continue;
      if (stream.sizeExceeded || !deps.memory.take(chunk.length)) {
        drop();
        continue;
      }
      bytes += chunk.length;
      chunks.push(chunk);
    }
  } catch (error) {
    drop();
    throw error;
  }
  return { chunks, bytes };
}

/**
 * SMTP has one reply for all: yes when all are stored. Otherwise the sender tries everybody again, and those who have it
 * already are spared by the content key.
 */
function finishSmtp(replies: Replies, callback: (error?: Error | null, message?: string) => void): void {
  const refusal = replies.find((entry) => typeof entry !== "string");
  if (refusal !== undefined && typeof refusal !== "string") callback(refusal);
  else callback(null, "2.0.0 Stored");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
