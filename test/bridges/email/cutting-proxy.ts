// A TCP proxy before an IMAP server that breaks the conversation on demand.
import { connect, createServer, type Socket } from "node:net";

export interface CuttingProxy {
  readonly port: number;
  readonly cuts: number;
  readonly refusals: number;
  /** Cut the connection within the server's bytes at `marker`, once. */
  cutOnce(marker: string): void;
  cutAlways(marker: string): void;
  /** Answer the next such command in the server's place. */
  refuseOnce(command: string, answer: string): void;
  /** Send text to the clients as if the server had. */
  inject(text: string): void;
  /** Drop all connections. */
  drop(): void;
  /** Accept, and say nothing. */
  mute(): void;
  close(): Promise<void>;
}

export async function cuttingProxy(target: number): Promise<CuttingProxy> {
  const clients = new Set<Socket>();
  let marker: { text: string; always: boolean } | undefined;
  let refusal: { command: string; answer: string } | undefined;
  let cuts = 0;
  let refusals = 0;
  let muted = false;
  const server = createServer((client) => {
    clients.add(client);
    client.on("error", () => undefined);
    if (muted) return;
    const upstream = connect(target, "127.0.0.1");
    upstream.on("error", () => client.destroy());
    client.on("close", () => {
      clients.delete(client);
      upstream.destroy();
    });
    upstream.on("close", () => client.destroy());
    client.on("data", (chunk: Buffer) => {
      const line = chunk.toString("latin1");
      if (refusal !== undefined && line.includes(` ${refusal.command} `)) {
        refusals += 1;
        client.write(`${line.split(" ")[0]} ${refusal.answer}\r\n`);
        refusal = undefined;
        return;
      }
      upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      const at = marker === undefined ? -1 : chunk.indexOf(marker.text);
      if (at < 0) {
        client.write(chunk);
        return;
      }
      cuts += 1;
      if (marker?.always === false) marker = undefined;
      client.end(chunk.subarray(0, at));
      upstream.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const drop = (): void => {
    for (const client of clients) client.destroy();
  };
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    get cuts() {
      return cuts;
    },
    get refusals() {
      return refusals;
    },
    cutOnce: (text) => {
      marker = { text, always: false };
    },
    cutAlways: (text) => {
      marker = { text, always: true };
    },
    refuseOnce: (command, answer) => {
      refusal = { command, answer };
    },
    inject: (text) => {
      for (const client of clients) client.write(text);
    },
    drop,
    mute: () => {
      muted = true;
    },
    close: async () => {
      drop();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
