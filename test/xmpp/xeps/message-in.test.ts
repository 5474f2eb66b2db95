import fc from "fast-check";
import { parse } from "ltx";
import { describe, expect, test } from "vitest";
import { decode } from "../../../src/xmpp/xeps/message-in.ts";

const from = "alice@localhost/phone";
const read = (inside: string, attributes = `id="m1"`) =>
  decode(parse(`<message ${attributes}>${inside}</message>`), from);
const origin = { from, id: "m1" };
const ns = {
  correct: "urn:xmpp:message-correct:0",
  retract: "urn:xmpp:message-retract:1",
  reply: "urn:xmpp:reply:0",
  markers: "urn:xmpp:chat-markers:0",
  fallback: "urn:xmpp:fallback:0",
};

describe("a message stanza", () => {
  test.each([
    ["a text", "<body>hi</body>", { kind: "message", origin, text: "hi", receipt: false }],
    [
      "a text that wants a receipt",
      `<body>hi</body><request xmlns="urn:xmpp:receipts"/>`,
      { kind: "message", origin, text: "hi", receipt: true },
    ],
    [
      "a correction",
      `<body>hi!</body><replace xmlns="${ns.correct}" id="m0"/>`,
      { kind: "edit", origin, target: "m0", text: "hi!", receipt: false },
    ],
    [
      "an answer",
      `<body>yes</body><reply xmlns="${ns.reply}" id="b1" to="bob@toy.localhost"/>`,
      { kind: "message", origin, target: "b1", text: "yes", receipt: false },
    ],
    [
      "a corrected answer: what it corrects counts",
      `<body>no</body><reply xmlns="${ns.reply}" id="b1"/><replace xmlns="${ns.correct}" id="m0"/>`,
      { kind: "edit", origin, target: "m0", text: "no", receipt: false },
    ],
    [
      "a retraction, whatever its fallback says",
      `<body>took it back</body><retract xmlns="${ns.retract}" id="m0"/>`,
      { kind: "retraction", origin, target: "m0" },
    ],
    ["a read marker", `<displayed xmlns="${ns.markers}" id="b1"/>`, { kind: "read", origin, target: "b1" }],
    ["an empty body", "<body/>", undefined],
    ["a body of spaces", "<body> \n </body>", undefined],
    ["no body", "<subject>hi</subject>", undefined],
    ["a marker of another kind", `<received xmlns="${ns.markers}" id="b1"/>`, undefined],
  ])("with %s means that", (_, inside, body) => {
    expect(read(inside)).toEqual(body);
  });

  test("has one line of subject and of nick, however many it came with, and no more than 500 characters", () => {
    const nick = `<nick xmlns="http://jabber.org/protocol/nick"> A\r\nB\t</nick>`;
    const body = read(`<body>x</body><subject>${"s ".repeat(600)}\n\u2028Bcc: x</subject>${nick}`);
    expect(body?.subject).toHaveLength(500);
    expect(body?.subject).not.toMatch(/[\r\n\u2028\u2029]/);
    expect(body?.senderName).toBe("A B");
  });

  test("keeps at most 255 characters of a thread", () => {
    expect(read(`<body>x</body><thread>${"t".repeat(300)}</thread>`)?.thread).toBe("t".repeat(255));
  });
});

describe("XEP-0461: a quote before the answer", () => {
  test("is cut exactly, whatever characters it and the answer hold", () => {
    const text = fc.string({ unit: "grapheme", minLength: 1 }).map(
      (value) =>
        // What XML can hold, and nothing that is only white space.
        `${value.replace(/[\u0000-\u001f\ufffe\uffff]|\p{Cs}/gu, "")}.`,
    );
    fc.assert(
      fc.property(text, text, (quote, answer) => {
        const escape = (value: string) =>
          value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
        const lead = `> ${quote}\n`;
        const mark = `<fallback xmlns="${ns.fallback}" for="${ns.reply}"><body start="0" end="${[...lead].length}"/></fallback>`;
        expect(read(`<body>${escape(lead + answer)}</body>${mark}`)?.text).toBe(answer);
      }),
    );
  });
});
