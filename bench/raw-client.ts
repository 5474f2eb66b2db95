// A client as fast as a socket: it writes prepared text and looks for marks in what comes back, without building trees.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawStream {
  readonly socket: Socket;
  write(xml: string): void;
  /** Called with each piece of text as it comes. */
  onText: (text: string) => void;
  close(): void;
}

async function open(port: number): Promise<{ stream: RawStream; until: (mark: string) => Promise<string> }> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.setEncoding("utf8");
  await once(socket, "connect");
  let seen = "";
  let waiting: { mark: string; resolve: (text: string) => void } | undefined;
  const look = () => {
    if (waiting === undefined || !seen.includes(waiting.mark)) return;
    const { resolve } = waiting;
    waiting = undefined;
    const text = seen;
    seen = "";
    resolve(text);
  };
  const stream: RawStream = {
    socket,
    write: (xml) => void socket.write(xml),
    onText: (text) => {
      seen += text;
      look();
    },
    close: () => void socket.destroy(),
  };
  socket.on("data", (text: string) => stream.onText(text));
  socket.on("error", () => {});
  const until = (mark: string) =>
    new Promise<string>((resolve) => {
      waiting = { mark, resolve };
      look();
    });
  return { stream, until };
}

/** Logs a user in with SASL PLAIN and sends presence. */
export async function rawClient(port: number, user: string, password: string): Promise<RawStream> {
  const { stream, until } = await open(port);
  const header =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";
  stream.write(header);
  await until("</stream:features>");
  const token = Buffer.from(`\0${user}\0${password}`).toString("base64");
  stream.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
  await until("<success");
  stream.write(header);
  await until("</stream:features>");
  stream.write(
    "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>bench</resource></bind></iq>",
  );
  await until("</iq>");
  stream.write("<presence/>");
  await until("<presence");
  return stream;
}

/** A component without any gateway behind it. */
export async function rawComponent(port: number, jid: string, secret: string): Promise<RawStream> {
  const { stream, until } = await open(port);
  stream.write(
    `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${jid}'>`,
  );
  const id = /\bid=['"]([^'"]+)/.exec(await until("id="))?.[1] ?? "";
  stream.write(
    `<handshake>${createHash("sha1")
      .update(id + secret)
      .digest("hex")}</handshake>`,
  );
  await until("<handshake");
  return stream;
}
