// A raw line dialogue with a server under test, byte for byte.
import { connect } from "node:net";
import { until } from "./wait.ts";

export interface Talk {
  /** Everything the server said so far. */
  readonly heard: () => string;
  send(bytes: string): void;
  /** Send a line and wait for a whole reply; returns it. */
  say(line: string): Promise<string>;
  readonly closed: () => boolean;
  end(): void;
}

export async function talkTo(port: number, greeting = /^220 .*\r\n/): Promise<Talk> {
  const socket = connect(port, "127.0.0.1");
  let heard = "";
  let closed = false;
  socket.on("error", () => undefined);
  socket.on("close", () => {
    closed = true;
  });
  socket.on("data", (chunk: Buffer) => {
    heard += chunk.toString("latin1");
  });
  await until("a greeting", () => greeting.test(heard) || closed);
  const talk: Talk = {
    heard: () => heard,
    closed: () => closed,
    send: (bytes) => socket.write(bytes, "latin1"),
    async say(line) {
      const before = heard.length;
      socket.write(`${line}\r\n`, "latin1");
      await until(`a reply to ${line}`, () => /^\d{3} .*\r\n$/m.test(heard.slice(before)) || closed);
      return heard.slice(before);
    },
    end: () => socket.destroy(),
  };
  return talk;
}
