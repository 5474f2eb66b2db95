// How contacts come into the roster, on real servers: written by the gateway where the server lets it (XEP-0356), offered
// to the client where that can be (XEP-0144), else asked for. And that they do not stand there in grey.
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gatewayJid, jidOf, type Person } from "./person.ts";
import { setStage, type Stage, until } from "./stage.ts";

const bob = "bob\\40example.test@email.localhost";
const soon = { timeoutMs: 10_000 };

const pushOf = (jid: string) => (stanza: Element) =>
  stanza.name === "iq" &&
  stanza.attrs.type === "set" &&
  stanza.getChild("query", "jabber:iq:roster")?.getChild("item")?.attrs.jid === jid;
const presenceOf = (jid: string, type?: string) => (stanza: Element) =>
  stanza.name === "presence" && String(stanza.attrs.from).split("/")[0] === jid && stanza.attrs.type === type;
const rosterItem = async (person: Person, jid: string): Promise<Element | undefined> =>
  (await person.request("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>"))
    .getChild("query")
    ?.getChildByAttr("jid", jid) as Element | undefined;

describe("with the right to write rosters (Prosody)", () => {
  let stage: Stage;
  let alice: Person;
  beforeAll(async () => {
    stage = await setStage({ xmpp: "prosody", users: ["alice"], privilege: true });
    alice = await stage.enter("alice");
    await alice.signIn("alice@example.org");
  });
  afterAll(() => stage?.stop());

  it("an added contact is in the roster at once, with name and group, and online", async () => {
    expect(await alice.ask("add bob@example.test Bob")).toBe("Bob is in your contacts now.");
    const push = await alice.next(pushOf(bob), { ...soon, what: "the roster push" });
    const item = push.getChild("query")?.getChild("item");
    expect(item?.attrs).toMatchObject({ jid: bob, name: "Bob", subscription: "both" });
    expect(item?.getChildText("group")).toBe("Email");
    const presence = await alice.next(presenceOf(bob), { ...soon, what: "Bob's presence" });
    expect(presence.attrs.from).toBe(`${bob}/viaduct`);
    expect(presence.getChild("show")).toBeUndefined();
    expect(presence.getChildText("nick")).toBe("Bob");
    expect(alice.stanzas.some(presenceOf(bob, "subscribe"))).toBe(false);
  });

  it("is still there, and online, when the user logs in again", async () => {
    await alice.close();
    alice = await stage.enter("alice");
    expect((await rosterItem(alice, bob))?.attrs).toMatchObject({ name: "Bob", subscription: "both" });
    const presence = await alice.next(presenceOf(bob), { ...soon, what: "Bob's presence after the log-in" });
    expect(presence.attrs.from).toBe(`${bob}/viaduct`);
  });

  it("is online again after a restart of the gateway", async () => {
    const before = alice.stanzas.filter(presenceOf(bob)).length;
    await stage.stopGateway();
    await stage.startGateway();
    await until("Bob is announced again", () => alice.stanzas.filter(presenceOf(bob)).length > before);
    expect(alice.stanzas.filter(presenceOf(bob)).at(-1)?.attrs.from).toBe(`${bob}/viaduct`);
  });

  it("that the user removes goes offline and stays away", async () => {
    alice.send(
      `<iq type='set' id='gone'><query xmlns='jabber:iq:roster'><item jid='${bob}' subscription='remove'/></query></iq>`,
    );
    await alice.next(pushOf(bob), { ...soon, what: "the removal" });
    await alice.close();
    alice = await stage.enter("alice");
    expect(await alice.ask("help")).toContain("This is the Email gateway.");
    expect(await rosterItem(alice, bob)).toBeUndefined();
    expect(alice.stanzas.some(presenceOf(bob))).toBe(false);
  });
});

