// One SMTP submission connection: nodemailer's SMTPConnection as promises. The message goes in as finished bytes and
// the envelope as validated single addresses, so neither its composer nor its address parser ever sees user text (E05).
import { isAscii } from "node:buffer";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { BridgeError, pinnedLookup } from "#bridge";
import { within } from "./deadline.ts";
import { showEndpoint } from "./endpoint.ts";
import type { CheckedEndpoint } from "./host-policy.ts";
import { tlsOptions } from "./imap-client.ts";

export interface SmtpLogin {
  readonly server: CheckedEndpoint;
  readonly auth?: { readonly user: string; readonly password: string };
  /** What EHLO says; default the machine's name. */
  readonly name?: string;
}

export interface SmtpMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: Buffer;
  /** An address or header needs RFC 6531. */
  readonly smtputf8: boolean;
}

export interface SmtpReceipt {
  readonly response: string;
  /** The id the server gave the mail in place of its own (Microsoft, Amazon SES). */
  readonly serverMessageId?: string;
}

/** Why a mail did not go: nodemailer's error and how far it got. */
export class SmtpFailure extends Error {
  override readonly name = "SmtpFailure";
  /** The server answered: whatever it said is certain. */
  readonly answered: boolean;
  /** At least one byte of the message was on its way. */
  readonly begun: boolean;

  constructor(cause: unknown, begun: boolean) {
    super(cause instanceof Error ? cause.message : "SMTP failed", { cause });
    this.answered = typeof replyCode(cause) === "number";
    this.begun = begun;
  }
}

export interface SmtpClient {
  /** Send one mail; one at a time. @throws SmtpFailure, BridgeError */
  send(mail: SmtpMail): Promise<SmtpReceipt>;
  /** Whether it can take another mail. */
  readonly usable: boolean;
  /** Say goodbye. */
  quit(): void;
  /** Let go at once; a send under way fails. */
  destroy(): void;
}

const connectTimeout = 30_000;
const greetingTimeout = 30_000;
const signInTimeout = 60_000;
/** RFC 5321 section 4.5.3.2.6: ten minutes for the answer to the final dot. */
const silenceTimeout = 600_000;
const quitTimeout = 2000;
/** For one mail in all: a server that trickles its answers is given up (E24). */
const sendTimeout = 1_200_000;

/**
 * Connect, encrypt, sign in.
 * @throws what nodemailer throws (for `smtpError`), or BridgeError.
 */
export async function openSmtp(login: SmtpLogin, signal: AbortSignal): Promise<SmtpClient> {
  const { server } = login;
  const socket = await openSocket(server, signal);
  const connection = new SMTPConnection({
    connection: socket,
    host: server.host,
    port: server.port,
    secure: server.security === "tls",
    requireTLS: server.security === "starttls",
    ignoreTLS: server.security === "none",
    tls: tlsOptions(server),
    connectionTimeout: connectTimeout,
    greetingTimeout,
    socketTimeout: silenceTimeout,
    maxResponseSize: 65_536,
    logger: false,
    ...(login.name === undefined ? {} : { name: login.name }),
  });
  const guard = guardOf(connection);
  const abandon = (): void => {
    connection.close();
    socket.destroy();
  };
  signal.addEventListener("abort", abandon, { once: true });
  try {
    const ready = guard<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())));
    await within(connectTimeout + greetingTimeout, ready, abandon);
    if (login.auth !== undefined) await signIn(connection, login, guard, abandon);
    return createClient(connection, socket, guard);
  } catch (error) {
    abandon();
    throw error;
  } finally {
    signal.removeEventListener("abort", abandon);
  }
}

