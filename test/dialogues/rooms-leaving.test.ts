// Clients go out of a room, the user leaves it on the network or is put out of it (XEP-0045 sections 7.14, 8.2 and 9.1).
import { describe, expect, test } from "vitest";
import { entered, inLobby, join, laptop, lobby, phone, says, seen, write } from "./room-stanzas.ts";

const goOut = (client = phone) => `<presence type="unavailable" from="${client}" to="${lobby}/al"/>`;
const out = (codes: readonly number[], more: Parameters<typeof seen>[1] = {}) =>
  seen("al", { type: "unavailable", role: "none", codes, ...more });

describe("a client goes out", () => {
  test("and alice stays in the room on the network, where her other client goes on", async () => {
    const story = await inLobby();
    await story.send(join("al", { client: laptop }));
    await entered(story, laptop);
    await story.send(goOut());
    await story.expect(out([110]));
    story.network.rooms.say("bob", "r1", "still here?", "b1");
    await story.expect(says("bob", "still here?", { client: laptop }));
    await story.nothing();
    expect(story.network.rooms.all.get("r1")?.members.has("al")).toBe(true);
  });

  test("twice, or without having been in, and nothing happens", async () => {
    const story = await inLobby();
    await story.send(goOut() + goOut() + goOut(laptop));
    await story.expect(out([110]));
    await story.nothing();
  });

  test("without a word: its server's error is as good as one", async () => {
    const story = await inLobby();
    story.network.rooms.say("bob", "r1", "hello?", "b1");
    const { stanza } = await story.expect(says("bob", "hello?"));
    await story.send(`<message type="error" id="${stanza}" from="${phone}" to="${lobby}/bob"><error type="cancel">
      <service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`);
    // What the network tells comes by another way than the error.
    await story.nothing();
    story.network.rooms.say("bob", "r1", "anybody?", "b2");
    await story.nothing();
  });
});

describe("alice is out of the room on the network", () => {
  test("because she left with another program, and all of her clients are out", async () => {
    const story = await inLobby();
    await story.send(join("al", { client: laptop }));
    await entered(story, laptop);
    story.network.rooms.exit("al", "r1");
    await story.expect(out([110, 307], { affiliation: "none" }));
    await story.expect(out([110, 307], { affiliation: "none", client: laptop }));
    await story.nothing();
  });

  test("because bob kicked her, and she hears by whom and why", async () => {
    const story = await inLobby();
    story.network.rooms.exit("al", "r1", "kicked", "bob", "Too loud");
    await story.expect(out([110, 307], { affiliation: "none", item: `<actor nick="bob"/><reason>Too loud</reason>` }));
    // M13: from now on she hears nothing and says nothing there.
    story.network.rooms.say("bob", "r1", "at last", "b1");
    await story.send(write("m1", "but"));
    await story.expect(`<message type="error" id="m1" from="${lobby}" to="${phone}"><error type="modify">
      <not-acceptable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
      <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">You are not in this room: join it first.</text></error></message>`);
    await story.nothing();
  });

  test("because bob banned her, and she cannot come back, nor read what was said before", async () => {
    const story = await inLobby();
    story.network.rooms.say("bob", "r1", "before", "b1");
    await story.expect(says("bob", "before"));
    story.network.rooms.exit("al", "r1", "banned", "bob");
    await story.expect(out([110, 301], { affiliation: "outcast", item: `<actor nick="bob"/>` }));
    await story.send(join());
    await story.expect(`<presence type="error" from="${lobby}/al" to="${phone}"><x xmlns="http://jabber.org/protocol/muc"/><error type="auth" by="${lobby}">
      <forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
      <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">You are banned from this room.</text></error></presence>`);
    await story.nothing();
  });
});

