// Asked into a room, and asking others in (XEP-0045 section 7.8, XEP-0249).
import { describe, expect, test } from "vitest";
import { inLobby, join, lobby, phone, seen, withLobby } from "./room-stanzas.ts";
import { aliceSignedIn } from "./story.ts";

const user = "http://jabber.org/protocol/muc#user";
const invitation = (room: string, text: string, from = "bob@toy.localhost") =>
  `<message from="${room}" to="alice@localhost" id="{id}"><body>${text}</body>
    <x xmlns="${user}"><invite from="${from}"/></x><x xmlns="jabber:x:conference" jid="${room}"/></message>`;

describe("bob asks alice in", () => {
  test("and she is told once; nothing is joined before she joins", async () => {
    const story = await withLobby();
    story.network.rooms.invite("bob", "r1", "al");
    await story.expect(invitation(lobby, "bob@toy.localhost invites you to the room The Lobby"));
    story.network.rooms.invite("bob", "r1", "al");
    story.network.rooms.say("bob", "r1", "where is she?", "b1");
    await story.nothing();
    expect(story.network.rooms.all.get("r1")?.members.has("al")).toBe(false);
    await story.send(join());
    await story.expect(seen("al", { codes: [110, 100] }));
    expect(story.network.rooms.all.get("r1")?.members.has("al")).toBe(true);
  });

  test("into a room without an address, which gets a name that can be read", async () => {
    const story = await aliceSignedIn();
    story.network.rooms.create({ id: "r7", name: "Bücher & Tee", open: false, members: { bob: "owner" } });
    story.network.rooms.invite("bob", "r7", "al");
    const { room = "" } = await story.expect(`<message from="{room}@toy.localhost" to="alice@localhost" id="{id}">
      <body>bob@toy.localhost invites you to the room Bücher &amp; Tee</body>
      <x xmlns="${user}"><invite from="bob@toy.localhost"/></x>
      <x xmlns="jabber:x:conference" jid="{room}@toy.localhost"/></message>`);
    expect(room).toMatch(/^~bucher-tee-[0-9a-v]{8}$/);
    const jid = `${room}@toy.localhost`;
    await story.send(join("al", { room: jid }));
    await story.expect(seen("bob", { room: jid, affiliation: "owner", role: "moderator" }));
    await story.expect(seen("al", { room: jid, codes: [110, 100] }));
  });

  test("and she declines: the network hears it", async () => {
    const story = await withLobby();
    story.network.rooms.invite("bob", "r1", "al");
    await story.skip();
    await story.send(
      `<message id="d1" from="${phone}" to="${lobby}"><x xmlns="${user}"><decline to="bob@toy.localhost"/></x></message>`,
    );
    await story.until("it is declined", () => !story.network.rooms.all.get("r1")?.invited.has("al"));
    await story.nothing();
  });

  test("into more rooms than anybody wants: she hears of twenty an hour, all are in her list", async () => {
    const story = await aliceSignedIn();
    for (let n = 0; n < 30; n++) {
      story.network.rooms.create({ id: `r${n}`, address: `#room-${n}`, members: { bob: "owner" } });
      story.network.rooms.invite("bob", `r${n}`, "al");
    }
    await story.skip();
    expect(story.server.stanzas.filter((one) => one.getChild("x", user)?.getChild("invite"))).toHaveLength(20);
  });
});

describe("alice asks bob's friend dave in", () => {
  const asked = (to: string) => `<message id="i1" from="${phone}" to="${lobby}"><x xmlns="${user}">
    <invite to="${to}"><reason>Tea</reason></invite></x></message>`;

  test("through the room", async () => {
    const story = await inLobby();
    await story.send(asked("dave@toy.localhost"));
    await story.until("dave is asked", () => story.network.rooms.all.get("r1")?.invited.get("dave") === "al");
    await story.nothing();
  });

  test("with an invitation of her client's own", async () => {
    const story = await inLobby();
    await story.send(`<message id="i1" from="${phone}" to="dave@toy.localhost">
      <x xmlns="jabber:x:conference" jid="${lobby}"/></message>`);
    await story.until("dave is asked", () => story.network.rooms.all.get("r1")?.invited.get("dave") === "al");
    await story.nothing();
  });

  test("who is not on this network, and hears that this cannot be", async () => {
    const story = await inLobby();
    await story.send(asked("dave@localhost"));
    await story.expect(`<message type="error" id="i1" from="${lobby}" to="${phone}"><error type="modify">
      <not-acceptable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
      <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">Only people of toy.localhost can be asked into this room.</text></error></message>`);
  });

  test("into a room of another service", async () => {
    const story = await inLobby();
    await story.send(`<message id="i1" from="${phone}" to="dave@toy.localhost">
      <x xmlns="jabber:x:conference" jid="tea@rooms.localhost"/></message>`);
    await story.expect(`<message type="error" id="i1" from="dave@toy.localhost" to="${phone}"><error type="modify">
      <not-acceptable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
      <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">People of this network can only be asked into its own rooms.</text></error></message>`);
  });
});
