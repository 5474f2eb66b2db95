// What was said in a room, asked for by pages (XEP-0313, XEP-0059).
import { describe, expect, test } from "vitest";
import { inLobby, lobby, phone, says, seen, write } from "./room-stanzas.ts";
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
