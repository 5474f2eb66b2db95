// A scriptable SMTP or LMTP server for what a real one can not be made to do: drop before or after the dot, lose its
// own 250, stall, talk for ever. Without a script it takes everything.
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createByteReader } from "./byte-reader.ts";

/**
 * Where a script is asked: at connect, at each command, when the first bytes of the content came, and after the dot
 * (LMTP: once for each recipient).
 */
export type SmtpStage = "connect" | "ehlo" | "auth" | "mail" | "rcpt" | "data" | "content" | "dot" | "rset" | "quit";

/** What to do instead of the usual. Text is reply lines, such as "451 4.3.0 try later". */
export type SmtpAction =
  | string
  /** RST without a word. */
  | { readonly drop: true }
  /** The reply, then the end of the connection. */
  | { readonly thenDrop: string }
  /** Never answers; the connection stays. */
  | { readonly stall: true }
  | { readonly afterMs: number; readonly reply: string }
  /** Reply lines without end, until the client goes. */
  | { readonly endless: string };

export interface SmtpMoment {
  readonly stage: SmtpStage;
  /** The command line; at "dot" with LMTP the recipient. */
  readonly line: string;
  /** From 1, over all connections. */
  readonly connection: number;
  /** How many messages have reached the dot, over all connections; at "dot" this one is among them. */
  readonly messages: number;
}

export interface FakeSmtpOptions {
  readonly lmtp?: boolean;
  /** Asked at each stage; undefined means the usual. */
  readonly script?: (moment: SmtpMoment) => SmtpAction | undefined;
  /** Announced and not enforced. Default 10 MiB. */
  readonly size?: number;
}

/** A message whose final dot was read. */
export interface TakenMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Without dot-stuffing and the final dot. */
  readonly raw: Buffer;
  /** With angle brackets; "" when there is none. */
  readonly messageId: string;
  /** Whether a 2xx was written for it (to any recipient, with LMTP). */
  accepted: boolean;
}

export interface FakeSmtp {
  readonly port: number;
  readonly mails: readonly TakenMail[];
  /** Every command line, in order. */
  readonly lines: readonly string[];
  readonly connections: number;
  setScript(script: FakeSmtpOptions["script"]): void;
  stop(): Promise<void>;
}

export async function startFakeSmtp(options: FakeSmtpOptions = {}): Promise<FakeSmtp> {
  const mails: TakenMail[] = [];
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  let script = options.script;
  let connections = 0;

  const server = createServer({ noDelay: true }, (socket) => {
    const connection = ++connections;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // clients cut connections in these tests
    const act = (stage: SmtpStage, line: string, usual: string): Promise<string> =>
      perform(socket, script?.({ stage, line, connection, messages: mails.length }) ?? usual);
    void serve({ socket, act, mails, lines, lmtp: options.lmtp ?? false, size: options.size ?? 10 * 1024 * 1024 });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    lines,
    get connections() {
      return connections;
    },
    setScript: (next) => {
      script = next;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Resolves with the reply that was written, "" for none. */
async function perform(socket: Socket, action: SmtpAction): Promise<string> {
  if (typeof action === "string") {
    if (action !== "") socket.write(`${action}\r\n`);
    return action;
  }
  if ("drop" in action) {
    socket.resetAndDestroy();
    return "";
  }
  if ("thenDrop" in action) {
    socket.end(`${action.thenDrop}\r\n`);
    return action.thenDrop;
  }
  if ("stall" in action) {
    await new Promise((resolve) => socket.once("close", resolve));
    return "";
  }
  if ("afterMs" in action) {
    await new Promise((resolve) => setTimeout(resolve, action.afterMs));
    socket.write(`${action.reply}\r\n`);
    return action.reply;
  }
  while (!socket.destroyed) {
    const flushed = socket.write(`${action.endless}\r\n`.repeat(100));
    await new Promise<void>((resolve) => {
      if (flushed) setImmediate(resolve);
      else socket.once("drain", resolve).once("close", resolve);
    });
  }
  return "";
}

interface Conversation {
  readonly socket: Socket;
  readonly act: (stage: SmtpStage, line: string, usual: string) => Promise<string>;
  readonly mails: TakenMail[];
  readonly lines: string[];
  readonly lmtp: boolean;
  readonly size: number;
}

async function serve({ socket, act, mails, lines, lmtp, size }: Conversation): Promise<void> {
  const input = createByteReader(socket);
  let from = "";
  let to: string[] = [];

  const takeMail = async (): Promise<void> => {
    const raw = await input.content(() => act("content", "", ""));
    if (!raw) return;
    const messageId = /^message-id:\s*(<[^>]*>)/im.exec(raw.toString("latin1"))?.[1] ?? "";
    const mail: TakenMail = { from, to, raw, messageId, accepted: false };
    mails.push(mail);
    for (const recipient of lmtp ? to : [""]) {
      const reply = await act("dot", recipient, "250 2.0.0 taken");
      mail.accepted ||= reply.startsWith("2");
    }
  };

  await act("connect", "", `220 fake.test ${lmtp ? "LMTP" : "ESMTP"}`);
  for (let line = await input.line(); line !== undefined; line = await input.line()) {
    lines.push(line);
    const verb = /^\S*/.exec(line)?.[0].toUpperCase() ?? "";
    const address = /<([^>]*)>/.exec(line)?.[1] ?? "";
    if (verb === "EHLO" || verb === "HELO" || verb === "LHLO") await act("ehlo", line, greeting(size));
    else if (verb === "AUTH") await act("auth", line, "235 2.7.0 welcome");
    else if (verb === "RSET" || verb === "NOOP") await act("rset", line, "250 2.0.0 ok");
    else if (verb === "MAIL") {
      from = address;
      to = [];
      await act("mail", line, "250 2.1.0 sender ok");
    } else if (verb === "RCPT") {
      const reply = await act("rcpt", line, "250 2.1.5 recipient ok");
      if (reply.startsWith("2")) to = [...to, address];
    } else if (verb === "DATA") {
      const reply = await act("data", line, to.length > 0 ? "354 go ahead" : "503 5.5.1 no recipients");
      if (reply.startsWith("3")) await takeMail();
    } else if (verb === "QUIT") {
      await act("quit", line, "221 2.0.0 bye");
      socket.end();
    } else socket.write("500 5.5.2 what?\r\n");
  }
  socket.end();
}

const greeting = (size: number): string =>
  ["fake.test", "PIPELINING", `SIZE ${size}`, "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN"]
    .map((extension) => `250-${extension}\r\n`)
    .concat("250 AUTH PLAIN")
    .join("");
