// Reads lines and counted or terminated bytes from a socket, for the scripted servers.
import type { Socket } from "node:net";

export interface ByteReader {
  /** The next line without CRLF (or LF), or undefined at the end of the stream. */
  line(): Promise<string | undefined>;
  /** Exactly `count` bytes, or undefined when the stream ends before. */
  bytes(count: number): Promise<Buffer | undefined>;
  /** SMTP content up to the line with a single dot, unstuffed; `onFirst` runs when its first bytes came. */
  content(onFirst: () => Promise<unknown>): Promise<Buffer | undefined>;
}

export function createByteReader(socket: Socket): ByteReader {
  const source = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let buffer: Buffer = Buffer.alloc(0);

  const more = async (): Promise<Buffer | undefined> => {
    const read = await source.next().catch(() => undefined); // a reset is an end as well
    return read === undefined || read.done ? undefined : read.value;
  };
  const fill = async (): Promise<boolean> => {
    const chunk = await more();
    if (chunk) buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
    return chunk !== undefined;
  };
  const take = (count: number): Buffer => {
    const taken = buffer.subarray(0, count);
    buffer = buffer.subarray(count);
    return taken;
  };

  return {
    line: async () => {
      let end = buffer.indexOf("\n");
      while (end < 0) {
        if (!(await fill())) return undefined;
        end = buffer.indexOf("\n");
      }
      return take(end + 1)
        .toString("utf8")
        .replace(/\r?\n$/, "");
    },
    bytes: async (count) => {
      while (buffer.length < count) if (!(await fill())) return undefined;
      return take(count);
    },
    content: async (onFirst) => {
      if (buffer.length === 0 && !(await fill())) return undefined;
      await onFirst();
      if (socket.writableEnded || socket.destroyed) return undefined; // it hung up
      // The content may begin with the final dot; with a line end in front there is one pattern to look for.
      const parts: Buffer[] = [Buffer.from("\r\n")];
      let tail = Buffer.from("\r\n");
      for (;;) {
        const window = Buffer.concat([tail, buffer]);
        const dot = window.indexOf("\r\n.\r\n");
        if (dot >= 0) {
          parts.push(take(dot + 5 - tail.length));
          const all = Buffer.concat(parts);
          return unstuffed(all.subarray(2, all.length - 3));
        }
        parts.push(take(buffer.length));
        tail = Buffer.from(window.subarray(-4));
        if (!(await fill())) return undefined;
      }
    },
  };
}

/** RFC 5321 section 4.5.2. */
function unstuffed(content: Buffer): Buffer {
  return Buffer.from(content.toString("latin1").replace(/(^|\r\n)\.\./g, "$1."), "latin1");
}
