import { parse } from "ltx";
import { describe, expect, test } from "vitest";
import { hear } from "../../../src/xmpp/muc-client/hearing.ts";

const address = "lounge@rooms.test";
const sid = "urn:xmpp:sid:0";
const occupant = "urn:xmpp:occupant-id:0";
const modern = new Set([sid, occupant, "urn:xmpp:mam:2"]);
const old: ReadonlySet<string> = new Set();

const read = (inside: string, features = modern as ReadonlySet<string>, from = `${address}/ann`, mine = false) =>
  hear(parse(`<message type="groupchat" id="m1" from="${from}">${inside}</message>`), {
    address,
    facts: { name: undefined, features },
    now: 1_000,
    mine,
  });
const ids = `<stanza-id xmlns="${sid}" by="${address}" id="s1"/><occupant-id xmlns="${occupant}" id="o1"/>`;

test("a message is heard with the chat's id and its sender's place", () => {
  expect(read(`<body>hi</body>${ids}`)).toMatchObject({
    what: "said",
    mark: "s1",
    stanzaId: "s1",
    id: "m1",
    speaker: { id: "o1", nick: "ann" },
    at: 1_000,
    body: { kind: "message", text: "hi" },
  });
});

describe("X23: an occupant who writes what only the chat may say", () => {
  test("ids do not count where the chat makes none", () => {
    expect(read(`<body>hi</body>${ids}`, old)).toMatchObject({ speaker: { id: "nick ann", nick: "ann" } });
    expect(read(`<body>hi</body>${ids}`, old)).not.toHaveProperty("stanzaId");
  });

  test("an id by somebody else is none", () => {
    const forged = `<body>hi</body><stanza-id xmlns="${sid}" by="ann@xmpp.test" id="s1"/>`;
    expect(read(forged)).not.toHaveProperty("stanzaId");
  });

  test("a moderator's retraction is an occupant's own when an occupant sends it", () => {
    const retract = `<retract xmlns="urn:xmpp:message-retract:1" id="s0"><moderated xmlns="urn:xmpp:message-moderate:1"/></retract>`;
    expect(read(`${retract}${ids}`)).toMatchObject({
      speaker: { id: "o1" },
      body: { kind: "retraction", target: "s0" },
    });
    expect(read(`${retract}${ids}`, modern, address)).not.toHaveProperty("speaker");
  });

  test("words of the chat itself are nobody's", () => {
    expect(read(`<body>This room is not anonymous</body>`, modern, address)).toBeUndefined();
  });

  test("an id of any length is none", () => {
    const long = `<stanza-id xmlns="${sid}" by="${address}" id="${"x".repeat(300)}"/>`;
    expect(read(`<body>hi</body>${long}`)).not.toHaveProperty("stanzaId");
  });
});

test("without ids the same words of the same message have one mark, others another", () => {
  const markOf = (inside: string, from?: string) => {
    const heard = read(inside, old, from);
    return heard?.what === "said" ? heard.mark : undefined;
  };
  const live = markOf("<body>hi</body>");
  const history = markOf(`<body>hi</body><delay xmlns="urn:xmpp:delay" stamp="1970-01-01T00:00:00Z"/>`);
  expect(history).toBe(live);
  expect(markOf("<body>ho</body>")).not.toBe(live);
  expect(markOf("<body>hi</body>", `${address}/bob`)).not.toBe(live);
});

test("our own words are known by the id that is inside, where the chat gives another", () => {
  const inside = `<body>hi</body><origin-id xmlns="${sid}" id="ours"/>`;
  expect(read(inside, modern, `${address}/bob`, true)).toMatchObject({ id: "ours", mine: true });
  expect(read(inside, modern, `${address}/ann`, false)).toMatchObject({ id: "m1" });
});

test("what is encrypted is told of, and a read marker is not", () => {
  const omemo = `<encrypted xmlns="eu.siacs.conversations.axolotl"/><body>You have a client without OMEMO</body>`;
  expect(read(`${omemo}${ids}`)).toMatchObject({
    body: { text: "[This message is encrypted and cannot be read here.]" },
  });
  expect(read(`<displayed xmlns="urn:xmpp:chat-markers:0" id="s0"/>${ids}`)).not.toHaveProperty("body");
});

test("a subject changes the chat", () => {
  expect(read("<subject>Tea</subject>")).toEqual({ what: "changed", change: { do: "subject", text: "Tea" } });
});
