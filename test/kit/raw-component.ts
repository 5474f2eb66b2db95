// XEP-0114: Jabber Component Protocol. A raw external component for tests and benches; no part of the gateway is in it.
import { createHash } from "node:crypto";
import { escapeXML } from "ltx";
import { createInbox, type Inbox } from "./inbox.ts";
import { connectStream } from "./xml-stream.ts";

export interface RawComponentOptions {
  /** The server's component port. */
  readonly port: number;
  readonly jid: string;
  readonly secret: string;
  /** Remember what came. Default true; false under load, with `onStanza`. */
  readonly keep?: boolean;
}

export interface RawComponent extends Inbox {
  readonly jid: string;
  /** Writes XML as it is; a stanza needs its `from`. */
  send(xml: string): void;
  close(): Promise<void>;
  /** Cuts the connection, as a crash would. */
  destroy(): void;
  readonly closed: Promise<string>;
}

export const RawComponent = {
  /** Connects and shakes hands. Throws with the server's words when it refuses. */
  async connect({ port, jid, secret, keep = true }: RawComponentOptions): Promise<RawComponent> {
    const inbox = createInbox(jid, { keep });
    const setup = createInbox(jid);
    let receive = setup.receive;
    const stream = await connectStream(port, (element) => receive(element));
    void stream.closed.then((reason) => {
      setup.end(reason);
      inbox.end(reason);
    });
    try {
      const namespaces = 'xmlns="jabber:component:accept" xmlns:stream="http://etherx.jabber.org/streams"';
      const header = await stream.open(`<stream:stream ${namespaces} to="${escapeXML(jid)}">`);
      const digest = createHash("sha1").update(`${header.attrs["id"]}${secret}`).digest("hex");
      stream.write(`<handshake>${digest}</handshake>`);
      const answer = await setup.next(undefined, { what: "the handshake" });
      if (answer.name !== "handshake") throw new Error(`${jid} is refused: ${answer.toString()}`);
    } catch (error) {
      stream.destroy();
      throw error;
    }
    receive = inbox.receive;
    for (const early of setup.stanzas.slice(1)) inbox.receive(early); // came in the same read as the handshake
    return { ...inbox, jid, send: stream.write, close: stream.close, destroy: stream.destroy, closed: stream.closed };
  },
};