describe("without that right (ejabberd)", () => {
  let stage: Stage;
  let alice: Person;
  beforeAll(async () => {
    stage = await setStage({ xmpp: "ejabberd", users: ["alice", "carol"], privilege: false });
    alice = await stage.enter("alice");
    await alice.signIn("alice@example.org");
  });
  afterAll(() => stage?.stop());

  it("an added contact asks to be one, by name, and is online once the user has said yes", async () => {
    alice.message({ to: gatewayJid, body: "add bob@example.test Bob" });
    const request = await alice.next(presenceOf(bob, "subscribe"), { ...soon, what: "Bob's request" });
    expect(request.getChild("nick", "http://jabber.org/protocol/nick")?.getText()).toBe("Bob");
    alice.send(
      `<presence type='subscribed' to='${bob}'/><iq type='set' id='n'><query xmlns='jabber:iq:roster'><item jid='${bob}' name='Bob'/></query></iq><presence type='subscribe' to='${bob}'/>`,
    );
    const presence = await alice.next(presenceOf(bob), { ...soon, what: "Bob's presence" });
    expect(presence.attrs.from).toBe(`${bob}/viaduct`);
    expect(presence.getChild("show")).toBeUndefined();
    expect(presence.getChild("c", "http://jabber.org/protocol/caps")?.attrs.hash).toBe("sha-1");
    expect((await rosterItem(alice, bob))?.attrs).toMatchObject({ name: "Bob", subscription: "both" });
  });

  it("is offered to a client that takes such offers", async () => {
    const carol = await stage.enter("carol");
    carol.onStanza((stanza) => {
      const query = stanza.attrs.type === "get" && stanza.getChild("query", "http://jabber.org/protocol/disco#info");
      if (!query) return;
      carol.send(
        `<iq type='result' id='${stanza.attrs.id}' to='${stanza.attrs.from}'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='client' type='pc'/><feature var='http://jabber.org/protocol/rosterx'/></query></iq>`,
      );
    });
    await carol.signIn("carol@example.org");
    // With a subscription both ways the gateway sees her presence, and so whom it can ask.
    carol.send(`<presence type='subscribed' to='${gatewayJid}'/><presence type='subscribe' to='${gatewayJid}'/>`);
    await carol.next(presenceOf(gatewayJid, "subscribed"), soon);
    await carol.ask("accounts");
    carol.message({ to: gatewayJid, body: "add bob@example.test Bob" });
    const offers = (stanza: Element) => stanza.getChild("x", "http://jabber.org/protocol/rosterx") !== undefined;
    const offer = await carol.next(offers, { ...soon, what: "the offer" });
    const item = offer.getChild("x")?.getChild("item");
    expect(item?.attrs).toMatchObject({ action: "add", jid: bob, name: "Bob" });
    expect(item?.getChildText("group")).toBe("Email");
  });

  it("a stranger who writes asks once, by name, and their mail is there all the same", async () => {
    const dan = "Dan Druff <dan@example.test>";
    await stage.post({ from: dan, to: "alice@example.org", text: "first" });
    await alice.hear("dan@example.test");
    const asked = presenceOf(jidOf("dan@example.test"), "subscribe");
    expect((await alice.next(asked, soon)).getChildText("nick")).toBe("Dan Druff");
    await stage.post({ from: dan, to: "alice@example.org", text: "second" });
    await alice.hear("dan@example.test");
    expect(alice.stanzas.filter(asked)).toHaveLength(1);
  });

  it("the gateway itself shows how the account is", async () => {
    alice.send(`<presence type='subscribed' to='${gatewayJid}'/><presence type='subscribe' to='${gatewayJid}'/>`);
    const online = (stanza: Element) => presenceOf(gatewayJid)(stanza) && stanza.getChild("show") === undefined;
    const presence = await alice.next(online, { ...soon, what: "the gateway's presence" });
    expect(presence.attrs.from).toBe(`${gatewayJid}/viaduct`);
  });

  it("a typed address becomes the JID to add (XEP-0100)", async () => {
    const ask = (address: string) =>
      alice.request(
        `<iq type='set' to='${gatewayJid}'><query xmlns='jabber:iq:gateway'><prompt>${address}</prompt></query></iq>`,
      );
    expect((await ask("Zoe.O'Hara+x@Example.TEST")).getChild("query")?.getChildText("jid")).toBe(
      "zoe.o\\27hara+x\\40example.test@email.localhost",
    );
    const refused = (await ask("not an address")).getChild("error");
    expect(refused?.getChild("item-not-found")).toBeDefined();
    expect(refused?.getChildText("text")).toBe('"not an address" is not an address here. Enter an email address.');
  });
});
