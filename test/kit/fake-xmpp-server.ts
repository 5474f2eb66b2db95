// A scriptable XMPP server for one component (XEP-0114). It is strict where real servers are (saxes reads every byte we
// write) and as rude as a test wants it to be.
import { createHash } from "node:crypto";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Element } from "ltx";
import { SaxesParser } from "saxes";

export interface Behaviour {
  /** open: as a server does. silent: accepts TCP, says nothing. header: opens the stream, never answers the handshake.
   * A condition: opens the stream and ends it with that stream error. */
  readonly greeting: "open" | "silent" | "header" | { readonly error: string };
  /** Answers XEP-0199 pings to its own domain. */
  readonly answerPings: boolean;
  /** Routes the component's stanzas to itself back to it; a function may swallow some (a second stream got them). */
  readonly routeBack: boolean | ((stanza: Element) => boolean);
  /** Answers the end of the stream with its own. */
  readonly closeStream: boolean;
}

export interface FakeXmppServerOptions extends Partial<Behaviour> {
  readonly domain?: string;
  readonly secret?: string;
}

export interface FakeXmppServer {
  readonly port: number;
  readonly domain: string;
  /** Changes how the server behaves from now on. */
  behave(change: Partial<Behaviour>): void;
  /** What the component sent, without handshake, pings to the server and stanzas to itself. */
  readonly stanzas: readonly Element[];
  /** Everything it sent after the handshake. */
  readonly everything: readonly Element[];
  /** What a strict parser had against the bytes we wrote. */
  readonly malformed: readonly string[];
  /** Stream errors that the component sent. */
  readonly streamErrors: readonly string[];
  /** The characters of the current or last stream, as they came. */
  readonly received: string;
  /** TCP connections so far. */
  readonly connections: number;
  /** Streams that passed the handshake so far. */
  readonly handshakes: number;
  /** Whether a stream is up. */
  readonly connected: boolean;
  /** Bytes that the component has not read. */
  readonly unsent: number;
  /** Writes to the current stream: text or raw bytes, in pieces of `chunk` bytes where given (then wait for it). */
  inject(xml: string | Uint8Array, options?: { readonly chunk?: number }): Promise<void>;
  /** The next stanza of `stanzas` that fits and was not returned before. */
  next(fits?: (stanza: Element) => boolean, timeoutMs?: number): Promise<Element>;
  /** Resolves when `count` streams have passed the handshake in all. */
  untilHandshakes(count: number, timeoutMs?: number): Promise<void>;
  /** Half-open: the connection stays, nothing is read or answered any more. */
  freeze(): void;
  /** The end of `freeze`: reads what has come meanwhile; answers as `behave` says. */
  thaw(): void;
  /** RST. */
  cut(): void;
  stop(): Promise<void>;
}

interface Session {
  readonly socket: Socket;
  received: string;
  component: string;
  up: boolean;
}

const streamNs = "http://etherx.jabber.org/streams";

