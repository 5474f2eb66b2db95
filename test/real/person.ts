// A user with an XMPP client, in the words of a story.
import type { Element } from "ltx";
import { XmppClient, type XmppClientOptions } from "../kit/xmpp-client.ts";

export const gatewayJid = "email.localhost";

/** The JID of a mail address at the gateway (XEP-0106). */
export const jidOf = (address: string): string => `${address.replace("@", "\\40")}@${gatewayJid}`;

/** How a story speaks of a network: the gateway's JID there, and the JID of one of its people. */
export interface Network {
  readonly gateway: string;
  readonly jidOf: (address: string) => string;
}
const mail: Network = { gateway: gatewayJid, jidOf };
/** `@ann:matrix.test` is ann\\3amatrix.test (XEP-0106). */
export const matrixNetwork: Network = {
  gateway: "matrix.localhost",
  jidOf: (address) => `${address.replace(/^@/, "").replace(":", "\\3a")}@matrix.localhost`,
};

export const bodyOf = (stanza: Element): string => stanza.getChildText("body") ?? "";
export const bare = (stanza: Element): string => String(stanza.attrs.from).split("/")[0] ?? "";

export interface StanzaErrorSeen {
  readonly id: string;
  readonly type: string;
  readonly condition: string;
  readonly text: string;
}

export interface Person extends XmppClient {
  /** Says a line to the gateway and resolves with its answer. */
  ask(line: string): Promise<string>;
  /** Signs in to a mail account by chat. */
  signIn(address: string, password?: string): Promise<string>;
  /** Writes to a mail address. Returns the stanza's id. */
  write(address: string, text: string, more?: { readonly id?: string; readonly extra?: string }): string;
  /** The next message with a body from a mail address. */
  hear(address: string): Promise<Element>;
  /** What the gateway says by itself. */
  notice(): Promise<string>;
  /** The error on the stanza with this id. */
  errorOn(id: string): Promise<StanzaErrorSeen>;
  /** Resolves when the stanza with this id got its receipt (XEP-0184). */
  receiptFor(id: string): Promise<Element>;
  hasReceipt(id: string): boolean;
  /** Messages with a body from a mail address so far. */
  heardFrom(address: string): Element[];
}

export const wantsReceipt = "<request xmlns='urn:xmpp:receipts'/>";

const isTextFrom = (jid: string) => (stanza: Element) =>
  stanza.name === "message" && bare(stanza) === jid && stanza.attrs.type !== "error" && bodyOf(stanza) !== "";
const isReceiptFor = (id: string) => (stanza: Element) =>
  stanza.getChild("received", "urn:xmpp:receipts")?.attrs.id === id;
const patience = 20_000;

export async function connectPerson(options: XmppClientOptions, network: Network = mail): Promise<Person> {
  const { gateway, jidOf } = network;
  const client = await XmppClient.connect({ ...options, presence: false });
  // As every client does, and before its presence: only then do subscriptions reach it (RFC 6121 section 2.2).
  await client.request("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>");
  client.send("<presence/>");
  const notice = async (what: string): Promise<string> =>
    bodyOf(await client.next(isTextFrom(gateway), { what, timeoutMs: patience }));
  const ask = (line: string): Promise<string> => {
    client.message({ to: gateway, body: line });
    return notice(`the gateway's answer to "${line}"`);
  };
  return {
    ...client,
    ask,
    async signIn(address, password = "pw") {
      await ask("login");
      await ask(address);
      return ask(password);
    },
    write: (address, text, more = {}) => client.message({ to: jidOf(address), body: text, ...more }),
    hear: (address) => client.next(isTextFrom(jidOf(address)), { what: `a mail from ${address}`, timeoutMs: patience }),
    notice: () => notice("a notice of the gateway"),
    async errorOn(id) {
      const isIt = (stanza: Element) => stanza.attrs.type === "error" && stanza.attrs.id === id;
      return readError(await client.next(isIt, { what: `the error on ${id}`, timeoutMs: patience }));
    },
    receiptFor: (id) => client.next(isReceiptFor(id), { what: `the receipt for ${id}`, timeoutMs: patience }),
    hasReceipt: (id) => client.stanzas.some(isReceiptFor(id)),
    heardFrom: (address) => client.stanzas.filter(isTextFrom(jidOf(address))),
  };
}

export function readError(stanza: Element): StanzaErrorSeen {
  const error = stanza.getChild("error");
  const condition = error?.getChildElements().find((child) => child.name !== "text")?.name ?? "";
  const text = error?.getChildText("text") ?? "";
  return { id: String(stanza.attrs.id), type: String(error?.attrs.type), condition, text };
}
