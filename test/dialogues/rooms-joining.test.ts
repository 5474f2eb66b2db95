// Alice's clients come into a room, and what they see of it then (XEP-0045 sections 7.1 and 7.2).
import { describe, expect, test } from "vitest";
import { entered, inLobby, join, laptop, lobby, phone, says, seen, subject, withLobby } from "./room-stanzas.ts";

const refused = (room: string, type: string, condition: string, text: string) =>
  `<presence type="error" from="${room}/al" to="${phone}"><x xmlns="http://jabber.org/protocol/muc"/><error type="${type}" by="${room}">
    <${condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
    <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">${text}</text></error></presence>`;

describe("alice joins a room", () => {
  test("by its address: she is in it on the network, and sees who is there, herself last, then the subject", async () => {
    const story = await withLobby({}, "Tea at five");
    await story.send(join());
    await story.expect(
      subject("Tea at five", { more: `<delay xmlns="urn:xmpp:delay" from="${lobby}" stamp="{at}"/>` }),
    );
    const order = story.server.stanzas.slice(-4).map(({ attrs }) => attrs.from);
    expect(order.slice(0, 2).toSorted()).toEqual([`${lobby}/bob`, `${lobby}/carol`]);
    expect(order[2]).toBe(`${lobby}/al`);
    expect(story.network.rooms.all.get("r1")?.members.has("al")).toBe(true);
  });

  test("under another nick than hers there, and hears which one she has", async () => {
    const story = await withLobby();
    await story.send(join("queen"));
    await entered(story, phone, [110, 100, 210]);
    await story.nothing();
  });

  test("with two clients, and each sees everything", async () => {
    const story = await inLobby();
    await story.send(join("al", { client: laptop }));
    await entered(story, laptop);
    await story.nothing();
    story.network.rooms.say("bob", "r1", "hi both", "b1");
    await story.expect(says("bob", "hi both"));
    await story.expect(says("bob", "hi both", { client: laptop }));
    await story.nothing();
  });

  test("again with the same client, and gets it all again", async () => {
    const story = await inLobby();
    await story.send(join());
    await entered(story);
    await story.nothing();
  });

  test("that is not there", async () => {
    const story = await withLobby();
    await story.send(join("al", { room: "#nowhere@toy.localhost" }));
    await story.expect(refused("#nowhere@toy.localhost", "cancel", "item-not-found", "There is no such room."));
    await story.nothing();
  });

  test("that takes members only", async () => {
    const story = await withLobby();
    story.network.rooms.create({ id: "r2", address: "#club", open: false, members: { bob: "owner" } });
    await story.send(join("al", { room: "#club@toy.localhost" }));
    await story.expect(refused("#club@toy.localhost", "auth", "forbidden", "This room takes members only."));
    await story.nothing();
  });

  test("without being signed in", async () => {
    const story = await withLobby();
    await story.send(join("mallory", { client: "mallory@localhost/pc" }));
    await story.expect(`<presence type="error" from="${lobby}/mallory" to="mallory@localhost/pc"><x xmlns="http://jabber.org/protocol/muc"/><error type="auth" by="${lobby}">
      <registration-required xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
      <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">Sign in first: send "login" to the gateway.</text></error></presence>`);
    await story.nothing();
  });
});

describe("history", () => {
  const history = (attributes: string) => join("al", { inside: `<history ${attributes}/>` });
  const delayed = (text: string) =>
    says("bob", text, { more: `<delay xmlns="urn:xmpp:delay" from="${lobby}" stamp="{at}"/>` }).replace(
      /(<delay.*?\/>)(.*)(<\/message>)/s,
      "$2$1$3",
    );

  async function talked(count: number) {
    const story = await inLobby();
    await story.send(`<presence type="unavailable" from="${phone}" to="${lobby}/al"/>`);
    await story.expect(seen("al", { type: "unavailable", role: "none", codes: [110] }));
    for (let n = 1; n <= count; n++) story.network.rooms.say("bob", "r1", `message ${n}`, `b${n}`);
    // Nobody is there: the archive has it, and no stanza is written.
    await story.nothing();
    return story;
  }

  test("that alice missed while no client of hers was in the room comes with the time it was said", async () => {
    const story = await talked(3);
    await story.send(join());
    for (const text of ["message 1", "message 2", "message 3"]) await story.expect(delayed(text));
    await entered(story);
    await story.nothing();
  });

  test.each([
    [`maxstanzas="2"`, ["message 4", "message 5"]],
    [`maxstanzas="0"`, []],
    [`maxchars="0"`, []],
    // A message costs what its stanza takes: two of them do not fit into 500 characters.
    [`maxchars="500"`, ["message 5"]],
    [`seconds="3600"`, ["message 1", "message 2", "message 3", "message 4", "message 5"]],
    [`since="2999-01-01T00:00:00Z"`, []],
    [`since="2001-01-01T00:00:00Z" maxstanzas="1"`, ["message 5"]],
    [`maxstanzas="-1"`, ["message 1", "message 2", "message 3", "message 4", "message 5"]],
    [`since="yesterday"`, ["message 1", "message 2", "message 3", "message 4", "message 5"]],
  ])("with %s is %s", async (wish, texts) => {
    const story = await talked(5);
    await story.send(history(wish));
    for (const text of texts) await story.expect(delayed(text));
    await entered(story);
    await story.nothing();
  });

  test("and live messages never come twice, however they mix", async () => {
    const story = await talked(1);
    for (let n = 2; n <= 10; n++) story.network.rooms.say("bob", "r1", `message ${n}`, `b${n}`);
    await story.send(join());
    for (let n = 11; n <= 20; n++) story.network.rooms.say("bob", "r1", `message ${n}`, `b${n}`);
    await story.until("all are there", () =>
      story.server.stanzas.some((stanza) => stanza.getChildText("body") === "message 20"),
    );
    const texts = story.server.stanzas.map((stanza) => stanza.getChildText("body")).filter(Boolean);
    expect(texts).toEqual(Array.from({ length: 20 }, (_, n) => `message ${n + 1}`));
  });
});
