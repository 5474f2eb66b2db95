// A raw XMPP client for tests (RFC 6120, RFC 6121): plain TCP, SASL PLAIN, one resource, no cleverness.
import { randomUUID } from "node:crypto";
import { type Element, escapeXML, escapeXMLText, parse } from "ltx";
import { createInbox, type Inbox, type NextOptions } from "./inbox.ts";
import { connectStream, type XmlStream } from "./xml-stream.ts";

export interface XmppClientOptions {
  readonly port: number;
  /** Default "localhost". */
  readonly domain?: string;
  readonly user: string;
  readonly password: string;
  /** Default "test". */
  readonly resource?: string;
  /** Send initial presence. Default true. */
  readonly presence?: boolean;
  readonly priority?: number;
  /** Remember what came. Default true; false under load, with `onStanza`. */
  readonly keep?: boolean;
}

export interface OutgoingStanza {
  readonly to: string;
  readonly body?: string;
  /** Default: a random one. */
  readonly id?: string;
  /** Default "chat". */
  readonly type?: string;
  /** XML to put inside, as it is. */
  readonly extra?: string;
}

export interface XmppClient extends Inbox {
  /** The full JID that the server bound. */
  readonly jid: string;
  readonly bareJid: string;
  /** Writes XML as it is. */
  send(xml: string): void;
  /** Sends an iq (given an id if it has none) and resolves with the answer, result or error. */
  request(iqXml: string, options?: NextOptions): Promise<Element>;
  /** Sends a chat message and returns its id. */
  message(stanza: OutgoingStanza): string;
  /** Ends the session in order. */
  close(): Promise<void>;
  /** Cuts the connection, as a crash would. */
  destroy(): void;
  /** Resolves, with the reason, once the connection is gone. */
  readonly closed: Promise<string>;
}

export const XmppClient = {
  /** Logs in. Throws with the server's words when that fails. */
  async connect(options: XmppClientOptions): Promise<XmppClient> {
    const { port, domain = "localhost", user, password, resource = "test", presence = true } = options;
    const bareJid = `${user}@${domain}`;
    const inbox = createInbox(bareJid, options.keep === undefined ? {} : { keep: options.keep });
    // Until the session stands, nothing is left to the test's inbox.
    const setup = createInbox(bareJid);
    let receive = setup.receive;
    const stream = await connectStream(port, (element) => receive(element));
    void stream.closed.then((reason) => {
      setup.end(reason);
      inbox.end(reason);
    });
    try {
      const bound = await logIn(stream, setup, { domain, user, password, resource });
      receive = inbox.receive;
      for (const early of setup.stanzas.slice(setup.stanzas.indexOf(bound) + 1)) inbox.receive(early);
      const jid = bound.getChild("bind")?.getChildText("jid");
      if (!jid) throw new Error(`no resource was bound: ${bound.toString()}`);
      const client = createClient({ stream, inbox, jid, bareJid });
      if (presence) client.send(presenceXml(options.priority));
      return client;
    } catch (error) {
      stream.destroy();
      throw error;
    }
  },
};

interface Session {
  readonly stream: XmlStream;
  readonly inbox: Inbox;
  readonly jid: string;
  readonly bareJid: string;
}

function createClient({ stream, inbox, jid, bareJid }: Session): XmppClient {
  return {
    ...inbox,
    jid,
    bareJid,
    closed: stream.closed,
    send: stream.write,
    close: stream.close,
    destroy: stream.destroy,
    request: (iqXml, options) => {
      const iq = parse(iqXml);
      iq.attrs["id"] ??= randomUUID();
      const id: unknown = iq.attrs["id"];
      stream.write(iq.toString());
      return inbox.next((stanza) => isAnswer(stanza, id), { what: `the answer to ${iq.toString()}`, ...options });
    },
    message: (stanza) => {
      const id = stanza.id ?? randomUUID();
      stream.write(messageXml({ ...stanza, id }));
      return id;
    },
  };
}

const isAnswer = (stanza: Element, id: unknown): boolean =>
  stanza.name === "iq" && stanza.attrs["id"] === id && ["result", "error"].includes(String(stanza.attrs["type"]));

/** A message stanza as text. */
export function messageXml(stanza: OutgoingStanza & { readonly from?: string }): string {
  const { from, to, type = "chat", id, body, extra = "" } = stanza;
  const attributes = Object.entries({ from, to, type, id }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${escapeXML(value)}"`],
  );
  const text = body === undefined ? "" : `<body>${escapeXMLText(body)}</body>`;
  return `<message ${attributes.join(" ")}>${text}${extra}</message>`;
}

const presenceXml = (priority: number | undefined): string =>
  priority === undefined ? "<presence/>" : `<presence><priority>${priority}</priority></presence>`;

interface Credentials {
  readonly domain: string;
  readonly user: string;
  readonly password: string;
  readonly resource: string;
}

/** RFC 6120: stream, SASL (section 6), stream again, resource binding (section 7). Resolves with its result. */
async function logIn(
  stream: XmlStream,
  inbox: Inbox,
  { domain, user, password, resource }: Credentials,
): Promise<Element> {
  const features: NextOptions = { what: "stream features" };
  await stream.open(header(domain));
  await inbox.next((element) => element.name === "stream:features", features);
  const plain = Buffer.from(`\0${user}\0${password}`).toString("base64");
  stream.write(`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${plain}</auth>`);
  const outcome = await inbox.next((element) => ["success", "failure"].includes(element.name), {
    what: "the SASL outcome",
  });
  if (outcome.name === "failure") throw new Error(`${user}@${domain} cannot log in: ${outcome.toString()}`);

  await stream.open(header(domain));
  await inbox.next((element) => element.name === "stream:features", features);
  const bind = `<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><resource>${escapeXMLText(resource)}</resource></bind>`;
  stream.write(`<iq type="set" id="bind">${bind}</iq>`);
  return inbox.next((element) => isAnswer(element, "bind"), { what: "the bound resource" });
}

const header = (domain: string): string =>
  `<?xml version="1.0"?><stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" to="${escapeXML(domain)}" version="1.0">`;