async function signIn(connection: SMTPConnection, login: SmtpLogin, guard: Guard, abandon: () => void): Promise<void> {
  if (!connection.allowsAuth) {
    throw new BridgeError("retry", `${showEndpoint(login.server)} does not offer to sign in.`);
  }
  const done = guard<void>((resolve, reject) =>
    connection.login({ user: login.auth?.user ?? "", pass: login.auth?.password ?? "" }, (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  await within(signInTimeout, done, abandon);
}

/** Runs one step of the dialogue; it fails as well when the connection does. */
type Guard = <T>(step: (resolve: (value: T) => void, reject: (error: unknown) => void) => void) => Promise<T>;

/** One listener for the connection's life: a race against a lasting promise would keep every step in memory. */
function guardOf(connection: SMTPConnection): Guard {
  let dead: unknown;
  let current: ((error: unknown) => void) | undefined;
  const fail = (error: unknown): void => {
    dead ??= error;
    current?.(error);
  };
  connection.on("error", fail);
  connection.on("end", () => fail(new Error("the server closed the connection")));
  return (step) =>
    new Promise((resolve, reject) => {
      if (dead !== undefined) return reject(dead);
      current = reject;
      step(resolve, reject);
    });
}

async function openSocket(server: CheckedEndpoint, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const socket = connect({ host: server.host, port: server.port, lookup: pinnedLookup(server.addresses), signal });
  const open = new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  try {
    await within(connectTimeout, open, () => socket.destroy());
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function createClient(connection: SMTPConnection, socket: Socket, guard: Guard): SmtpClient {
  const destroy = (): void => {
    connection.close();
    socket.destroy();
  };
  return {
    async send(mail) {
      if (mail.smtputf8 && !speaks(connection, "SMTPUTF8")) {
        throw new BridgeError(
          "reject",
          "The mail server cannot send to addresses with these characters (no SMTPUTF8).",
          {
            condition: "not-acceptable",
          },
        );
      }
      let begun = false;
      // Read only once the envelope is accepted: the first read tells that the message is on its way.
      const message = new Readable({
        read() {
          begun = true;
          this.push(mail.raw);
          this.push(null);
        },
      });
      const envelope = { from: mail.from, to: [...mail.to], size: mail.raw.length, use8BitMime: !isAscii(mail.raw) };
      const sent = guard<SmtpReceipt>((resolve, reject) =>
        connection.send(envelope, message, (error, info) => {
          if (error) return reject(error);
          const id = info?.serverMessageId;
          resolve({ response: info?.response ?? "", ...(id === undefined ? {} : { serverMessageId: id }) });
        }),
      );
      try {
        return await within(sendTimeout, sent, destroy);
      } catch (error) {
        if (replyCode(error) === undefined) destroy();
        else await reset(connection, guard, destroy);
        if (isTooLarge(error)) throw tooLarge(error);
        throw new SmtpFailure(error, begun);
      }
    },
    get usable() {
      return !connection.destroyed && !socket.destroyed && socket.writable;
    },
    quit() {
      connection.quit();
      // A server that never hangs up would keep the socket for ten minutes.
      setTimeout(destroy, quitTimeout).unref();
    },
    destroy,
  };
}

/** After a refusal the connection is good for the next mail, if it still answers. */
async function reset(connection: SMTPConnection, guard: Guard, destroy: () => void): Promise<void> {
  if (connection.destroyed) return;
  const done = guard<void>((resolve, reject) => connection.reset((error) => (error ? reject(error) : resolve())));
  await within(greetingTimeout, done, destroy).catch(destroy);
}

/** nodemailer keeps the EHLO keywords to itself until a mail was sent; asking first beats a refused mail. */
function speaks(connection: SMTPConnection, keyword: string): boolean {
  const known = (connection as { readonly _supportedExtensions?: unknown })._supportedExtensions;
  return Array.isArray(known) && known.includes(keyword);
}

/** The size check of nodemailer against EHLO SIZE (RFC 1870): no reply of the server, but as certain as one. */
function isTooLarge(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EMESSAGE" && replyCode(error) === undefined;
}

function tooLarge(cause: unknown): BridgeError {
  return new BridgeError("reject", "The message is larger than the mail server accepts.", {
    condition: "policy-violation",
    cause,
  });
}

function replyCode(error: unknown): number | undefined {
  const code = error instanceof Error && "responseCode" in error ? error.responseCode : undefined;
  return typeof code === "number" ? code : undefined;
}
