// A scriptable IMAP server (RFC 3501, one mailbox) for what Dovecot can not be made to do: cut a literal in the middle,
// BYE anywhere, NO and BAD, silence, lies about EXISTS. Without a script it behaves, well enough for imapflow.
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createByteReader } from "./byte-reader.ts";
import { fetchResponse, type FakeMail, inSet } from "./fake-imap-fetch.ts";

export type { FakeMail } from "./fake-imap-fetch.ts";

/** What to do instead of the usual answer. */
export type ImapAction =
  /** A tagged NO or BAD with this text, such as "[AUTHENTICATIONFAILED] wrong password". */
  | { readonly no: string }
  | { readonly bad: string }
  /** An untagged BYE, then the end of the connection. */
  | { readonly bye: string }
  /** RST without a word. */
  | { readonly drop: true }
  /** Never answers; the connection stays. */
  | { readonly stall: true }
  /** The usual answer, but RST after this many bytes of it: inside a literal for a UID FETCH of a body. */
  | { readonly cutAfter: number }
  /** These untagged lines first (without CRLF, such as "* 99 EXISTS"), then the usual answer. */
  | { readonly untagged: readonly string[] };

export interface ImapCommand {
  /** In capitals: "LOGIN", "SELECT", "UID FETCH". */
  readonly name: string;
  readonly args: string;
  /** From 1, over all connections. */
  readonly connection: number;
}

export interface FakeImapOptions {
  readonly mails?: readonly FakeMail[];
  /** Default 1. */
  readonly uidValidity?: number;
  readonly capabilities?: readonly string[];
  readonly script?: (command: ImapCommand) => ImapAction | undefined;
}

export interface FakeImap {
  readonly port: number;
  /** Every command so far. */
  readonly commands: readonly ImapCommand[];
  /** Open connections. */
  readonly open: number;
  /** Adds a mail and tells all sessions. Returns its UID. */
  deliver(raw: string | Uint8Array): number;
  /** Removes a mail and tells all sessions. */
  expunge(uid: number): void;
  /** Writes an untagged line to all sessions that have the mailbox open. */
  push(line: string): void;
  /** For sessions that select from now on. */
  setUidValidity(value: number): void;
  setScript(script: FakeImapOptions["script"]): void;
  /** RST on every connection. */
  cut(): void;
  stop(): Promise<void>;
}

interface State {
  mails: FakeMail[];
  uidValidity: number;
  uidNext: number;
  readonly capabilities: string;
}

const defaultCapabilities = ["IMAP4rev1", "IDLE", "UIDPLUS", "AUTH=PLAIN", "SASL-IR"];

