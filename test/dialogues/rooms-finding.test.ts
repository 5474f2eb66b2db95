// Alice finds the rooms she is in on the network: by service discovery, and by writing to the gateway.
import { describe, expect, test } from "vitest";
import { inLobby, join, laptop, lobby, phone, seen, withLobby } from "./room-stanzas.ts";
import { type Story, signIn } from "./story.ts";

const info = (to: string, inside = "") =>
  `<iq type="get" id="{id}" from="${phone}" to="${to}"><query xmlns="http://jabber.org/protocol/disco#info"${inside}/></iq>`;

describe("service discovery", () => {
  test("tells that the gateway is a place for rooms, and lists alice's own", async () => {
    const story = await inLobby();
    await story.send(info("toy.localhost").replace("{id}", "info-1"));
    const told = await story.server.next((stanza) => stanza.attrs.id === "info-1");
    const query = told.getChild("query");
    const identities = query
      ?.getChildren("identity")
      .map(({ attrs }) => `${attrs.category}/${attrs.type} ${attrs.name}`);
    expect(identities).toEqual(["conference/text Toy", "gateway/toy Toy"]);
    expect(query?.getChildren("feature").map(({ attrs }) => attrs.var)).toContain("http://jabber.org/protocol/muc");
    await story.ask(
      `<iq type="get" id="{id}" from="${phone}" to="toy.localhost"><query xmlns="http://jabber.org/protocol/disco#items"/></iq>`,
      `<iq type="result" id="{id}" from="toy.localhost" to="${phone}"><query xmlns="http://jabber.org/protocol/disco#items">
        <item jid="${lobby}" name="The Lobby"/></query></iq>`,
    );
    // Bob's user elsewhere sees nothing of it (security.md X10).
    await signIn(story, "eve", "ev");
    await story.ask(
      `<iq type="get" id="{id}" from="eve@localhost/pc" to="toy.localhost"><query xmlns="http://jabber.org/protocol/disco#items"/></iq>`,
      `<iq type="result" id="{id}" from="toy.localhost" to="eve@localhost/pc"><query xmlns="http://jabber.org/protocol/disco#items"/></iq>`,
    );
  });

  test("tells how a room is, and her nick in it", async () => {
    const story = await inLobby();
    const field = (name: string, value: string) => `<field var="${name}"><value>${value}</value></field>`;
    await story.ask(
      info(lobby),
      `<iq type="result" id="{id}" from="${lobby}" to="${phone}"><query xmlns="http://jabber.org/protocol/disco#info">
        <identity category="conference" type="text" name="The Lobby"/>
        ${[
          "http://jabber.org/protocol/disco#info",
          "http://jabber.org/protocol/disco#items",
          "http://jabber.org/protocol/muc",
          "http://jabber.org/protocol/muc#admin",
          "http://jabber.org/protocol/muc#self-ping-optimization",
          "http://jabber.org/protocol/muc#stable_id",
          "muc_hidden",
          "muc_nonanonymous",
          "muc_open",
          "muc_persistent",
          "muc_unmoderated",
          "muc_unsecured",
          "urn:xmpp:chat-markers:0",
          "urn:xmpp:fallback:0",
          "urn:xmpp:fasten:0",
          "urn:xmpp:mam:2",
          "urn:xmpp:message-correct:0",
          "urn:xmpp:message-moderate:0",
          "urn:xmpp:message-moderate:1",
          "urn:xmpp:message-retract:1",
          "urn:xmpp:occupant-id:0",
          "urn:xmpp:ping",
          "urn:xmpp:reactions:0",
          "urn:xmpp:reference:0",
          "urn:xmpp:reply:0",
          "urn:xmpp:sid:0",
          "vcard-temp",
        ]
          .map((name) => `<feature var="${name}"/>`)
          .join("")}
        <x xmlns="jabber:x:data" type="result">
          <field var="FORM_TYPE" type="hidden"><value>http://jabber.org/protocol/muc#roominfo</value></field>
          ${field("muc#roominfo_description", "The Lobby")}${field("muc#roominfo_subject", "")}${field("muc#roominfo_occupants", "3")}
        </x></query></iq>`,
    );
    await story.ask(
      info(lobby, ` node="x-roomuser-item"`),
      `<iq type="result" id="{id}" from="${lobby}" to="${phone}">
        <query xmlns="http://jabber.org/protocol/disco#info" node="x-roomuser-item">
        <identity category="conference" type="text" name="al"/></query></iq>`,
    );
  });

  test("tells of a room that alice has not been in that it is one, so that her client joins, and nothing else", async () => {
    const story = await withLobby();
    const features = [
      "http://jabber.org/protocol/disco#info",
      "http://jabber.org/protocol/disco#items",
      "http://jabber.org/protocol/muc",
      "http://jabber.org/protocol/muc#admin",
      "http://jabber.org/protocol/muc#self-ping-optimization",
      "http://jabber.org/protocol/muc#stable_id",
      "muc_hidden",
      "muc_nonanonymous",
      "muc_persistent",
      "muc_unmoderated",
      "muc_unsecured",
      "urn:xmpp:chat-markers:0",
      "urn:xmpp:fallback:0",
      "urn:xmpp:fasten:0",
      "urn:xmpp:mam:2",
      "urn:xmpp:message-correct:0",
      "urn:xmpp:message-moderate:0",
      "urn:xmpp:message-moderate:1",
      "urn:xmpp:message-retract:1",
      "urn:xmpp:occupant-id:0",
      "urn:xmpp:ping",
      "urn:xmpp:reactions:0",
      "urn:xmpp:reference:0",
      "urn:xmpp:reply:0",
      "urn:xmpp:sid:0",
      "vcard-temp",
    ];
    await story.ask(
      info(lobby),
      `<iq type="result" id="{id}" from="${lobby}" to="${phone}"><query xmlns="http://jabber.org/protocol/disco#info">
        <identity category="conference" type="text" name="#lobby"/>
        ${features.map((feature) => `<feature var="${feature}"/>`).join("")}</query></iq>`,
    );
  });
});

