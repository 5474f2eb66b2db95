// RFC 5321 and RFC 2033 (LMTP) as a client speaks them, on a raw socket: a test must be able to send bytes that no
// mail library would write, and to see every reply.
import { connect, type Socket } from "node:net";

export interface Reply {
  readonly code: number;
  /** All lines, without the code, joined by "\n". */
  readonly text: string;
}

export interface SmtpDialogue {
  /** Sends one line (CRLF is added) and resolves with the reply. */
  command(line: string): Promise<Reply>;
  /** Writes bytes as they are. */
  write(bytes: string | Uint8Array): void;
  /** The next reply. Rejects when the connection ends before it. */
  reply(): Promise<Reply>;
  end(): void;
  readonly socket: Socket;
}

/** Connects to 127.0.0.1 and reads the greeting, which comes as the first `reply()`. */
export function openSmtp(port: number, timeoutMs = 30_000): SmtpDialogue {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.setEncoding("utf8");
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  const replies: Reply[] = [];
  const waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];
  let failure: Error | undefined;
  let rest = "";
  let lines: string[] = [];

  const take = (line: string): void => {
    lines.push(line.slice(4));
    if (line[3] === "-") return; // more lines of this reply follow (RFC 5321 section 4.2.1)
    const reply = { code: Number(line.slice(0, 3)), text: lines.join("\n") };
    lines = [];
    const waiter = waiting.shift();
    if (waiter) waiter.resolve(reply);
    else replies.push(reply);
  };
  socket.on("data", (chunk: Buffer | string) => {
    const parts = (rest + String(chunk)).split("\r\n");
    rest = parts.pop() ?? "";
    for (const part of parts) take(part);
  });
  socket.on("error", (error) => {
    failure = error;
  });
  socket.on("close", () => {
    failure ??= new Error("the server closed the connection");
    for (const waiter of waiting.splice(0)) waiter.reject(failure);
  });

  const reply = (): Promise<Reply> => {
    const early = replies.shift();
    if (early) return Promise.resolve(early);
    if (failure) return Promise.reject(failure);
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  };
  return {
    socket,
    reply,
    write: (bytes) => void socket.write(bytes),
    end: () => void socket.end(),
    command: (line) => {
      socket.write(`${line}\r\n`);
      return reply();
    },
  };
}

/** RFC 5321 section 4.5.2: a dot more on each line that begins with one, and the final dot. */
export function dotStuffed(raw: Uint8Array): Buffer {
  // latin1 maps bytes to characters one to one.
  const text = Buffer.from(raw).toString("latin1");
  const stuffed = text.replace(/(^|\r\n)\./g, "$1..");
  return Buffer.from(`${stuffed}${text === "" || text.endsWith("\r\n") ? "" : "\r\n"}.\r\n`, "latin1");
}
