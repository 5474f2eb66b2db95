import { describe, expect, it } from "vitest";
import type { Mention } from "#bridge";
import { messageContent } from "../../../../bridges/matrix/message-to-event.ts";
import { roomMessage } from "../event-schemas.ts";

const ann = "@ann:example.org";
const pill = (name: string, id = ann) => `<a href="https://matrix.to/#/${id}">${name}</a>`;
/** What a message becomes in which these words mention Ann, or those given. */
function made(text: string, names: readonly string[], more: object = {}, id = ann) {
  const mentions: Mention[] = names.map((name) => {
    const start = text.indexOf(name);
    return { id, at: { start, end: start + name.length } };
  });
  const peer = { kind: "room", id: "!r:example.org" } as const;
  const message = { key: "0123456789abcdefghijklmnop", peer, text, mentions, sentAt: 0, uncertain: false, ...more };
  const content = messageContent(message);
  expect(roomMessage.safeParse(content).error).toBeUndefined();
  return content;
}

describe("a mention is a link in the HTML and the name in the text", () => {
  it.each([
    ["Ann: hi <b>", "Ann", `${pill("Ann")}: hi &lt;b&gt;`],
    ["*Ann* and\n> @Ann Lee", "Ann Lee", `<strong>Ann</strong> and<blockquote>@${pill("Ann Lee")}</blockquote>`],
    ["see *@Ann*", "Ann", `see <strong>@${pill("Ann")}</strong>`],
    ["A&B: hi", "A&B", `${pill("A&amp;B")}: hi`],
  ])("%j", (text, name, html) => {
    expect(made(text, [name])).toEqual({
      msgtype: "m.text",
      body: text,
      format: "org.matrix.custom.html",
      formatted_body: html,
      "m.mentions": { user_ids: [ann] },
    });
  });

  it("behind a subject, and in an emote", () => {
    expect(made("Ann: hi", ["Ann"], { subject: "Tea" })).toMatchObject({
      body: "Subject: Tea\nAnn: hi",
      formatted_body: `Subject: Tea<br>${pill("Ann")}: hi`,
    });
    expect(made("/me hugs Ann", ["Ann"])).toMatchObject({
      msgtype: "m.emote",
      body: "hugs Ann",
      formatted_body: `hugs ${pill("Ann")}`,
    });
  });

  it("for an id with letters that end an attribute or a path", () => {
    const odd = `@a/"'b:example.org`;
    expect(made("Ann", ["Ann"], {}, odd)).toMatchObject({
      formatted_body: pill("Ann", "@a%2F%22%27b:example.org"),
      "m.mentions": { user_ids: [odd] },
    });
  });

  it("but no link where elements would not nest, nor where the place is none", () => {
    expect(made("*a Ann* b", ["Ann* b"])).toMatchObject({ formatted_body: "<strong>a Ann</strong> b" });
    const mentions = [{ id: ann, at: { start: 2, end: 90 } }];
    expect(made("Ann", [], { mentions })).toEqual({
      msgtype: "m.text",
      body: "Ann",
      "m.mentions": { user_ids: [ann] },
    });
  });

  it("and what looks like our marks is no mark", () => {
    expect(made("\ufdd0x\ufdd1 Ann", ["Ann"])).toMatchObject({
      body: "\ufffdx\ufffd Ann",
      formatted_body: `\ufffdx\ufffd ${pill("Ann")}`,
    });
  });
});

describe("@room", () => {
  it.each(["@room lunch", "lunch, (@room)", "*@room*: lunch"])("calls everybody: %j", (text) => {
    expect(made(text, [])).toMatchObject({ "m.mentions": { room: true } });
  });
  it.each(["@rooms", "me@room", "@room:example.org", "the room"])("calls nobody: %j", (text) => {
    expect(made(text, [])).toMatchObject({ "m.mentions": {} });
  });
  it("calls nobody in a chat of two", () => {
    const peer = { kind: "contact", id: ann } as const;
    expect(made("@room", [], { peer })).toEqual({ msgtype: "m.text", body: "@room", "m.mentions": {} });
  });
});
