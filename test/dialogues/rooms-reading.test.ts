// What has been read in a room, and who is mentioned there, as a client sees it (XEP-0333, XEP-0372, XEP-0490).
import { describe, expect, test } from "vitest";
import { inLobby, join, laptop, lobby, markable, phone, says, write } from "./room-stanzas.ts";
import type { Story } from "./story.ts";

const room = { kind: "room", id: "r1" } as const;
const displayed = (nick: string, target: string, client = phone) =>
  `<message type="groupchat" from="${lobby}/${nick}" to="${client}" id="{id}">
    <displayed xmlns="urn:xmpp:chat-markers:0" id="${target}"/><store xmlns="urn:xmpp:hints"/>
    <occupant-id xmlns="urn:xmpp:occupant-id:0" id="{who}"/></message>`;
const marker = (id: string, target: string) =>
  `<message type="groupchat" id="${id}" from="${phone}" to="${lobby}">
    <displayed xmlns="urn:xmpp:chat-markers:0" id="${target}"/></message>`;
const grant = `<message from="localhost" to="toy.localhost"><privilege xmlns="urn:xmpp:privilege:2">
  <perm access="iq"><namespace ns="http://jabber.org/protocol/pubsub" type="both"/></perm></privilege></message>`;
const published = (target: string) =>
  `<iq type="set" from="toy.localhost" to="alice@localhost" id="{id}"><privileged_iq xmlns="urn:xmpp:privilege:2">
    <iq xmlns="jabber:client" type="set" from="alice@localhost" to="alice@localhost" id="{id}">
      <pubsub xmlns="http://jabber.org/protocol/pubsub"><publish node="urn:xmpp:mds:displayed:0"><item id="${lobby}">
        <displayed xmlns="urn:xmpp:mds:displayed:0"><stanza-id xmlns="urn:xmpp:sid:0" by="${lobby}" id="${target}"/></displayed>
      </item></publish><publish-options><x xmlns="jabber:x:data" type="submit">
        <field var="FORM_TYPE" type="hidden"><value>http://jabber.org/protocol/pubsub#publish-options</value></field>
        <field var="pubsub#persist_items"><value>true</value></field><field var="pubsub#max_items"><value>max</value></field>
        <field var="pubsub#send_last_published_item"><value>never</value></field>
        <field var="pubsub#access_model"><value>whitelist</value></field></x></publish-options></pubsub></iq></privileged_iq></iq>`;

/** Bob has asked for tea; `target` is the stanza id. */
async function tea(): Promise<{ readonly story: Story; readonly target: string }> {
  const story = await inLobby();
  story.network.rooms.say("bob", "r1", "Tea?", "b1");
  const { stanza = "" } = await story.expect(says("bob", "Tea?"));
  return { story, target: stanza };
}
const readBy = (from: string, target: string) =>
  ({ type: "read", id: `read ${from} ${target}`, peer: room, from, target, sentAt: 0 }) as const;

describe("alice has read a message", () => {
  test("with one client: the network hears of it, and all of her clients", async () => {
    const { story, target } = await tea();
    await story.send(join("al", { client: laptop }));
    await story.skip();
    await story.send(marker("d1", target));
    await story.expect(displayed("al", target));
    await story.expect(displayed("al", target, laptop));
    await story.nothing();
    expect([...story.network.read]).toEqual(["b1"]);
  });

  test("in another program: her clients hear of it", async () => {
    const { story, target } = await tea();
    story.network.tell("al", readBy("self", "b1"));
    await story.expect(displayed("al", target));
    await story.nothing();
  });

  test("in another program, and the server lets the gateway write it down for clients that come later", async () => {
    const { story, target } = await tea();
    await story.send(grant);
    // What the network tells comes by another way than the grant.
    await story.nothing();
    story.network.tell("al", readBy("self", "b1"));
    await story.expect(published(target));
    await story.expect(displayed("al", target));
    await story.nothing();
  });
});

test("bob has read what alice said; of what others said nobody is told", async () => {
  const { story } = await tea();
  await story.send(write("m1", "Yes"));
  const { stanza = "" } = await story.expect(says("al", "Yes", { id: "m1" }));
  const sent = story.network.messages.findLast(({ to }) => to === "r1");
  story.network.tell("al", readBy("carol", "b1"), readBy("bob", sent?.id ?? ""));
  await story.expect(displayed("bob", stanza));
  await story.nothing();
});

describe("bob mentions", () => {
  const mentioning = (text: string, mentions: readonly string[]) =>
    ({ type: "message", id: "b2", peer: room, from: "bob", sentAt: Date.now(), text, mentions }) as const;
  const reference = (place: string, uri: string) =>
    `<reference xmlns="urn:xmpp:reference:0" type="mention" ${place} uri="xmpp:${uri}"/>`;
  const message = (body: string, more: string) =>
    `<message type="groupchat" from="${lobby}/bob" to="${phone}" id="{stanza}"><body>${body}</body>${more}
      <stanza-id xmlns="urn:xmpp:sid:0" by="${lobby}" id="{stanza}"/>
      <occupant-id xmlns="urn:xmpp:occupant-id:0" id="{who}"/></message>`;

  test("alice and carol by their names", async () => {
    const story = await inLobby();
    story.network.tell("al", mentioning("al, carol: tea", ["self", "carol", "nobody"]));
    const both = `${reference('begin="0" end="2"', "alice@localhost")}${reference('begin="4" end="9"', "carol@toy.localhost")}`;
    await story.expect(message("al, carol: tea", markable + both));
  });

  test("alice without her name, which stands above the text", async () => {
    const story = await inLobby();
    story.network.tell("al", mentioning("tea", ["self"]));
    const lead = `<fallback xmlns="urn:xmpp:fallback:0" for="urn:viaduct:lead"><body start="0" end="4"/></fallback>`;
    await story.expect(message("al:\ntea", lead + markable + reference('begin="0" end="2"', "alice@localhost")));
  });

  test("alice in a /me, which stays one", async () => {
    const story = await inLobby();
    story.network.tell("al", mentioning("/me waves", ["self"]));
    await story.expect(message("/me waves", markable + reference("", "alice@localhost")));
  });
});
