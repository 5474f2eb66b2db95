// Who is called what in a room (XEP-0045 section 7.6, security.md X22).
import { describe, expect, test } from "vitest";
import { inLobby, join, lobby, phone, seen, subject, withLobby } from "./room-stanzas.ts";

const renamed = (from: string, to: string, { client = phone, codes = [303], jid = "" } = {}) =>
  seen(from, {
    client,
    type: "unavailable",
    codes,
    attributes: `nick="${to}"`,
    ...(jid ? { jid } : {}),
  });

describe("alice", () => {
  test("takes another nick, which the network has to take first", async () => {
    const story = await inLobby();
    await story.send(`<presence from="${phone}" to="${lobby}/Queen"/>`);
    await story.expect(renamed("al", "Queen", { codes: [303, 110] }));
    await story.expect(seen("Queen", { codes: [110], jid: phone }));
    await story.nothing();
    expect(story.network.rooms.all.get("r1")?.members.get("al")?.name).toBe("Queen");
  });

  test("tells how she is, and nobody has to hear that in the room", async () => {
    const story = await inLobby();
    await story.send(`<presence from="${phone}" to="${lobby}/al"><show>away</show></presence>`);
    await story.nothing();
  });

  test("believes to be in a room she is not in, and hears that she is not", async () => {
    const story = await withLobby();
    await story.send(`<presence from="${phone}" to="${lobby}/al"/>`);
    await story.expect(`<presence type="unavailable" from="${lobby}/al" to="${phone}">
      <x xmlns="http://jabber.org/protocol/muc#user"><item affiliation="none" role="none"/>
      <status code="110"/><status code="333"/></x></presence>`);
    await story.nothing();
  });

  test("asks whether she is still in (XEP-0410)", async () => {
    const story = await inLobby();
    const ping = (to: string, from = phone) =>
      `<iq type="get" id="{id}" from="${from}" to="${to}"><ping xmlns="urn:xmpp:ping"/></iq>`;
    await story.ask(ping(`${lobby}/al`), `<iq type="result" id="{id}" from="${lobby}/al" to="${phone}"/>`);
    await story.ask(
      ping(`${lobby}/al`, "alice@localhost/laptop"),
      `<iq type="error" id="{id}" from="${lobby}/al" to="alice@localhost/laptop"><error type="modify">
        <not-acceptable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
        <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">You are not in this room: join it first.</text></error></iq>`,
    );
    await story.ask(
      ping(`${lobby}/bob`),
      `<iq type="error" id="{id}" from="${lobby}/bob" to="${phone}"><error type="cancel">
        <service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`,
    );
  });
});

describe("others", () => {
  test("take another nick", async () => {
    const story = await inLobby();
    story.network.rooms.change("bob", "r1", { do: "nick", name: "Bob the Builder" });
    const bob = { affiliation: "owner", role: "moderator", jid: "bob@toy.localhost" };
    await story.expect(
      seen("bob", { ...bob, type: "unavailable", codes: [303], attributes: `nick="Bob the Builder"` }),
    );
    await story.expect(seen("Bob the Builder", bob));
    await story.nothing();
  });

  test.each([
    ["the very same", "bob"],
    ["with another case and spaces", "B O B"],
    ["with letters of another alphabet", "bоb"],
    ["with characters that cannot be seen", "b\u200bo\u2060b"],
    ["turned around by a bidi control", "\u202ebob"],
  ])("take bob's nick, %s, and are told apart by their id", async (_, name) => {
    const story = await inLobby();
    story.network.rooms.change("carol", "r1", { do: "nick", name });
    const clean = name.replace(/[\u200b\u2060\u202e]/g, "");
    await story.expect(renamed("carol", `${clean} (carol)`));
    await story.expect(seen(`${clean} (carol)`, { jid: "carol@toy.localhost" }));
    await story.nothing();
  });

  test("are called nothing at all, and go by their id", async () => {
    const story = await inLobby();
    story.network.rooms.change("carol", "r1", { do: "nick", name: " \u202e\u0000 " });
    await story.nothing();
  });

  test("M08: put lines and markup into a name, and it stays one nick", async () => {
    const story = await inLobby();
    story.network.rooms.change("carol", "r1", { do: "nick", name: `x/y\n<presence/>&"'` });
    const nick = "x/y &lt;presence/&gt;&amp;&quot;&apos;";
    await story.expect(renamed("carol", nick));
    await story.expect(seen(nick, { jid: "carol@toy.localhost" }));
    await story.nothing();
  });
});

describe("a crowd", () => {
  test("is shown as the 500 most active, and who speaks comes into view for one who does not", async () => {
    const story = await withLobby();
    const room = story.network.rooms.all.get("r1");
    for (let n = 0; n < 700; n++) room?.members.set(`person-${n}`, { name: `person-${n}`, rank: "member" });
    await story.send(join());
    await story.expect(subject());
    const present = () =>
      story.server.stanzas.filter(
        ({ name, attrs }) =>
          name === "presence" && attrs.type === undefined && String(attrs.from).startsWith(`${lobby}/`),
      );
    await story.until("the room is full", () => present().length >= 500);
    await story.skip();
    expect(present()).toHaveLength(500);
    const shown = new Set(present().map(({ attrs }) => attrs.from));
    const hidden = [...Array(700).keys()].find((n) => !shown.has(`${lobby}/person-${n}`));
    story.network.rooms.say(`person-${hidden}`, "r1", "hi", "p1");
    await story.until("they speak", () => story.server.stanzas.at(-1)?.getChildText("body") === "hi");
    const [gone, here] = story.server.stanzas.slice(-3);
    expect(gone?.attrs.type).toBe("unavailable");
    expect(here?.attrs.from).toBe(`${lobby}/person-${hidden}`);
    await story.skip();
  });
});
