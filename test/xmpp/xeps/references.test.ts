import { parse } from "ltx";
import { describe, expect, test } from "vitest";
import { mention, mentionsIn, uriOf } from "../../../src/xmpp/xeps/references.ts";

const stanza = (references: string) => parse(`<message xmlns="jabber:client">${references}</message>`);
const reference = (attributes: string) => `<reference xmlns="urn:xmpp:reference:0" ${attributes}/>`;
const juliet = `type="mention" uri="xmpp:juliet@capulet.lit"`;
const found = (references: string, body: string, text = body) =>
  mentionsIn(stanza(references), body, text).map(({ jid, at }) => ({ jid: jid.toString(), ...(at ? { at } : {}) }));

describe("a client mentions", () => {
  test("somebody at a place that is counted in code points", () => {
    expect(found(reference(`begin="3" end="9" ${juliet}`), "😀, Juliet is the sun")).toEqual([
      { jid: "juliet@capulet.lit", at: { start: 4, end: 10 } },
    ]);
  });

  test("somebody behind a quote that is taken out", () => {
    expect(found(reference(`begin="8" end="14" ${juliet}`), "> who?\n Juliet", " Juliet")).toEqual([
      { jid: "juliet@capulet.lit", at: { start: 1, end: 7 } },
    ]);
  });

  test.each([
    ["no place", ""],
    ["half a place", `begin="3"`],
    ["a place outside", `begin="3" end="90"`],
    ["a place that ends before it begins", `begin="5" end="2"`],
    ["nonsense", `begin="-1" end="1e3"`],
  ])("somebody with %s", (_, place) => {
    expect(found(reference(`${place} ${juliet}`), "Juliet is the sun")).toEqual([{ jid: "juliet@capulet.lit" }]);
  });

  test("somebody in a room, with all that a URI escapes", () => {
    const uri = "xmpp:%23tea%5C3aexample.org@matrix.localhost/Ann%20Lee";
    expect(found(reference(`type="mention" uri="${uri}"`), "x")).toEqual([
      { jid: "#tea\\3aexample.org@matrix.localhost/Ann Lee" },
    ]);
  });

  test.each([
    ["data", `type="data" uri="xmpp:juliet@capulet.lit"`],
    ["no address", `type="mention"`],
    ["another scheme", `type="mention" uri="https://capulet.lit"`],
    ["a broken escape", `type="mention" uri="xmpp:juliet%E0@capulet.lit"`],
  ])("nobody: %s", (_, attributes) => expect(found(reference(attributes), "x")).toEqual([]));

  test("fifty people at most", () => {
    expect(found(reference(juliet).repeat(1000), "x")).toHaveLength(50);
  });
});

describe("those who are mentioned are referred to", () => {
  test.each([
    ["at their name", "😀 Ann Lee: hi", "Ann Lee", `begin="2" end="9" `],
    ["not inside of words", "Annabel and Ann", "Ann", `begin="12" end="15" `],
    ["without a place", "hi", "Ann", ""],
  ])("%s", (_, body, name, place) => {
    expect(mention("xmpp:a@b", body, name).toString()).toBe(
      `<reference xmlns="urn:xmpp:reference:0" type="mention" ${place}uri="xmpp:a@b"/>`,
    );
  });

  test("also in a text that has their name in every word", () => {
    expect(mention("xmpp:a@b", `${"al".repeat(30_000)} al`, "al").attrs).toMatchObject({
      begin: "60001",
      end: "60003",
    });
    expect(mention("xmpp:a@b", "al".repeat(30_000), "al").attrs.begin).toBeUndefined();
    expect(mention("xmpp:a@b", "𝒜al al𝒜 al", "al").attrs).toMatchObject({ begin: "8" });
  });

  test("by a URI that only means them", () => {
    expect(uriOf("ann\\3aexample.org@matrix.localhost")).toBe("xmpp:ann%5C3aexample.org@matrix.localhost");
    expect(uriOf("#tea@matrix.localhost/Ann Lee?")).toBe("xmpp:%23tea@matrix.localhost/Ann%20Lee%3F");
  });
});
