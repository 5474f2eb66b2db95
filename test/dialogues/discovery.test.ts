// What the gateway and a contact say they can do is what they do: nothing more and nothing less.
import { describe, expect, test } from "vitest";
import { aliceSignedIn, type Story } from "./story.ts";

/** Requests by namespace: every one that a client might send, with a payload of that document's. */
const requests: readonly (readonly [string, "get" | "set", string])[] = [
  ["http://jabber.org/protocol/disco#info", "get", "query"],
  ["http://jabber.org/protocol/disco#items", "get", "query"],
  ["jabber:iq:register", "get", "query"],
  ["jabber:iq:register", "set", "query"],
  ["http://jabber.org/protocol/commands", "set", "command"],
  ["jabber:iq:gateway", "get", "query"],
  ["jabber:iq:gateway", "set", "query"],
  ["vcard-temp", "get", "vCard"],
  ["vcard-temp", "set", "vCard"],
  ["urn:xmpp:ping", "get", "ping"],
  ["jabber:iq:version", "get", "query"],
  ["jabber:iq:last", "get", "query"],
  ["urn:xmpp:time", "get", "time"],
  ["jabber:iq:time", "get", "query"],
  ["jabber:iq:roster", "get", "query"],
  ["jabber:iq:roster", "set", "query"],
  ["jabber:iq:private", "get", "query"],
  ["jabber:iq:search", "get", "query"],
  ["jabber:iq:search", "set", "query"],
  ["jabber:iq:privacy", "get", "query"],
  ["urn:xmpp:blocking", "get", "blocklist"],
  ["urn:xmpp:blocking", "set", "block"],
  ["urn:xmpp:mam:2", "get", "query"],
  ["urn:xmpp:mam:2", "set", "query"],
  ["urn:xmpp:carbons:2", "set", "enable"],
  ["urn:ietf:params:xml:ns:vcard-4.0", "get", "vcard"],
  ["http://jabber.org/protocol/pubsub", "get", "pubsub"],
  ["http://jabber.org/protocol/muc#owner", "get", "query"],
  ["http://jabber.org/protocol/muc#admin", "get", "query"],
  ["http://jabber.org/protocol/bytestreams", "get", "query"],
  ["urn:xmpp:http:upload:0", "get", "request"],
  ["urn:xmpp:jingle:1", "set", "jingle"],
  ["jabber:iq:auth", "get", "query"],
  ["jabber:client", "get", "query"],
];
/** Features that are no request: what is written in our stanzas or read in those of others. */
const spoken = {
  gateway: ["http://jabber.org/protocol/caps", "http://jabber.org/protocol/muc", "jabber:x:data", "jid\\20escaping"],
  contact: [
    "http://jabber.org/protocol/caps",
    "http://jabber.org/protocol/chatstates",
    "urn:xmpp:chat-markers:0",
    "urn:xmpp:fallback:0",
    "urn:xmpp:message-correct:0",
    "urn:xmpp:message-retract:1",
    "urn:xmpp:reactions:0",
    "urn:xmpp:receipts",
    "urn:xmpp:reply:0",
    "urn:xmpp:sid:0",
  ],
};

async function features(story: Story, to: string): Promise<string[]> {
  await story.send(
    `<iq type="get" id="features" from="alice@localhost/phone" to="${to}"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`,
  );
  const answer = () => story.server.stanzas.find((stanza) => stanza.attrs.id === "features");
  await story.until("the answer", answer);
  return (answer()?.getChild("query")?.getChildren("feature") ?? []).map(({ attrs }) => String(attrs.var)).toSorted();
}

/** The namespaces that are answered with anything but "this is no service of mine". */
async function answered(story: Story, to: string): Promise<string[]> {
  for (const [index, [ns, type, name]] of requests.entries())
    await story.send(
      `<iq type="${type}" id="r${index}" from="alice@localhost/phone" to="${to}"><${name} xmlns="${ns}"/></iq>`,
    );
  const answers = () => story.server.stanzas.filter((stanza) => /^r\d+$/.test(String(stanza.attrs.id)));
  await story.until("every request is answered", () => answers().length === requests.length);
  const known = answers()
    .filter((stanza) => stanza.getChild("error")?.getChild("service-unavailable") === undefined)
    .map((stanza) => requests[Number(String(stanza.attrs.id).slice(1))]?.[0] ?? "");
  return [...new Set(known)].toSorted();
}

describe("discovery", () => {
  test.each([
    ["the gateway", "toy.localhost", spoken.gateway],
    ["a contact", "bob@toy.localhost", spoken.contact],
  ])("of %s tells exactly what is handled", async (_, jid, others) => {
    const story = await aliceSignedIn();
    const told = await features(story, jid);
    expect(others.filter((feature) => !told.includes(feature))).toEqual([]);
    const requestsTold = told.filter((feature) => !others.includes(feature));
    expect(await answered(story, jid)).toEqual(requestsTold);
  });

  test("tells only what the bridge can do", async () => {
    const story = await aliceSignedIn({ bridge: (toy) => ({ ...toy, verbs: [] }) });
    const told = await features(story, "bob@toy.localhost");
    expect(told).toContain("urn:xmpp:receipts");
    for (const ns of ["urn:xmpp:message-correct:0", "urn:xmpp:message-retract:1", "urn:xmpp:chat-markers:0"])
      expect(told).not.toContain(ns);
  });

  test("answers the facts that clients ask for", async () => {
    const story = await aliceSignedIn();
    const ask = (to: string, payload: string) =>
      `<iq type="get" id="{id}" from="alice@localhost/phone" to="${to}">${payload}</iq>`;
    const answer = (from: string, payload: string) =>
      `<iq type="result" id="{id}" from="${from}" to="alice@localhost/phone">${payload}</iq>`;
    const contact = "bob@toy.localhost";
    await story.ask(ask(contact, `<ping xmlns="urn:xmpp:ping"/>`), answer(contact, ""));
    await story.ask(
      ask(contact, `<query xmlns="jabber:iq:version"/>`),
      answer(contact, `<query xmlns="jabber:iq:version"><name>Viaduct</name><version>0.1.0</version></query>`),
    );
    const { seconds = "" } = await story.ask(
      ask("toy.localhost", `<query xmlns="jabber:iq:last"/>`),
      answer("toy.localhost", `<query xmlns="jabber:iq:last" seconds="{seconds}"/>`),
    );
    expect(Number(seconds)).toBeLessThan(60);
    const { utc = "" } = await story.ask(
      ask("toy.localhost", `<time xmlns="urn:xmpp:time"/>`),
      answer("toy.localhost", `<time xmlns="urn:xmpp:time"><tzo>+00:00</tzo><utc>{utc}</utc></time>`),
    );
    expect(utc).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(Math.abs(Date.parse(utc) - Date.now())).toBeLessThan(60_000);
    await story.ask(
      ask("toy.localhost", `<vCard xmlns="vcard-temp"/>`),
      answer("toy.localhost", `<vCard xmlns="vcard-temp"><FN>Toy gateway</FN></vCard>`),
    );
  });

  test("of a node that is none is refused", async () => {
    const story = await aliceSignedIn();
    for (const ns of ["http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"]) {
      await story.ask(
        `<iq type="get" id="{id}" from="alice@localhost/phone" to="toy.localhost"><query xmlns="${ns}" node="made-up"/></iq>`,
        `<iq type="error" id="{id}" from="toy.localhost" to="alice@localhost/phone"><error type="cancel">
          <item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`,
      );
    }
  });
});
