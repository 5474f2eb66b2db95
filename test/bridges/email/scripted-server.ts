// A mail server that does what the test says: for faults that no real server can be brought to. One line in, the
// script's answer out.
import { createServer, type Socket } from "node:net";

export interface Script {
  readonly greeting: string;
  /** The reply to a line; undefined for silence. `data` tells that a mail's text is being received. */
  readonly answer: (line: string, client: { readonly socket: Socket; data: boolean }) => string | undefined;
}

export interface ScriptedServer {
  readonly port: number;
  /** Every line received, in order, over all connections. */
  readonly lines: readonly string[];
  readonly connections: () => number;
  close(): Promise<void>;
}

export async function scriptedServer(script: Script): Promise<ScriptedServer> {
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    const client = { socket, data: false };
    let rest = "";
    if (script.greeting !== "") socket.write(`${script.greeting}\r\n`);
    socket.on("data", (chunk: Buffer) => {
      rest += chunk.toString("latin1");
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        lines.push(line);
        const reply = script.answer(line, client);
        if (reply !== undefined && !socket.destroyed) socket.write(`${reply}\r\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    lines,
    connections: () => connections,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** An SMTP server that takes everything, except where `change` answers instead. */
export function smtpScript(
  change: (line: string, client: { readonly socket: Socket; data: boolean }) => string | "silence" | undefined = () =>
    undefined,
  keywords: readonly string[] = ["PIPELINING", "8BITMIME"],
): Script {
  return {
    greeting: "220 sink.test ESMTP",
    answer(line, client) {
      const changed = change(line, client);
      if (changed === "silence") return undefined;
      if (client.data) {
        if (line !== ".") return undefined;
        client.data = false;
        return changed ?? "250 2.0.0 queued";
      }
      if (line === "DATA") {
        if (changed !== undefined) return changed;
        client.data = true;
        return "354 go on";
      }
      if (changed !== undefined) return changed;
      if (line.startsWith("EHLO"))
        return ["sink.test", ...keywords]
          .map((word, index, all) => `250${index < all.length - 1 ? "-" : " "}${word}`)
          .join("\r\n");
      return line === "QUIT" ? "221 bye" : "250 ok";
    },
  };
}
