// One XMPP stream (RFC 6120 section 4) over a socket, as test clients and test components need it: bytes to stanzas.
import { connect, type Socket } from "node:net";
import { Element } from "ltx";
import SaxParser from "ltx/lib/parsers/ltx.js";

export interface XmlStream {
  /** Writes text as it is. */
  write(xml: string): void;
  /** Sends the stream header, again after SASL: what follows is a new document. Resolves with the server's. */
  open(header: string): Promise<Element>;
  /** Closes the stream in order; destroys the socket when the server does not answer within a second. */
  close(): Promise<void>;
  /** RST, as a crash would. */
  destroy(): void;
  readonly socket: Socket;
  /** Resolves, with the reason, once the connection is gone. */
  readonly closed: Promise<string>;
}

/** Connects to 127.0.0.1. `onElement` gets every child of the stream, in order, `stream:error` included. */
export async function connectStream(port: number, onElement: (element: Element) => void): Promise<XmlStream> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.setEncoding("utf8"); // a character may be split over two reads
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });

  let failure = "the connection was closed";
  let parse: (text: string) => void = () => {};
  let onOpen: ((header: Element) => void) | undefined;
  socket.on("error", (error) => {
    failure = error.message;
  });
  const closed = new Promise<string>((resolve) => socket.once("close", () => resolve(failure)));
  const onEnd = (): void => void socket.end();
  socket.on("data", (text: Buffer | string) => parse(String(text)));

  const newDocument = (): void => {
    const tree = treeBuilder({ onOpen: (header) => onOpen?.(header), onElement, onEnd });
    parse = withoutDeclaration((text) => tree.write(text));
  };
  newDocument();
  return {
    socket,
    closed,
    write: (xml) => void socket.write(xml),
    open: (header) => {
      newDocument();
      const answer = new Promise<Element>((resolve, reject) => {
        onOpen = resolve;
        void closed.then((reason) => reject(new Error(`no stream: ${reason}`)));
      });
      socket.write(header);
      return answer;
    },
    close: async () => {
      if (!socket.destroyed) socket.end("</stream:stream>");
      const timer = setTimeout(() => socket.destroy(), 1000);
      await closed;
      clearTimeout(timer);
    },
    destroy: () => void socket.resetAndDestroy(),
  };
}

interface Handlers {
  readonly onOpen: (header: Element) => void;
  readonly onElement: (element: Element) => void;
  readonly onEnd: () => void;
}

/** Skips `<?xml ...?>`: ltx 3.1.2 swallows the whole stream when a read ends between its "?" and its ">". */
function withoutDeclaration(parse: (text: string) => void): (text: string) => void {
  let start: string | undefined = "";
  return (text) => {
    if (start === undefined) return parse(text);
    start += text;
    const declared = /^\s*<\?/.test(start);
    if (start.trim() === "<" || start.trim() === "" || (declared && !start.includes("?>"))) return;
    const rest = declared ? start.slice(start.indexOf("?>") + 2) : start;
    start = undefined;
    parse(rest);
  };
}

/** Builds one tree per child of the root. Stanzas keep the root as parent, so that `getNS` finds its namespace. */
function treeBuilder({ onOpen, onElement, onEnd }: Handlers): SaxParser {
  const sax = new SaxParser();
  let root: Element | undefined;
  let open: Element | undefined;
  sax.on("startElement", (name: string, attrs: Record<string, string>) => {
    const element = new Element(name, attrs);
    if (!root) {
      root = element;
      onOpen(element);
      return;
    }
    if (open) open.cnode(element);
    else element.parent = root; // known above, yet not a child: the root does not grow
    open = element;
  });
  sax.on("text", (text: string) => {
    open?.t(text);
  });
  sax.on("endElement", () => {
    if (!open) return onEnd();
    const done = open;
    const parent = done.parent;
    open = parent === root ? undefined : (parent ?? undefined);
    if (!open) onElement(done);
  });
  return sax;
}
