// Matrix events made to harm. Named by the abuse cases of the security design.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contacts, rooms } from "../../bridges/matrix/addressing.ts";
import { eventToIncoming } from "../../bridges/matrix/event-to-message.ts";
import { readMediaSource } from "../../bridges/matrix/events/media.ts";
import { isRoomId, parseMxc } from "../../bridges/matrix/ids.ts";
import { messageContent } from "../../bridges/matrix/message-to-event.ts";
import { eventText, incoming, message, room } from "../bridges/matrix/events.ts";

const xmlText = /^[\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

function timed<T>(work: () => T): { result: T; ms: number } {
  const start = performance.now();
  const result = work();
  return { result, ms: performance.now() - start };
}

/** Not a measure of speed: what grows with the square of the input takes far longer. */
const patience = 5000;

/** All strings in a value. */
function strings(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(strings) : [];
}

describe("M03: events of the wrong shape", () => {
  it.each([
    "null",
    "5",
    '"text"',
    "[]",
    "{}",
    eventText("m.room.message", "null"),
    eventText("m.room.message", "[]"),
    eventText("m.room.message", '"text"'),
    eventText("m.room.message", "{}").replace('"m.room.message"', "5"),
    eventText("m.room.message", '{"body": "x"}').replace("$143273582443PhrSn", "no id"),
    eventText("m.room.message", '{"body": "x"}').replace("@alice:example.org", "alice\\n"),
    eventText("m.reaction", '{"m.relates_to": null}'),
    eventText("m.reaction", '{"m.relates_to": {"rel_type": "m.annotation", "event_id": "$e", "key": 5}}'),
    eventText("m.reaction", '{"m.relates_to": {"rel_type": "m.annotation", "event_id": "$e", "key": "\\u200b"}}'),
    eventText("m.reaction", '{"m.relates_to": {"rel_type": "m.annotation", "event_id": ["$e"], "key": "x"}}'),
    eventText("m.room.redaction", '{"redacts": {"toString": "x"}}'),
    eventText("m.room.member", '{"membership": "join"}', '"state_key": "not a user"'),
    eventText("m.room.member", '{"membership": ["join"]}', '"state_key": "@bob:example.org"'),
  ])("are ignored, case %#", (text) => {
    expect(incoming(text)).toEqual([]);
  });

  it.each([
    ['{"msgtype": "m.text", "body": 42}', "[A message without text.]"],
    ['{"msgtype": "m.text", "body": null}', "[A message without text.]"],
    ['{"msgtype": ["m.text"], "body": {"a": 1}}', "[A message without text.]"],
    ['{"msgtype": "m.text", "body": "x", "formatted_body": 5, "format": "org.matrix.custom.html"}', "x"],
    ['{"msgtype": "__proto__", "body": "x"}', "x"],
    ['{"msgtype": "constructor", "body": "x"}', "x"],
    ['{"msgtype": "m.location", "body": "x", "geo_uri": ["geo:1,1"]}', "x"],
    ['{"msgtype": "m.text", "body": "x", "m.relates_to": "m.replace"}', "x"],
    ['{"msgtype": "m.text", "body": "x", "m.relates_to": {"m.in_reply_to": {"event_id": 5}}}', "x"],
    ['{"msgtype": "m.text", "body": "x", "m.mentions": {"user_ids": {"0": "@bob:example.org", "length": 1}}}', "x"],
    ['{"msgtype": "m.text", "body": "x", "m.new_content": {"body": "y"}}', "x"],
  ])("say what they can: %s", (content, text) => {
    expect(message(content)).toMatchObject({ type: "message", text });
  });

  it("that carry __proto__ and constructor change nothing and give nothing", () => {
    const content = `{
      "__proto__": {"body": "inherited", "msgtype": "m.notice", "polluted": true},
      "constructor": {"prototype": {"polluted": true}},
      "m.relates_to": {"__proto__": {"m.in_reply_to": {"event_id": "$e"}}}
    }`;
    expect(message(content)).toMatchObject({ text: "[A message without text.]" });
    expect(message(content)).not.toHaveProperty("replyTo");
    expect({}).not.toHaveProperty("polluted");
    expect(incoming(eventText("__proto__", "{}"))).toMatchObject([
      { text: "[Something that cannot be shown here: __proto__]" },
    ]);
    expect(incoming(eventText("toString", "{}", '"state_key": "__proto__"'))).toEqual([]);
  });

  it("1,000 deep, in every place, are read", () => {
    const deep = `${'{"a":'.repeat(1000)}1${"}".repeat(1000)}`;
    for (const key of [
      "body",
      "formatted_body",
      "info",
      "file",
      "url",
      "m.relates_to",
      "m.mentions",
      "m.new_content",
      "m.text",
    ])
      for (const kind of ["m.text", "m.image", "m.location"])
        expect(() => message(`{"msgtype": "${kind}", "${key}": ${deep}}`)).not.toThrow();
    expect(() => incoming(eventText("m.poll.start", `{"m.poll": ${deep}}`))).not.toThrow();
    expect(() => incoming(eventText("m.room.power_levels", deep, '"state_key": ""'))).not.toThrow();
  });

  it("never throw, and never let a character through that would end the stream", () => {
    const key = fc.constantFrom(
      ...[
        "msgtype",
        "body",
        "format",
        "formatted_body",
        "filename",
        "url",
        "file",
        "info",
        "m.relates_to",
        "m.new_content",
      ],
      ...[
        "m.mentions",
        "m.in_reply_to",
        "event_id",
        "rel_type",
        "key",
        "m.text",
        "m.poll",
        "question",
        "answers",
        "__proto__",
      ],
      ...["membership", "displayname", "name", "topic", "alias", "redacts", "reason", "geo_uri", "user_ids"],
    );
    const leaf = fc.oneof(
      fc.constantFrom(
        "m.text",
        "m.image",
        "m.location",
        "m.replace",
        "m.thread",
        "m.annotation",
        "$e",
        "@b:x.org",
        "join",
      ),
      fc.constantFrom(
        "org.matrix.custom.html",
        "<b>x\u0000</b>",
        "\u0008",
        "\ud800",
        "\ufdd0",
        "\uffff",
        "mxc://a/../b",
      ),
      fc.string({ unit: "binary" }),
      fc.jsonValue({ maxDepth: 2 }),
    );
    const { content } = fc.letrec((tie) => ({
      content: fc.dictionary(
        key,
        fc.oneof({ depthSize: "small" }, leaf, tie("content"), fc.array(tie("content"), { maxLength: 3 })),
        {
          maxKeys: 8,
        },
      ),
    }));
    const type = fc.constantFrom(
      ...[
        "m.room.message",
        "m.sticker",
        "m.reaction",
        "m.room.redaction",
        "m.room.encrypted",
        "m.poll.start",
        "m.poll.end",
      ],
      ...["m.room.member", "m.room.name", "m.room.topic", "m.room.tombstone", "m.location", "org.example.other"],
    );
    fc.assert(
      fc.property(type, content, fc.constantFrom(undefined, "", "@bob:example.org", 5), (kind, value, stateKey) => {
        const event = { type: kind, content: value, event_id: "$e", sender: "@alice:example.org", state_key: stateKey };
        for (const one of eventToIncoming(event, { ...room, name: "A\u0000\ud800" }))
          for (const text of strings(one)) expect(text).toMatch(xmlText);
      }),
      { numRuns: 1500 },
    );
  });
});

describe("M03: HTML made too big", () => {
  const formatted = (html: string): string =>
    JSON.stringify({ msgtype: "m.text", body: "the body", format: "org.matrix.custom.html", formatted_body: html });

  it.each([
    ["100,000 nested tags", "<b>".repeat(100_000)],
    ["100,000 nested quotes", `${"<blockquote>".repeat(100_000)}x`],
    ["5,000 nested tags", `${"<b>".repeat(4999)}x`],
    ["20,000 open lists", "<ul><li>".repeat(10_000)],
    ["tags that hide their ends", "<b><!--</b>-->".repeat(2400)],
    ["a megabyte", "x".repeat(1_000_000)],
  ])("of %s gives the plain body, at once", (_, html) => {
    const { result, ms } = timed(() => message(formatted(html)));
    expect(result).toMatchObject({ text: "the body" });
    expect(ms).toBeLessThan(patience);
  });

  it.each([
    ["attributes", `<a ${"x=1 ".repeat(16_000)}>`],
    ["blanks", `<p>${" ".repeat(65_000)}x</p>`],
    ["lines in preformatted text", `${"<b>".repeat(90)}<pre>${"\n".repeat(60_000)}x</pre>`],
    ["numbered marks", `${"&#xfdd0;".repeat(7000)}x`],
    ["links", `<a href="https://matrix.to/#/@b:x.org">b</a>`.repeat(1300)],
    ["opening brackets", "<".repeat(65_000)],
    ["quote marks", `${"&gt; ".repeat(13_000)}`],
  ])("of 64 KB of %s costs little", (_, html) => {
    expect(timed(() => message(formatted(html))).ms).toBeLessThan(patience);
  });

  it.each([
    ["blanks", `${" ".repeat(65_000)}x`],
    ["line breaks", `x${"\n".repeat(65_000)}x`],
    ["quotes", `> <@a:b> x\n${"> \n".repeat(20_000)}`],
    ["directives", "*a _b ~c `d ".repeat(5000)],
    ["openings", "*a ".repeat(21_000)],
    ["spans", "*_~`x`~_* ".repeat(6000)],
    ["lines of directives", `${"*a _b ~c `d ".repeat(400)}\n`.repeat(13)],
    ["fences", "```\n".repeat(16_000)],
    ["quote marks", ">".repeat(65_000)],
  ])("plain text of 64 KB of %s costs little, both ways", (_, body) => {
    const content = JSON.stringify({
      msgtype: "m.text",
      body,
      "m.relates_to": { "m.in_reply_to": { event_id: "$e" } },
    });
    expect(timed(() => message(content)).ms).toBeLessThan(patience);
    const outgoing = { key: "k", peer: room.peer, text: body.slice(0, 29_000), sentAt: 1, uncertain: false };
    expect(timed(() => messageContent(outgoing)).ms).toBeLessThan(patience);
  });

  it("names of 64 KB cost little", () => {
    const text = eventText("m.room.message", `{"body": "x"}`);
    expect(timed(() => incoming(text, { ...room, name: "@a".repeat(30_000) })).ms).toBeLessThan(patience);
  });
});

describe("M06: media addresses", () => {
  it.each([
    "mxc://../..",
    "mxc://example.org/../../_matrix/client/v3/account",
    "mxc://example.org/a/b",
    "mxc://example.org/..",
    "mxc://example.org/%2e%2e",
    "mxc://example.org/a?allow_redirect=true",
    "mxc://example.org/a#b",
    "mxc://example.org/",
    "mxc:///a",
    "mxc://user@example.org/a",
    "mxc://example.org:port/a",
    "mxc://exa mple.org/a",
    "mxc://example.org\\@evil.example/a",
    "mxc://example.org/a\n",
    "mxc://..%2f/a",
    "mxc://_/a",
    "https://example.org/a",
    "MXC://example.org/a",
    ` mxc://example.org/a`,
    `mxc://example.org/${"a".repeat(300)}`,
    5,
    null,
    ["mxc://example.org/a"],
  ])("%j is none, and no file can be opened there", (url) => {
    expect(parseMxc(url)).toBeUndefined();
    const [file] = incoming(eventText("m.room.message", JSON.stringify({ msgtype: "m.file", body: "a.pdf", url })));
    expect(file).toMatchObject({ attachments: [{ name: "a.pdf", type: "application/octet-stream" }] });
    expect(strings(file).some((text) => text.toLowerCase().includes("mxc:"))).toBe(false);
  });

  it.each([
    { file: { url: "mxc://example.org/a", key: "short", iv: "w+sE15fzSc0AAAAAAAAAAA", sha256: "x" } },
    { file: { url: "mxc://../a", key: "a".repeat(43), iv: "a".repeat(22), sha256: "a".repeat(43) } },
    { mxc: "mxc://../a" },
    { mxc: 5 },
    null,
    "mxc://example.org/a",
    [],
  ])("a stored source is checked again: %j", (source) => {
    expect(readMediaSource(source)).toBeUndefined();
  });

  it.each([
    ["../../etc/passwd", "passwd"],
    ["..\\..\\x.exe", "x.exe"],
    ["a\u202egpj.exe", "agpj.exe"],
    ["a\u0000b\r\n.txt", "ab .txt"],
    ["..", "file"],
    ["", "file"],
  ])("a file called %j is shown as %j", (body, name) => {
    expect(message(JSON.stringify({ msgtype: "m.file", body, url: "mxc://example.org/a" }))).toMatchObject({
      attachments: [{ name }],
    });
  });

  it.each(["text/html\r\nx: y", "text/html; charset=utf-8", "<svg>", "a/b/c", 5])(
    "a type like %j is cleaned",
    (mimetype) => {
      const [file] = incoming(
        eventText(
          "m.room.message",
          JSON.stringify({ msgtype: "m.file", body: "a", info: { mimetype, size: -1, w: "5", h: 1e99 } }),
        ),
      );
      expect(file).toMatchObject({ attachments: [{ name: "a", type: expect.stringMatching(/^[a-z]+\/[a-z-]+$/) }] });
      expect(strings(file).join()).not.toMatch(/size|charset/);
    },
  );
});

describe("M08: text in ids and names", () => {
  it("is one line without commands to a client", () => {
    const name = "x\nBcc: y\u2028\u0007/ban @alice:example.org";
    expect(incoming(eventText("m.room.name", JSON.stringify({ name }), '"state_key": ""'))).toMatchObject([
      { name: "x Bcc: y /ban @alice:example.org" },
    ]);
    const [tombstone] = incoming(
      eventText("m.room.tombstone", JSON.stringify({ body: name, replacement_room: "!a:b\n/join" }), '"state_key": ""'),
    );
    expect(tombstone).toMatchObject({ text: 'This room was replaced. "x Bcc: y /ban @alice:example.org"' });
  });

  it.each(["!a\n:example.org", "!a\r\nPRIVMSG:example.org", "!a :example.org", "!a:example.org\u2028"])(
    "no room is called %j",
    (id) => expect(isRoomId(id)).toBe(false),
  );

  it.each([
    "#a\nb:example.org",
    "#a b:example.org",
    "#a:example.org\n",
    "#a\u0000:example.org",
    "#a\u200b:example.org",
  ])("no room is addressed %j", (alias) => {
    expect(rooms.toLocal(alias)).toBeUndefined();
    expect(rooms.fromLocal(alias)).toBeUndefined();
    expect(contacts.fromLocal(alias.replace("#", "@"))).toBeUndefined();
    expect(incoming(eventText("m.room.canonical_alias", JSON.stringify({ alias }), '"state_key": ""'))).toEqual([]);
  });
});