/** Listens on a free port of 127.0.0.1. */
export async function startFakeXmppServer(options: FakeXmppServerOptions = {}): Promise<FakeXmppServer> {
  const { domain = "localhost", secret = "secret" } = options;
  let behaviour: Behaviour = { greeting: "open", answerPings: true, routeBack: true, closeStream: true, ...options };
  const stanzas: Element[] = [];
  const everything: Element[] = [];
  const malformed: string[] = [];
  const streamErrors: string[] = [];
  const taken = new Set<Element>();
  const sockets = new Set<Socket>();
  let current: Session | undefined;
  let connections = 0;
  let handshakes = 0;

  const onStanza = (session: Session, stanza: Element): void => {
    everything.push(stanza);
    const to = String(stanza.attrs.to ?? "");
    const toDomain = to.slice(to.indexOf("@") + 1).split("/")[0];
    if (toDomain === session.component) {
      const back = typeof behaviour.routeBack === "function" ? behaviour.routeBack(stanza) : behaviour.routeBack;
      if (back) session.socket.write(stanza.toString());
    } else if (to === domain && stanza.getChild("ping", "urn:xmpp:ping")) {
      if (behaviour.answerPings) {
        session.socket.write(`<iq type='result' id='${stanza.attrs.id}' from='${domain}' to='${stanza.attrs.from}'/>`);
      }
    } else {
      stanzas.push(stanza);
    }
  };

  const onTop = (session: Session, element: Element, streamId: string): void => {
    if (element.getName() === "error") {
      streamErrors.push(element.getChildElements()[0]?.getName() ?? "none");
    } else if (element.getName() !== "handshake") {
      onStanza(session, element);
    } else if (element.getText() !== createHash("sha1").update(`${streamId}${secret}`).digest("hex")) {
      session.socket.end(
        `<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
      );
    } else if (behaviour.greeting === "open") {
      session.socket.write("<handshake/>");
      session.up = true;
      handshakes++;
    }
  };

  const onHeader = (session: Session, root: Element, streamId: string): void => {
    session.component = String(root.attrs.to);
    if (behaviour.greeting === "silent") return;
    session.socket.write(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='${streamNs}' id='${streamId}' from='${session.component}'>`,
    );
    if (typeof behaviour.greeting === "object") {
      const { error } = behaviour.greeting;
      session.socket.end(
        `<stream:error><${error} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
      );
    }
  };

  const server = createServer((socket) => {
    const session: Session = { socket, received: "", component: "", up: false };
    const streamId = `stream-${++connections}`;
    current = session;
    sockets.add(socket);
    socket.setEncoding("utf8");
    socket.setNoDelay(true);
    socket.on("error", () => undefined); // a reset by the component is an end like any other
    socket.on("close", () => {
      session.up = false;
      sockets.delete(socket);
    });
    const parser = new SaxesParser({ xmlns: true });
    let cursor: Element | undefined;
    parser.on("error", (error) => {
      malformed.push(error.message);
      socket.end(
        "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
      );
    });
    parser.on("opentag", (tag) => {
      const attributes = Object.fromEntries(
        Object.values(tag.attributes).map((attribute) => [attribute.name, attribute.value]),
      );
      const element = new Element(tag.name, attributes);
      if (cursor) element.parent = cursor;
      if (cursor?.parent) cursor.children.push(element);
      cursor = element;
      if (!element.parent) onHeader(session, element, streamId);
    });
    parser.on("text", (text) => {
      if (cursor?.parent) cursor.children.push(text);
    });
    parser.on("closetag", () => {
      const closed = cursor;
      cursor = closed?.parent ?? undefined;
      if (closed && cursor && !cursor.parent) onTop(session, closed, streamId);
      if (closed && !cursor && behaviour.closeStream) socket.end("</stream:stream>");
    });
    socket.on("data", (text: string | Buffer) => {
      session.received += String(text);
      if (malformed.length === 0) parser.write(String(text));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const poll = async <T>(what: string, timeoutMs: number, look: () => T | undefined): Promise<T> => {
    for (const end = Date.now() + timeoutMs; ; await sleep(2)) {
      const found = look();
      if (found !== undefined) return found;
      if (Date.now() > end) throw new Error(`${what} within ${timeoutMs} ms; came: ${stanzas.map(String).join("\n")}`);
    }
  };

  return {
    port: (server.address() as AddressInfo).port,
    domain,
    stanzas,
    everything,
    malformed,
    streamErrors,
    get received() {
      return current?.received ?? "";
    },
    get connections() {
      return connections;
    },
    get handshakes() {
      return handshakes;
    },
    get connected() {
      return current?.up ?? false;
    },
    get unsent() {
      return current?.socket.writableLength ?? 0;
    },
    behave: (change) => {
      behaviour = { ...behaviour, ...change };
    },
    inject: async (xml, { chunk } = {}) => {
      const socket = current?.socket;
      if (!socket) throw new Error("no stream");
      const bytes = Buffer.from(xml);
      if (chunk === undefined) socket.write(bytes);
      // A turn of the event loop between the pieces: each becomes a TCP segment and a read of its own.
      for (let i = 0; chunk !== undefined && i < bytes.length; i += chunk) {
        socket.write(bytes.subarray(i, i + chunk));
        await new Promise(setImmediate);
      }
    },
    next: async (fits = () => true, timeoutMs = 2000) => {
      const stanza = await poll("no such stanza", timeoutMs, () => stanzas.find((one) => !taken.has(one) && fits(one)));
      taken.add(stanza);
      return stanza;
    },
    untilHandshakes: async (count, timeoutMs = 2000) => {
      await poll(`no ${count} handshakes`, timeoutMs, () => (handshakes >= count ? true : undefined));
    },
    freeze: () => {
      behaviour = { ...behaviour, answerPings: false, routeBack: false, closeStream: false };
      current?.socket.pause();
    },
    thaw: () => void current?.socket.resume(),
    cut: () => void current?.socket.resetAndDestroy(),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
