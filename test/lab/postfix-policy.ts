// A policy service for Postfix (SMTPD_POLICY_README): lets a test change what a running server says at RCPT.
import { type AddressInfo, createServer, type Socket } from "node:net";

export interface PostfixPolicy {
  readonly port: number;
  /** What Postfix answers from now on, such as "451 4.3.0 try again later"; undefined: what it likes. */
  answer: string | undefined;
  stop(): Promise<void>;
}

export async function startPostfixPolicy(): Promise<PostfixPolicy> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // an smtpd that ends cuts its connection
    let asked = "";
    socket.on("data", (chunk) => {
      asked += String(chunk);
      // A request is lines of name=value and an empty one; the next comes after the answer.
      if (!asked.endsWith("\n\n")) return;
      asked = "";
      socket.write(`action=${policy.answer ?? "DUNNO"}\n\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const policy: PostfixPolicy = {
    port: (server.address() as AddressInfo).port,
    answer: undefined,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return policy;
}
