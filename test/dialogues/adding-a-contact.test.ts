// Alice adds bob: by the prompt of her client (XEP-0100 section 6), by writing to the gateway, by subscribing. The gateway
// writes him into her roster where it may (XEP-0356), suggests him where her client knows that (XEP-0144), or asks.
import { describe, expect, test } from "vitest";
import { aliceSignedIn, type Story } from "./story.ts";

const stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";
const prompt = (inside: string) =>
  `<iq type="set" id="{id}" from="alice@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:gateway">${inside}</query></iq>`;
const writes = (story: Story, text: string) =>
  story.send(`<message type="chat" from="alice@localhost/phone" to="toy.localhost"><body>${text}</body></message>`);
const reads = (story: Story, text: string) =>
  story.expect(
    `<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost"><body>${text}</body></message>`,
  );
const granted = `<message from="localhost" to="toy.localhost"><privilege xmlns="urn:xmpp:privilege:2">
  <perm access="roster" type="both"/><perm access="message" type="outgoing"/></privilege></message>`;
const rosterSet = `<iq type="set" id="{id}" from="toy.localhost" to="alice@localhost"><query xmlns="jabber:iq:roster">
  <item jid="bob@toy.localhost" name="Bob" subscription="both"><group>Toy</group></item></query></iq>`;
const subscribe = `<presence type="subscribe" from="bob@toy.localhost" to="alice@localhost">
  <nick xmlns="http://jabber.org/protocol/nick">Bob</nick></presence>`;
const asksFeatures = `<iq type="get" id="{id}" from="toy.localhost" to="alice@localhost/phone">
  <query xmlns="http://jabber.org/protocol/disco#info"/></iq>`;

