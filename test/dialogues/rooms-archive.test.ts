// What was said in a room, asked for by pages (XEP-0313, XEP-0059).
import { describe, expect, test } from "vitest";
import type { IncomingMessage } from "../../src/bridge/index.ts";
import { entered, inLobby, join, lobby, phone, says, seen, subject, withLobby, write } from "./room-stanzas.ts";
import type { Story } from "./story.ts";

const mam = "urn:xmpp:mam:2";
const fieldOf = ([name, value]: readonly [string, string]) => `<field var="${name}"><value>${value}</value></field>`;

/** Asks for a page; returns the texts, the ids, and what the end says. */
async function page(story: Story, set: string, fields: Readonly<Record<string, string>> = {}) {
  const form = `<x xmlns="jabber:x:data" type="submit">${fieldOf(["FORM_TYPE", mam])}${Object.entries(fields).map(fieldOf).join("")}</x>`;
  const id = `page-${Math.random()}`;
  await story.skip();
  const before = story.server.stanzas.length;
  await story.send(`<iq type="set" id="${id}" from="${phone}" to="${lobby}"><query xmlns="${mam}" queryid="q1">${form}
    <set xmlns="http://jabber.org/protocol/rsm">${set}</set></query></iq>`);
  const end = await story.server.next((stanza) => stanza.attrs.id === id);
  await story.skip();
  const results = story.server.stanzas.slice(before).flatMap((one) => one.getChild("result", mam) ?? []);
  const fin = end.getChild("fin", mam);
  return {
    texts: results.map((one) => one.getChild("forwarded")?.getChild("message")?.getChildText("body")),
    ids: results.map((one) => String(one.attrs.id)),
    complete: fin?.attrs.complete === "true",
    count: fin?.getChild("set")?.getChildText("count"),
    first: fin?.getChild("set")?.getChildText("first"),
    last: fin?.getChild("set")?.getChildText("last"),
    error: end.getChild("error")?.getChildElements()[0]?.getName(),
  };
}

async function talked(): Promise<Story> {
  const story = await inLobby();
  for (let n = 1; n <= 5; n++) story.network.rooms.say(n % 2 ? "bob" : "carol", "r1", `message ${n}`, `m${n}`);
  await story.expect(says("bob", "message 5"));
  await story.skip();
  return story;
}

describe("the archive of a room", () => {
  test("comes in pages, forwards and backwards, each with where it ends", async () => {
    const story = await talked();
    const first = await page(story, "<max>2</max>");
    expect(first).toMatchObject({ texts: ["message 1", "message 2"], complete: false, count: "5" });
    expect([first.first, first.last]).toEqual([first.ids[0], first.ids[1]]);
    const second = await page(story, `<max>3</max><after>${first.last}</after>`);
    expect(second).toMatchObject({ texts: ["message 3", "message 4", "message 5"], complete: true });
    const newest = await page(story, "<max>2</max><before/>");
    expect(newest).toMatchObject({ texts: ["message 4", "message 5"], complete: false });
    const older = await page(story, `<max>9</max><before>${newest.first}</before>`);
    expect(older).toMatchObject({ texts: ["message 1", "message 2", "message 3"], complete: true });
    expect(await page(story, "<max>0</max>")).toMatchObject({ texts: [], count: "5" });
  });

  test("holds a message as the room showed it, with the same stanza id", async () => {
    const story = await inLobby();
    await story.send(write("a1", "mine"));
    const { stanza = "", who = "" } = await story.expect(says("al", "mine", { id: "a1" }));
    await story.send(`<iq type="set" id="q" from="${phone}" to="${lobby}"><query xmlns="${mam}" queryid="q1"/></iq>`);
    await story.expect(`<message from="${lobby}" to="${phone}"><result xmlns="${mam}" queryid="q1" id="${stanza}">
      <forwarded xmlns="urn:xmpp:forward:0"><delay xmlns="urn:xmpp:delay" stamp="{at}"/>
      <message xmlns="jabber:client" type="groupchat" from="${lobby}/al" id="a1"><body>mine</body>
      <stanza-id xmlns="urn:xmpp:sid:0" by="${lobby}" id="${stanza}"/>
      <occupant-id xmlns="urn:xmpp:occupant-id:0" id="${who}"/></message></forwarded></result></message>`);
    await story.expect(`<iq type="result" id="q" from="${lobby}" to="${phone}"><fin xmlns="${mam}" complete="true">
      <set xmlns="http://jabber.org/protocol/rsm"><first>${stanza}</first><last>${stanza}</last><count>1</count></set></fin></iq>`);
  });

  test("is asked by time and by person", async () => {
    const story = await talked();
    const bobs = { texts: ["message 1", "message 3", "message 5"], complete: true, count: "3" };
    expect(await page(story, "<max>9</max>", { with: "bob@toy.localhost" })).toMatchObject(bobs);
    expect(await page(story, "<max>9</max>", { with: `${lobby}/bob` })).toMatchObject(bobs);
    expect(await page(story, "<max>9</max>", { with: "alice@localhost" })).toMatchObject({ texts: [] });
    expect(await page(story, "<max>9</max>", { with: `${lobby}/nobody` })).toMatchObject({ texts: [] });
    expect(await page(story, "<max>9</max>", { start: "2999-01-01T00:00:00Z" })).toMatchObject({ texts: [] });
    expect((await page(story, "<max>9</max>", { start: "2001-01-01T00:00:00Z" })).texts).toHaveLength(5);
    expect(await page(story, "<max>9</max>", { end: "2001-01-01T00:00:00Z" })).toMatchObject({ texts: [], count: "0" });
  });

  test.each([
    ["an id that is not in it", "<after>made-up</after>", {}, "item-not-found"],
    ["a time that is none", "", { start: "yesterday" }, "bad-request"],
    ["an address that is none", "", { with: "@@" }, "jid-malformed"],
  ])("asked with %s says so", async (_, set, fields, error) => {
    const story = await talked();
    expect(await page(story, set, fields as Record<string, string>)).toMatchObject({ error, texts: [] });
  });

  test("M13: is closed to alice once she is put out of the room", async () => {
    const story = await talked();
    story.network.rooms.exit("al", "r1", "kicked", "bob");
    await story.expect(
      seen("al", {
        type: "unavailable",
        role: "none",
        affiliation: "none",
        codes: [110, 307],
        item: `<actor nick="bob"/>`,
      }),
    );
    expect(await page(story, "<max>9</max>")).toMatchObject({ error: "forbidden", texts: [] });
  });
});

