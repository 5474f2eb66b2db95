// Mails per second through the whole gateway, in (LMTP to XMPP) and out (XMPP to SMTP).
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { ViaductChild } from "../test/kit/viaduct-child.ts";
import { rawClient } from "./raw-client.ts";
import type { Sink } from "./sink.ts";

export interface MailRate {
  readonly perSecond: number;
  readonly cpuMs: number;
}

const connections = 10;

/** Hands `count` mails to the gateway over LMTP; counts until the last one has reached the XMPP client. */
export async function mailIn(
  ports: { readonly c2s: number; readonly lmtp: number },
  child: ViaductChild,
  recipient: string,
  count: number,
): Promise<MailRate & { readonly acceptedPerSecond: number }> {
  const client = await rawClient(ports.c2s, "alice", "pw");
  const run = async (n: number, tag: string) => {
    const seen = new Set<string>();
    const arrived = new Promise<void>((resolve) => {
      let rest = "";
      client.onText = (text) => {
        const all = rest + text;
        for (const match of all.matchAll(new RegExp(`mark-${tag}-(\\d+)-end`, "g"))) seen.add(match[1] ?? "");
        rest = all.slice(-60);
        if (seen.size >= n) resolve();
      };
    });
    const started = performance.now();
    let next = 0;
    await Promise.all(
      Array.from({ length: connections }, () =>
        lmtpSession(ports.lmtp, recipient, () => (next < n ? mailText(tag, next++) : undefined)),
      ),
    );
    const acceptedMs = performance.now() - started;
    await arrived;
    return { ms: performance.now() - started, acceptedMs };
  };
  await run(50, "warm");
  const before = await child.stats();
  const { ms, acceptedMs } = await run(count, "run");
  const after = await child.stats();
  client.close();
  return {
    perSecond: (count / ms) * 1000,
    acceptedPerSecond: (count / acceptedMs) * 1000,
    cpuMs: (after.cpuMs - before.cpuMs) / count,
  };
}

/** Sends `count` chat messages to `people` mail addresses; counts until the last mail is in the sink. */
export async function mailOut(
  c2s: number,
  jid: string,
  child: ViaductChild,
  sink: Sink,
  count: number,
  people: number,
): Promise<MailRate> {
  const client = await rawClient(c2s, "alice", "pw");
  client.onText = () => {};
  const run = async (n: number) => {
    const from = sink.taken();
    const started = performance.now();
    for (let at = 0; at < n; at++) {
      client.write(
        `<message to='p${at % people}\\40example.test@${jid}' type='chat' id='o${at}'><body>Message ${at}, with a line of text as people write them.</body></message>`,
      );
    }
    while (sink.taken() - from < n) await new Promise((resolve) => setTimeout(resolve, 2));
    return performance.now() - started;
  };
  await run(50);
  const before = await child.stats();
  const ms = await run(count);
  const after = await child.stats();
  client.close();
  return { perSecond: (count / ms) * 1000, cpuMs: (after.cpuMs - before.cpuMs) / count };
}

const mailText = (tag: string, at: number) =>
  `From: Sender ${at % 20} <sender${at % 20}@example.test>\r\nTo: alice@mail.localhost\r\nSubject: Bench ${at}\r\nMessage-ID: <${tag}-${at}@example.test>\r\n` +
  `Date: ${new Date().toUTCString()}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello Alice,\r\n\r\nmark-${tag}-${at}-end\r\nbye\r\n`;

async function lmtpSession(port: number, recipient: string, next: () => string | undefined): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.setEncoding("latin1");
  await once(socket, "connect");
  const reply = replies(socket);
  await reply();
  socket.write("LHLO bench\r\n");
  await reply();
  for (let mail = next(); mail !== undefined; mail = next()) {
    socket.write("MAIL FROM:<sender@example.test>\r\n");
    await reply();
    socket.write(`RCPT TO:<${recipient}>\r\n`);
    await reply();
    socket.write("DATA\r\n");
    await reply();
    socket.write(`${mail}.\r\n`);
    const answer = await reply();
    if (!answer.startsWith("250")) throw new Error(`the gateway refused a mail: ${answer}`);
  }
  socket.end("QUIT\r\n");
}

/** One whole (possibly several lines long) reply per call. */
function replies(socket: Socket): () => Promise<string> {
  let buffer = "";
  let waiting: ((text: string) => void) | undefined;
  const look = () => {
    const end = /^\d{3} .*\r\n/m.exec(buffer);
    if (waiting === undefined || end === null) return;
    const text = buffer.slice(0, end.index + end[0].length);
    buffer = buffer.slice(end.index + end[0].length);
    const resolve = waiting;
    waiting = undefined;
    resolve(text.slice(text.lastIndexOf("\n", text.length - 2) + 1));
  };
  socket.on("data", (text: string) => {
    buffer += text;
    look();
  });
  return () =>
    new Promise((resolve) => {
      waiting = resolve;
      look();
    });
}