describe("the prompt of a client", () => {
  test("turns a name of the network into an address", async () => {
    const story = await aliceSignedIn();
    await story.ask(
      `<iq type="get" id="{id}" from="alice@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:gateway"/></iq>`,
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone"><query xmlns="jabber:iq:gateway">
        <desc>Enter a toy name.</desc><prompt>Address</prompt></query></iq>`,
    );
    await story.ask(
      prompt("<prompt> Bob Builder </prompt>"),
      String.raw`<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone"><query xmlns="jabber:iq:gateway">
        <jid>bob\20builder@toy.localhost</jid><prompt>bob\20builder@toy.localhost</prompt></query></iq>`,
    );
  });

  test.each([
    ["<prompt>#!?</prompt>", "#!?"],
    ["", ""],
    [`<prompt>${"x".repeat(300)}</prompt>`, "x".repeat(100)],
  ])("says so when what was typed is no name", async (typed, shown) => {
    const story = await aliceSignedIn();
    await story.ask(
      prompt(typed),
      `<iq type="error" id="{id}" from="toy.localhost" to="alice@localhost/phone"><error type="cancel">
        <item-not-found xmlns="${stanzas}"/>
        <text xmlns="${stanzas}">"${shown}" is not an address here. Enter a toy name.</text></error></iq>`,
    );
  });
});

describe("adding by chat", () => {
  test("asks the user to accept the contact where nothing better is there", async () => {
    const story = await aliceSignedIn();
    await writes(story, "add bob Bob");
    await story.expect(subscribe);
    await reads(story, "Bob is in your contacts now.");
    await story.nothing();
  });

  test("writes the roster where the server grants that, and asks nobody", async () => {
    const story = await aliceSignedIn();
    await story.send(granted);
    await writes(story, "add bob Bob");
    const { id } = await story.expect(rosterSet);
    await story.send(`<iq type="result" id="${id}" from="alice@localhost" to="toy.localhost"/>`);
    // No subscription request will come: the contact is shown at once.
    await story.expect(`<presence from="bob@toy.localhost/viaduct" to="alice@localhost">
      <nick xmlns="http://jabber.org/protocol/nick">Bob</nick>
      <c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="urn:viaduct" ver="{ver}"/></presence>`);
    await reads(story, "Bob is in your contacts now.");
    await story.nothing();
  });

  test("falls back to asking when the server refuses the roster after all", async () => {
    const story = await aliceSignedIn();
    await story.send(granted);
    await writes(story, "add bob Bob");
    const { id } = await story.expect(rosterSet);
    await story.send(`<iq type="error" id="${id}" from="alice@localhost" to="toy.localhost">
      <error type="auth"><forbidden xmlns="${stanzas}"/></error></iq>`);
    await story.expect(subscribe);
    await reads(story, "Bob is in your contacts now.");
  });

  test("suggests the contact to a client that takes suggestions", async () => {
    const story = await aliceSignedIn();
    await story.send(`<presence from="alice@localhost/phone" to="toy.localhost"/>`);
    await writes(story, "add bob Bob");
    const { id } = await story.expect(asksFeatures);
    await story.send(`<iq type="result" id="${id}" from="alice@localhost/phone" to="toy.localhost">
      <query xmlns="http://jabber.org/protocol/disco#info"><feature var="http://jabber.org/protocol/rosterx"/></query></iq>`);
    await story.expect(`<message from="toy.localhost" to="alice@localhost/phone"><x xmlns="http://jabber.org/protocol/rosterx">
      <item action="add" jid="bob@toy.localhost" name="Bob"><group>Toy</group></item></x></message>`);
    await reads(story, "Bob is in your contacts now.");
    await story.nothing();
  });

  test("asks when the client does not take suggestions, or has gone", async () => {
    const story = await aliceSignedIn();
    await story.send(`<presence from="alice@localhost/phone" to="toy.localhost"/>`);
    await writes(story, "add bob Bob");
    const { id } = await story.expect(asksFeatures);
    await story.send(`<iq type="result" id="${id}" from="alice@localhost/phone" to="toy.localhost">
      <query xmlns="http://jabber.org/protocol/disco#info"><feature var="urn:xmpp:ping"/></query></iq>`);
    await story.expect(subscribe);
    await story.send(`<presence type="unavailable" from="alice@localhost/phone" to="toy.localhost"/>`);
    await writes(story, "add bob Bob");
    await story.expect(subscribe);
  });

  test("asks for the address when it is missing or none", async () => {
    const story = await aliceSignedIn();
    await writes(story, "add");
    await reads(story, `Add a contact: Enter a toy name\nAddress?\n("cancel" leaves this.)`);
    await writes(story, "#!?");
    await reads(story, `Name? (send "-" to leave it out)`);
    await writes(story, "-");
    await reads(
      story,
      `"#!?" is not an address here.\nAdd a contact: Enter a toy name\nAddress?\n("cancel" leaves this.)`,
    );
    await writes(story, "bob");
    await reads(story, `Name? (send "-" to leave it out)`);
    await writes(story, "Bob the Builder");
    await reads(story, "Bob the Builder is in your contacts now.");
    await writes(story, "contacts");
    await reads(story, "Bob the Builder &lt;bob&gt;");
  });
});

describe("subscribing", () => {
  test("to a contact is granted at once, and shows them as there, with a resource", async () => {
    const story = await aliceSignedIn();
    await story.send(`<presence type="subscribe" from="alice@localhost" to="bob@toy.localhost"/>`);
    await story.expect(`<presence type="subscribed" from="bob@toy.localhost" to="alice@localhost"/>`);
    await story.expect(`<presence from="bob@toy.localhost/viaduct" to="alice@localhost">
      <c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="urn:viaduct" ver="{ver}"/></presence>`);
    await story.nothing();
  });

  test("X13: to more contacts than an account may have is refused on that contact", async () => {
    const story = await aliceSignedIn({ limits: { contactsPerUser: 1 } });
    await story.send(`<presence type="subscribe" from="alice@localhost" to="bob@toy.localhost"/>`);
    await story.skip();
    await story.send(`<presence type="subscribe" id="s2" from="alice@localhost" to="carol@toy.localhost"/>`);
    await story.expect(`<presence type="error" id="s2" from="carol@toy.localhost" to="alice@localhost">
      <error type="wait"><resource-constraint xmlns="${stanzas}"/>
      <text xmlns="${stanzas}">You have 1 contacts here; remove some first.</text></error></presence>`);
    expect(await story.viaduct.gateway.bridges.get("toy").contacts.get(1, "carol")).toBeUndefined();
  });
});