describe("what was said before", () => {
  const hour = 3_600_000;
  const older = (count: number, room = "r1"): IncomingMessage[] =>
    Array.from({ length: count }, (_, n) => ({
      type: "message",
      id: `old${n + 1}`,
      peer: { kind: "room", id: room },
      from: "dora",
      name: "dora",
      text: `older ${n + 1}`,
      sentAt: Date.UTC(2020, 0, 1) + n * hour,
    }));

  /** Alice is in the lobby, without having asked for its history. */
  const inLobbyWith = async (past: readonly IncomingMessage[]): Promise<Story> => {
    const story = await withLobby();
    story.network.rooms.past.set("r1", past);
    await story.send(join("al", { inside: '<history maxstanzas="0"/>' }));
    await entered(story);
    return story;
  };

  test("is fetched when a client reads back, in order and once, and nobody is told of it", async () => {
    const story = await inLobbyWith(older(150));
    story.network.rooms.say("bob", "r1", "now", "m1");
    await story.expect(says("bob", "now"));
    const newest = await page(story, "<max>4</max><before/>");
    expect(newest).toMatchObject({ texts: ["older 148", "older 149", "older 150", "now"], complete: false });
    const texts: unknown[] = [];
    for (let first = newest.first ?? "", complete = false; !complete; ) {
      const next = await page(story, `<max>40</max><before>${first}</before>`);
      texts.unshift(...next.texts);
      first = next.first ?? "";
      complete = next.complete;
    }
    expect(texts).toEqual(Array.from({ length: 147 }, (_, n) => `older ${n + 1}`));
    expect(await page(story, "<max>0</max>")).toMatchObject({ count: "151" });
  });

  test("is fetched as far back as the time that is asked for", async () => {
    const story = await inLobbyWith(older(150));
    const first = await page(story, "<max>2</max>", { start: "2020-01-02T00:00:00Z" });
    expect(first).toMatchObject({ texts: ["older 25", "older 26"], complete: false });
  });

  test("is there for a client that comes in, as much as it wants", async () => {
    const story = await withLobby();
    story.network.rooms.past.set("r1", older(150));
    await story.send(join("al", { inside: '<history maxstanzas="3"/>' }));
    await story.expect(seen("bob", { affiliation: "owner", role: "moderator" }));
    await story.expect(seen("carol"));
    await story.expect(seen("al", { codes: [110, 100] }));
    const delay = `<delay xmlns="urn:xmpp:delay" from="${lobby}" stamp="{at}"/>`;
    for (const n of [148, 149, 150])
      await story.expect(says("dora", `older ${n}`).replace("</message>", `${delay}</message>`));
    await story.expect(subject());
    await story.nothing();
  });

  test("closes a gap in the middle, and the line that told of it is gone from the archive", async () => {
    const story = await inLobby();
    const [known, ...missing] = older(130);
    const tell = (message: IncomingMessage | undefined) => message && story.network.tell("al", message);
    tell(known);
    tell({ ...(known as IncomingMessage), id: "gap", from: "r1", text: "Something is missing here.", gap: true });
    story.network.rooms.say("bob", "r1", "after the gap", "m1");
    await story.until("it is there", () =>
      story.server.stanzas.some((stanza) => stanza.getChildText("body") === "after the gap"),
    );
    story.network.rooms.past.set("r1", [
      ...older(130),
      { ...(known as IncomingMessage), id: "m1", from: "bob", text: "after the gap", sentAt: Date.now() },
    ]);
    const all = await page(story, "<max>100</max><before/>");
    expect(all.texts.at(-1)).toBe("after the gap");
    expect(all.texts.slice(0, -1)).toEqual(missing.slice(-99).map(({ text }) => text));
    const rest = await page(story, `<max>100</max><before>${all.first}</before>`);
    expect(rest.texts).toEqual(older(31).map(({ text }) => text));
    expect(rest.complete).toBe(true);
  });
});
