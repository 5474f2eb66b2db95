// An SMTP server that takes everything and keeps nothing but counts: what is measured in front of it is the sender.
import { createServer, type Server } from "node:net";

export interface Sink {
  readonly port: number;
  readonly taken: () => number;
  close(): void;
}

export async function startSink(): Promise<Sink> {
  let taken = 0;
  const server: Server = createServer({ noDelay: true }, (socket) => {
    let buffer = "";
    let inData = false;
    socket.setEncoding("latin1");
    socket.write("220 sink\r\n");
    socket.on("error", () => {});
    socket.on("data", (text: string) => {
      buffer += text;
      for (;;) {
        if (inData) {
          const end = buffer.indexOf("\r\n.\r\n");
          if (end < 0) return;
          buffer = buffer.slice(end + 5);
          inData = false;
          taken++;
          socket.write("250 taken\r\n");
          continue;
        }
        const end = buffer.indexOf("\r\n");
        if (end < 0) return;
        const command = buffer.slice(0, 4).toUpperCase();
        buffer = buffer.slice(end + 2);
        if (command === "DATA") inData = true;
        socket.write(answers[command] ?? "250 fine\r\n");
        if (command === "QUIT") socket.end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    taken: () => taken,
    close: () => server.close(),
  };
}

const answers: Readonly<Record<string, string>> = {
  EHLO: "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 104857600\r\n",
  DATA: "354 go on\r\n",
  QUIT: "221 bye\r\n",
};