export async function startFakeImap(options: FakeImapOptions = {}): Promise<FakeImap> {
  const mails = [...(options.mails ?? [])];
  const capabilities = (options.capabilities ?? defaultCapabilities).join(" ");
  const uidNext = Math.max(0, ...mails.map((mail) => mail.uid)) + 1;
  const state: State = { mails, uidValidity: options.uidValidity ?? 1, uidNext, capabilities };
  const commands: ImapCommand[] = [];
  const sockets = new Set<Socket>();
  const selected = new Set<Socket>();
  let script = options.script;
  let connections = 0;

  const server = createServer({ noDelay: true }, (socket) => {
    const connection = ++connections;
    sockets.add(socket);
    socket.on("error", () => {}); // clients cut connections in these tests
    socket.once("close", () => {
      sockets.delete(socket);
      selected.delete(socket);
    });
    const decide = (name: string, args: string): ImapAction | undefined => {
      const command = { name, args, connection };
      commands.push(command);
      return script?.(command);
    };
    void serve({ socket, state, decide, onSelect: () => void selected.add(socket) });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });

  const push = (line: string): void => {
    for (const socket of selected) socket.write(`${line}\r\n`);
  };
  return {
    port: (server.address() as AddressInfo).port,
    commands,
    get open() {
      return sockets.size;
    },
    push,
    deliver: (raw) => {
      const uid = state.uidNext++;
      state.mails.push({ uid, raw });
      push(`* ${state.mails.length} EXISTS`);
      return uid;
    },
    expunge: (uid) => {
      const index = state.mails.findIndex((mail) => mail.uid === uid);
      if (index < 0) throw new Error(`no mail with UID ${uid}`);
      state.mails.splice(index, 1);
      push(`* ${index + 1} EXPUNGE`);
    },
    setUidValidity: (value) => {
      state.uidValidity = value;
    },
    setScript: (next) => {
      script = next;
    },
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface Conversation {
  readonly socket: Socket;
  readonly state: State;
  readonly decide: (name: string, args: string) => ImapAction | undefined;
  readonly onSelect: () => void;
}

async function serve({ socket, state, decide, onSelect }: Conversation): Promise<void> {
  const input = createByteReader(socket);
  socket.write(`* OK [CAPABILITY ${state.capabilities}] fake\r\n`);
  for (let line = await readCommand(); line !== undefined; line = await readCommand()) {
    const [, tag = "", name = "", args = ""] = /^(\S+) ((?:UID )?\S+) ?([\s\S]*)$/i.exec(line) ?? [];
    const command = name.toUpperCase();
    const action = decide(command, args);
    if (action && "stall" in action) continue;
    if (action && "drop" in action) return void socket.resetAndDestroy();
    if (action && "bye" in action) return void socket.end(`* BYE ${action.bye}\r\n`);
    if (action && "no" in action) socket.write(`${tag} NO ${action.no}\r\n`);
    else if (action && "bad" in action) socket.write(`${tag} BAD ${action.bad}\r\n`);
    else {
      if (action && "untagged" in action) for (const extra of action.untagged) socket.write(`${extra}\r\n`);
      if (command === "SELECT" || command === "EXAMINE") onSelect();
      if (command === "IDLE") {
        socket.write("+ idling\r\n");
        await input.line(); // DONE
      }
      const answer = usual(command, args, state);
      const done = Buffer.from(`${tag} OK ${command} completed\r\n`);
      const bytes = Buffer.concat([...answer.map((part) => Buffer.from(part)), done]);
      if (action && "cutAfter" in action) {
        // RST could overtake the bytes: they go out first, and what follows never does.
        socket.write(bytes.subarray(0, action.cutAfter), () => setTimeout(() => socket.resetAndDestroy(), 20));
        return;
      }
      socket.write(bytes);
      if (command === "LOGOUT") return void socket.end();
    }
  }
  socket.end();

  /** A line with its literals (RFC 3501 section 4.3) put in place. */
  async function readCommand(): Promise<string | undefined> {
    let line = await input.line();
    for (let size = literalSize(line); size !== undefined; size = literalSize(line)) {
      socket.write("+ go on\r\n");
      const literal = await input.bytes(size);
      const rest = await input.line();
      if (literal === undefined || rest === undefined) return undefined;
      line = `${(line ?? "").replace(/\{\d+\+?\}$/, "")}"${literal.toString("latin1")}"${rest}`;
    }
    return line;
  }
}

function literalSize(line: string | undefined): number | undefined {
  const found = /\{(\d+)\+?\}$/.exec(line ?? "");
  return found ? Number(found[1]) : undefined;
}

/** The untagged part of what a well-behaved server says. */
function usual(command: string, args: string, state: State): readonly (string | Uint8Array)[] {
  const { mails, uidValidity, uidNext, capabilities } = state;
  switch (command) {
    case "CAPABILITY":
      return [`* CAPABILITY ${capabilities}\r\n`];
    case "LIST":
    case "LSUB":
      return [`* ${command} (\\HasNoChildren) "/" INBOX\r\n`];
    case "STATUS":
      return [`* STATUS INBOX (MESSAGES ${mails.length} UIDNEXT ${uidNext} UIDVALIDITY ${uidValidity})\r\n`];
    case "SELECT":
    case "EXAMINE":
      return [
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] ok\r\n",
        `* ${mails.length} EXISTS\r\n* 0 RECENT\r\n`,
        `* OK [UIDVALIDITY ${uidValidity}] ok\r\n* OK [UIDNEXT ${uidNext}] ok\r\n`,
      ];
    case "UID SEARCH":
    case "SEARCH": {
      const range = /UID ([\d:*,]+)/i.exec(args)?.[1] ?? "1:*";
      const found = mails.filter((mail) => inSet(mail.uid, range, mails));
      return [`* SEARCH${found.map((mail) => ` ${mail.uid}`).join("")}\r\n`];
    }
    case "UID FETCH":
      return fetchResponse(args, mails);
    default:
      return [];
  }
}