describe("by writing to the gateway", () => {
  const write = (story: Story, text: string) =>
    story.send(`<message type="chat" from="${phone}" to="toy.localhost"><body>${text}</body></message>`);
  const answer = (text: string) =>
    `<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost"><body>${text}</body></message>`;

  async function inTwoRooms() {
    const story = await withLobby();
    story.network.rooms.create({ id: "r2", name: "Tea", members: { al: "member", bob: "owner" } });
    story.network.rooms.all.get("r1")?.members.set("al", { name: "al", rank: "member" });
    return story;
  }

  test("alice is in no rooms", async () => {
    const story = await withLobby();
    await write(story, "rooms");
    await story.expect(answer("You are in no rooms there yet."));
    await write(story, "rooms #lobby");
    await story.expect(answer(`Join ${lobby} in your client.`));
  });

  test("she chooses one of hers, gets an invitation and joins", async () => {
    const story = await inTwoRooms();
    await write(story, "rooms");
    await story.expect(
      answer(
        `Rooms: #lobby: The Lobby, 3 people\n{tea}: Tea, 2 people\nJoin which one? One of: #lobby, {tea}.\n("cancel" leaves this.)`,
      ),
    );
    await write(story, "tea");
    const { room = "" } = await story.expect(
      answer("You have an invitation to Tea now: open it, or join {room}@toy.localhost in your client."),
    );
    const jid = `${room}@toy.localhost`;
    await story.expect(`<message from="${jid}" to="alice@localhost" id="{id}"><body>You can join the room ${jid}</body>
      <x xmlns="http://jabber.org/protocol/muc#user"><invite from="toy.localhost"/></x><x xmlns="jabber:x:conference" jid="${jid}"/></message>`);
    await story.send(join("al", { room: jid }));
    await story.expect(seen("al", { room: jid, codes: [110, 100] }));
  });

  test("she leaves one, and all of her clients are out", async () => {
    const story = await inLobby();
    await story.send(join("al", { client: laptop }));
    await story.skip();
    await write(story, "leave lobby");
    await story.expect(answer("You have left The Lobby."));
    for (const client of [phone, laptop])
      await story.expect(
        seen("al", { client, type: "unavailable", role: "none", affiliation: "none", codes: [110, 307] }),
      );
    await story.nothing();
    expect(story.network.rooms.all.get("r1")?.members.has("al")).toBe(false);
  });
});
