import { describe, expect, test } from "vitest";
import { joinMentions, nickMentions } from "../../src/gateway/nick-mentions.ts";

const people = ["Ann", "Ann Lee", "Bo", "Zoë", "x.y", "note"].map((nick) => ({ nick, id: `@${nick}` }));
/** Who is called, each with the words that call them. */
const called = (text: string) =>
  nickMentions(text, people).map(({ id, at }) => `${id}=${text.slice(at?.start, at?.end)}`);

describe("a text calls", () => {
  test.each([
    ["Ann: hello", ["@Ann=Ann"]],
    ["Ann, hello", ["@Ann=Ann"]],
    ["Ann:", ["@Ann=Ann"]],
    ["Ann Lee: hello", ["@Ann Lee=Ann Lee"]],
    ["Ann, Bo: hello", ["@Ann=Ann", "@Bo=Bo"]],
    ["Ann, Ann: hello", ["@Ann=Ann", "@Ann=Ann"]],
    ["hello @Ann", ["@Ann=Ann"]],
    ["hello @Ann Lee!", ["@Ann Lee=Ann Lee"]],
    ["(@Zoë) *@Bo*", ["@Zoë=Zoë", "@Bo=Bo"]],
    ["@x.y?", ["@x.y=x.y"]],
    ["@Ann: hello", ["@Ann=Ann"]],
  ])("%j: %j", (text, expected) => expect(called(text)).toEqual(expected));

  test.each([
    "Ann said hello",
    "hello Ann: you",
    "Ann:smile",
    "ann: hello",
    "Anna: hello",
    "@Anna",
    "@Ann_",
    "mail ann@Ann.org or me@Ann",
    "@Ann.example.org",
    "@Ann:example.org",
    "`@Ann`",
    "```\n@Ann\n```",
    "```\n@Ann",
    "> Ann: hello",
    " Ann: hello",
    "",
  ])("nobody: %j", (text) => expect(called(text)).toEqual([]));

  test("so many people at most, and no look at more places than a conversation has", () => {
    expect(nickMentions("@Ann ".repeat(300), people)).toHaveLength(50);
    expect(nickMentions(`${"@".repeat(100_000)}Ann`, people)).toEqual([]);
  });
});

test("what a client marks counts before what looks like a nick, and nobody is named over another", () => {
  const marked = [{ id: "@ben", at: { start: 0, end: 7 } }, { id: "@carl" }];
  const seen = [
    { id: "@Ann", at: { start: 0, end: 3 } },
    { id: "@carl", at: { start: 9, end: 13 } },
    { id: "@carl" },
    { id: "@dan", at: { start: 20, end: 23 } },
  ];
  expect(joinMentions(marked, seen)).toEqual([
    { id: "@carl" },
    { id: "@ben", at: { start: 0, end: 7 } },
    { id: "@dan", at: { start: 20, end: 23 } },
  ]);
});
