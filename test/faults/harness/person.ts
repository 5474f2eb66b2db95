// A user with an XMPP client that never gives up: what the server sends is heard, over any number of reconnects.
import { setTimeout as sleep } from "node:timers/promises";
import type { Element } from "ltx";
import { XmppClient } from "../../kit/xmpp-client.ts";
import type { XmppServer } from "../../lab/xmpp-server.ts";

export interface Person {
  readonly bareJid: string;
  readonly online: boolean;
  onStanza(listener: (stanza: Element) => void): () => void;
  /** Writes XML. False: there is no connection, nothing was written. */
  send(xml: string): boolean;
  /** A chat line to the gateway; resolves with the first answer that matches. */
  ask(line: string, answer: RegExp): Promise<string>;
  /** Resolves when the gateway has answered a ping that follows everything sent so far. False: it did not. */
  sync(): Promise<boolean>;
  /** What the server's archive has for this user since `start` (XEP-0313). */
  archive(start: Date): Promise<readonly Element[]>;
  close(): Promise<void>;
}

/** @param component the gateway this user talks to */
export async function connectPerson(
  server: XmppServer,
  user: string,
  password: string,
  component: string,
): Promise<Person> {
  const listeners = new Set<(stanza: Element) => void>();
  const hear = (stanza: Element): void => {
    for (const listener of listeners) listener(stanza);
  };
  let closing = false;
  let client: XmppClient | undefined;
  let resource = 0;

  const connect = async (): Promise<void> => {
    // A resource of its own each time: the server may still hold the old session.
    const options = { port: server.c2sPort, user, password, resource: `r${++resource}`, keep: false };
    const fresh = await XmppClient.connect({ ...options, presence: false });
    fresh.onStanza(hear);
    fresh.send("<presence/>"); // only now: what waited offline comes at once
    client = fresh;
    void fresh.closed.then(() => {
      if (client === fresh) client = undefined;
      if (!closing) void reconnect();
    });
  };
  const reconnect = async (): Promise<void> => {
    while (!closing) {
      try {
        return await connect();
      } catch {
        await sleep(200);
      }
    }
  };
  await connect();

  const must = (): XmppClient => {
    if (client === undefined) throw new Error(`${user} is not connected to the XMPP server`);
    return client;
  };
  return {
    bareJid: `${user}@${server.domain}`,
    get online() {
      return client !== undefined;
    },
    onStanza: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    send(xml) {
      client?.send(xml);
      return client !== undefined;
    },
    async ask(line, answer) {
      const now = must();
      now.message({ to: component, body: line });
      const text = (stanza: Element): string => stanza.getChildText("body") ?? "";
      const reply = await now.next(
        (stanza) => stanza.name === "message" && stanza.attrs["from"] === component && answer.test(text(stanza)),
        { timeoutMs: 15_000, what: `the gateway's answer to "${line.slice(0, 10)}": ${answer}` },
      );
      return text(reply);
    },
    async sync() {
      try {
        const answer = await must().request(`<iq type="get" to="${component}"><ping xmlns="urn:xmpp:ping"/></iq>`);
        return answer.attrs["type"] === "result";
      } catch {
        return false;
      }
    },
    async archive(start) {
      const now = must();
      const found: Element[] = [];
      const stop = now.onStanza((stanza) => {
        const message = stanza
          .getChild("result", "urn:xmpp:mam:2")
          ?.getChild("forwarded", "urn:xmpp:forward:0")
          ?.getChild("message");
        // The archive holds what the user sent as well.
        if (message && String(message.attrs["to"]).startsWith(`${user}@`)) found.push(message);
      });
      const field = (name: string, value: string) => `<field var="${name}"><value>${value}</value></field>`;
      const form = `<x xmlns="jabber:x:data" type="submit">${field("FORM_TYPE", "urn:xmpp:mam:2")}${field("start", start.toISOString())}</x>`;
      let after = "";
      for (let page = 0; page < 200; page++) {
        const set = `<set xmlns="http://jabber.org/protocol/rsm"><max>100</max>${after}</set>`;
        const answer = await now.request(`<iq type="set"><query xmlns="urn:xmpp:mam:2">${form}${set}</query></iq>`);
        const fin = answer.getChild("fin", "urn:xmpp:mam:2");
        if (fin === undefined) throw new Error(`${user} has no archive: ${answer.toString()}`);
        const last = fin.getChild("set", "http://jabber.org/protocol/rsm")?.getChildText("last");
        if (fin.attrs["complete"] === "true" || !last) break;
        after = `<after>${last}</after>`;
      }
      stop();
      return found;
    },
    async close() {
      closing = true;
      await client?.close();
    },
  };
}