describe("others", () => {
  test("come, go, are kicked and banned, and their ranks change, as alice sees", async () => {
    const story = await inLobby();
    story.network.rooms.enter("dave", "r1");
    await story.expect(seen("dave"));
    story.network.rooms.change("bob", "r1", { do: "rank", who: "dave", rank: "admin" });
    await story.expect(seen("dave", { affiliation: "admin", role: "moderator" }));
    story.network.rooms.change("bob", "r1", { do: "rank", who: "dave", rank: "visitor" });
    await story.expect(seen("dave", { affiliation: "none", role: "visitor" }));
    story.network.rooms.exit("dave", "r1");
    const gone = { type: "unavailable", role: "none", affiliation: "none" } as const;
    await story.expect(seen("dave", gone));
    story.network.rooms.enter("dave", "r1");
    await story.expect(seen("dave", { affiliation: "member" }));
    story.network.rooms.exit("dave", "r1", "kicked", "bob");
    await story.expect(seen("dave", { ...gone, codes: [307], item: `<actor nick="bob"/>` }));
    story.network.rooms.exit("carol", "r1", "banned", "bob", "Spam");
    await story.expect(
      seen("carol", {
        ...gone,
        affiliation: "outcast",
        codes: [301],
        item: `<actor nick="bob"/><reason>Spam</reason>`,
      }),
    );
    await story.nothing();
  });
});

const admin = (item: string, type = "set") =>
  `<iq type="${type}" id="{id}" from="${phone}" to="${lobby}"><query xmlns="http://jabber.org/protocol/muc#admin">${item}</query></iq>`;
const fine = `<iq type="result" id="{id}" from="${lobby}" to="${phone}"/>`;

describe("alice, an admin,", () => {
  async function asAdmin() {
    const story = await inLobby();
    story.network.rooms.change("bob", "r1", { do: "rank", who: "al", rank: "admin" });
    await story.expect(seen("al", { affiliation: "admin", role: "moderator", codes: [110] }));
    return story;
  }

  test("kicks carol", async () => {
    const story = await asAdmin();
    await story.ask(admin(`<item nick="carol" role="none"><reason>Bye</reason></item>`), fine);
    await story.expect(
      seen("carol", {
        type: "unavailable",
        role: "none",
        affiliation: "none",
        codes: [307],
        item: `<actor nick="al"/><reason>Bye</reason>`,
      }),
    );
  });

  test("bans carol by her address, and finds her in the list of those", async () => {
    const story = await asAdmin();
    await story.ask(admin(`<item jid="carol@toy.localhost" affiliation="outcast"/>`), fine);
    await story.skip();
    await story.ask(
      admin(`<item affiliation="outcast"/>`, "get"),
      `<iq type="result" id="{id}" from="${lobby}" to="${phone}"><query xmlns="http://jabber.org/protocol/muc#admin">
        <item affiliation="outcast" jid="carol@toy.localhost"/></query></iq>`,
    );
  });

  test("makes carol an owner, and takes her voice", async () => {
    const story = await asAdmin();
    await story.ask(admin(`<item nick="carol" affiliation="owner"/>`), fine);
    await story.expect(seen("carol", { affiliation: "owner", role: "moderator" }));
    await story.ask(admin(`<item nick="carol" role="visitor"/>`), fine);
    await story.expect(seen("carol", { affiliation: "none", role: "visitor" }));
  });

  test.each([
    ["nobody", `<item nick="zoe" role="none"/>`, "item-not-found", "cancel"],
    ["nothing that there is", `<item nick="carol" affiliation="king"/>`, "bad-request", "modify"],
    ["nothing", "", "bad-request", "modify"],
  ])("changes %s and hears so", async (_, item, condition, type) => {
    const story = await asAdmin();
    const { text } = await story.ask(
      admin(item),
      `<iq type="error" id="{id}" from="${lobby}" to="${phone}"><error type="${type}">
        <${condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">{text}</text></error></iq>`,
    );
    expect(text).toBeTruthy();
  });
});

describe("alice, a member,", () => {
  test("kicks nobody: the network does not let her", async () => {
    const story = await inLobby();
    await story.ask(
      admin(`<item nick="carol" role="none"/>`),
      `<iq type="error" id="{id}" from="${lobby}" to="${phone}"><error type="auth">
        <forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
        <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">Only its admins may do that.</text></error></iq>`,
    );
    await story.nothing();
  });
});
