import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BridgeError, type MessageRef, type OutgoingMessage } from "#bridge";
import { eventToIncoming } from "../../../bridges/matrix/event-to-message.ts";
import {
  editContent,
  fileContent,
  messageContent,
  qualified,
  reactionContent,
  threadOf,
  type Upload,
} from "../../../bridges/matrix/message-to-event.ts";
import { reaction, roomMessage } from "./event-schemas.ts";
import { direct } from "./events.ts";

function outgoing(text: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    key: "0123456789abcdefghijklmnop",
    peer: { kind: "contact", id: "@alice:example.org" },
    text,
    sentAt: 1432735824653,
    uncertain: false,
    ...more,
  };
}

const ref = (id: string, context?: MessageRef["context"]): MessageRef => ({
  id,
  fromSelf: false,
  sentAt: 1,
  ...(context === undefined ? {} : { context }),
});

const upload: Upload = {
  mxc: "mxc://example.org/abc",
  name: "a.jpg",
  type: "image/jpeg",
  size: 31037,
  width: 394,
  height: 398,
};

describe("messageContent", () => {
  it.each<[string, OutgoingMessage, object]>([
    ["plain text", outgoing("Hello <b>"), { msgtype: "m.text", body: "Hello <b>", "m.mentions": {} }],
    [
      "styled text",
      outgoing("*Hello* you"),
      {
        msgtype: "m.text",
        body: "*Hello* you",
        format: "org.matrix.custom.html",
        formatted_body: "<strong>Hello</strong> you",
        "m.mentions": {},
      },
    ],
    ["an emote", outgoing("/me waves"), { msgtype: "m.emote", body: "waves", "m.mentions": {} }],
    ["no emote", outgoing("/meow"), { msgtype: "m.text", body: "/meow", "m.mentions": {} }],
    [
      "a subject",
      outgoing("Hello", { subject: "Lunch" }),
      { msgtype: "m.text", body: "Subject: Lunch\nHello", "m.mentions": {} },
    ],
    [
      "mentions",
      outgoing("Bob: hi", { mentions: [{ id: "@bob:example.org" }, { id: "@bob:example.org" }, { id: "nonsense" }] }),
      { msgtype: "m.text", body: "Bob: hi", "m.mentions": { user_ids: ["@bob:example.org"] } },
    ],
    [
      "a place",
      outgoing("geo:51.5008,-0.1247;u=35"),
      {
        msgtype: "m.location",
        body: "geo:51.5008,-0.1247;u=35",
        geo_uri: "geo:51.5008,-0.1247;u=35",
        "m.mentions": {},
      },
    ],
    [
      "words about a place",
      outgoing("at geo:51.5008,-0.1247"),
      { msgtype: "m.text", body: "at geo:51.5008,-0.1247", "m.mentions": {} },
    ],
    [
      "a spoiler",
      outgoing("he *dies* <3", { spoiler: 'the "end"' }),
      {
        msgtype: "m.text",
        body: '[Spoiler: the "end"] he *dies* <3',
        format: "org.matrix.custom.html",
        formatted_body: '<span data-mx-spoiler="the &quot;end&quot;">he <strong>dies</strong> &lt;3</span>',
        "m.mentions": {},
      },
    ],
    [
      "a spoiler of nothing in particular",
      outgoing("he dies", { spoiler: "" }),
      {
        msgtype: "m.text",
        body: "[Spoiler] he dies",
        format: "org.matrix.custom.html",
        formatted_body: "<span data-mx-spoiler>he dies</span>",
        "m.mentions": {},
      },
    ],
    [
      "a reply, without a quote",
      outgoing("Yes", { replyTo: ref("$asked") }),
      { msgtype: "m.text", body: "Yes", "m.mentions": {}, "m.relates_to": { "m.in_reply_to": { event_id: "$asked" } } },
    ],
    [
      "a reply to what is no event",
      outgoing("Yes", { replyTo: ref("<a@b>") }),
      { msgtype: "m.text", body: "Yes", "m.mentions": {} },
    ],
    [
      "a message in a thread",
      outgoing("Yes", { thread: "$root", threadLast: ref("$last") }),
      {
        msgtype: "m.text",
        body: "Yes",
        "m.mentions": {},
        "m.relates_to": {
          rel_type: "m.thread",
          event_id: "$root",
          is_falling_back: true,
          "m.in_reply_to": { event_id: "$last" },
        },
      },
    ],
    [
      "a reply in a thread",
      outgoing("Yes", { thread: "$root", replyTo: ref("$asked") }),
      {
        msgtype: "m.text",
        body: "Yes",
        "m.mentions": {},
        "m.relates_to": {
          rel_type: "m.thread",
          event_id: "$root",
          is_falling_back: false,
          "m.in_reply_to": { event_id: "$asked" },
        },
      },
    ],
    [
      "a thread that the client made up",
      outgoing("Yes", { thread: "f81d4fae" }),
      { msgtype: "m.text", body: "Yes", "m.mentions": {} },
    ],
  ])("makes %s", (_, message, content) => {
    expect(messageContent(message)).toEqual(content);
    expect(roomMessage.safeParse(content).error).toBeUndefined();
  });

  it("puts an answer to a message of a thread into that thread", () => {
    const { peer } = outgoing("");
    expect(threadOf({ peer, replyTo: ref("$asked", { thread: "$root" }) })).toBe("$root");
    expect(threadOf({ peer, replyTo: ref("$asked", { thread: 5 }) })).toBeUndefined();
    expect(threadOf({ peer, replyTo: ref("$asked") })).toBeUndefined();
  });

  it("in a room goes on in a thread that the client named", () => {
    const peer = { kind: "room", id: "!r:example.org" } as const;
    const thread = "f81d4fae";
    expect(threadOf({ peer, thread })).toBeUndefined();
    expect(threadOf({ peer, thread, threadLast: ref("$first") })).toBe("$first");
    expect(threadOf({ peer, thread, threadLast: ref("$second", { thread: "$first" }) })).toBe("$first");
    expect(threadOf({ ...outgoing(""), thread, threadLast: ref("$first") })).toBeUndefined();
    const content = messageContent(
      outgoing("more", { peer, thread, threadLast: ref("$second", { thread: "$first" }) }),
    );
    expect(content).toMatchObject({
      "m.relates_to": {
        rel_type: "m.thread",
        event_id: "$first",
        is_falling_back: true,
        "m.in_reply_to": { event_id: "$second" },
      },
    });
    expect(roomMessage.safeParse(content).error).toBeUndefined();
  });

  it("leaves the HTML out when only that is too much", () => {
    const text = `*a* ${"b".repeat(35_000)}`;
    expect(messageContent(outgoing(text))).toEqual({ msgtype: "m.text", body: text, "m.mentions": {} });
  });

  it.each([
    [70_000, false],
    [50_000, true],
  ])("refuses %i characters, encrypted: %s", (length, encrypted) => {
    const send = (): unknown => messageContent(outgoing("a".repeat(length)), { encrypted });
    expect(send).toThrow(BridgeError);
    expect(send).toThrow(
      /^The message is too long for Matrix: it takes \d+ bytes, and at most \d+ fit into one\. Send it in parts\.$/,
    );
  });
});

describe("editContent", () => {
  it("replaces text and HTML, with a fallback, and calls nobody again", () => {
    const content = editContent(
      "$first",
      outgoing("*new*", { mentions: [{ id: "@bob:example.org" }], replyTo: ref("$asked") }),
    );
    expect(content).toEqual({
      msgtype: "m.text",
      body: "* *new*",
      format: "org.matrix.custom.html",
      formatted_body: "* <strong>new</strong>",
      "m.mentions": {},
      "m.new_content": {
        msgtype: "m.text",
        body: "*new*",
        format: "org.matrix.custom.html",
        formatted_body: "<strong>new</strong>",
        "m.mentions": { user_ids: ["@bob:example.org"] },
      },
      "m.relates_to": { rel_type: "m.replace", event_id: "$first" },
    });
    expect(roomMessage.safeParse(content).error).toBeUndefined();
  });

  it("refuses half of what a message may have: the text stands in it twice", () => {
    expect(() => editContent("$first", outgoing("a".repeat(31_000)))).toThrow(BridgeError);
  });
});

describe("fileContent", () => {
  it.each<[string, OutgoingMessage, Upload, object]>([
    [
      "an image without a caption",
      outgoing(""),
      upload,
      {
        msgtype: "m.image",
        filename: "a.jpg",
        body: "a.jpg",
        url: "mxc://example.org/abc",
        info: { mimetype: "image/jpeg", size: 31037, w: 394, h: 398 },
        "m.mentions": {},
      },
    ],
    [
      "a video with a caption, as a reply",
      outgoing("*Look*", { replyTo: ref("$asked") }),
      { mxc: "mxc://example.org/abc", name: "../../v.mp4", type: "video/mp4", duration: 1200 },
      {
        msgtype: "m.video",
        filename: "v.mp4",
        body: "*Look*",
        format: "org.matrix.custom.html",
        formatted_body: "<strong>Look</strong>",
        url: "mxc://example.org/abc",
        info: { mimetype: "video/mp4", duration: 1200 },
        "m.mentions": {},
        "m.relates_to": { "m.in_reply_to": { event_id: "$asked" } },
      },
    ],
    [
      "an image with its colours",
      outgoing(""),
      { ...upload, blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj" },
      {
        msgtype: "m.image",
        filename: "a.jpg",
        body: "a.jpg",
        url: "mxc://example.org/abc",
        info: {
          mimetype: "image/jpeg",
          size: 31037,
          w: 394,
          h: 398,
          "xyz.amorgan.blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        },
        "m.mentions": {},
      },
    ],
    [
      "sound",
      outgoing(""),
      { mxc: "mxc://example.org/abc", name: "", type: "audio/ogg" },
      {
        msgtype: "m.audio",
        filename: "file",
        body: "file",
        url: "mxc://example.org/abc",
        info: { mimetype: "audio/ogg" },
        "m.mentions": {},
      },
    ],
  ])("makes %s", (_, message, file, content) => {
    expect(fileContent(message, file)).toEqual(content);
    expect(roomMessage.safeParse(content).error).toBeUndefined();
  });

  it("describes an encrypted file, and openFile could read it back", () => {
    const file = {
      v: "v2",
      key: {
        kty: "oct",
        alg: "A256CTR",
        ext: true,
        k: "aWF6-32KGYaC3A_FEUCk1Bt0JA37zP0wrStgmdCaW-0",
        key_ops: ["encrypt", "decrypt"],
      },
      iv: "w+sE15fzSc0AAAAAAAAAAA",
      hashes: { sha256: "fdSLu/YkRx3Wyh3KQabP3rd6+SFiKg5lsJZQHtkSAYA" },
    };
    const content = fileContent(outgoing(""), { ...upload, type: "application/pdf", name: "a.pdf", file });
    expect(content).toEqual({
      msgtype: "m.file",
      filename: "a.pdf",
      body: "a.pdf",
      file: { ...file, url: "mxc://example.org/abc" },
      info: { mimetype: "application/pdf", size: 31037 },
      "m.mentions": {},
    });
    expect(roomMessage.safeParse(content).error).toBeUndefined();
    const event = {
      type: "m.room.message",
      event_id: "$e",
      sender: "@alice:example.org",
      origin_server_ts: 1,
      content,
    };
    expect(eventToIncoming(event, direct)).toMatchObject([
      { attachments: [{ source: { file: { url: "mxc://example.org/abc", key: file.key.k, iv: file.iv } } }] },
    ]);
  });
});

describe("reactionContent", () => {
  it.each([
    ["👍", "👍"],
    ["❤", "❤️"],
    ["❤️", "❤️"],
    ["❤‍🔥", "❤️‍🔥"],
    ["👁‍🗨", "👁️‍🗨️"],
    ["☝🏻", "☝🏻"],
    ["1⃣", "1️⃣"],
    ["☺︎", "☺︎"],
    ["🇩🇪", "🇩🇪"],
    ["👍🏽", "👍🏽"],
    ["+1", "+1"],
    ["agree #1", "agree #1"],
  ])("writes %j fully qualified as %j", (emoji, key) => {
    const content = reactionContent("$target", emoji);
    expect(content).toEqual({ "m.relates_to": { rel_type: "m.annotation", event_id: "$target", key } });
    expect(reaction.safeParse(content).error).toBeUndefined();
    expect(qualified(key)).toBe(key);
  });
});

describe("every content", () => {
  const text = fc.oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }),
    fc
      .array(fc.constantFrom("*a*", "_b_", "~", "`c`", "\n", "> ", "```", " ", "/me ", "<x>", "😀"), { minLength: 1 })
      .map((all) => all.join("")),
  );
  const message = fc
    .record({
      text,
      subject: fc.option(fc.string({ minLength: 1, maxLength: 10 }), { nil: undefined }),
      thread: fc.constantFrom(undefined, "$root", "made up"),
      reply: fc.constantFrom(undefined, "$asked", "<a@b>"),
      mention: fc.constantFrom(undefined, "@bob:example.org", "bob"),
    })
    .map(({ text: words, subject, thread, reply, mention }) =>
      outgoing(words, {
        ...(subject === undefined ? {} : { subject }),
        ...(thread === undefined ? {} : { thread }),
        ...(reply === undefined ? {} : { replyTo: ref(reply) }),
        ...(mention === undefined ? {} : { mentions: [{ id: mention, at: { start: 0, end: 3 } }] }),
      }),
    );

  it("is as the specification wants it", () => {
    fc.assert(
      fc.property(message, (one) => {
        for (const content of [
          messageContent(one),
          editContent("$e", one),
          fileContent(one, { ...upload, type: "video/mp4" }),
        ])
          expect(roomMessage.safeParse(content).error).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it("is the same every time, so that a retry repeats the first attempt", () => {
    fc.assert(
      fc.property(message, (one) => {
        expect(JSON.stringify(messageContent(one))).toBe(JSON.stringify(messageContent(structuredClone(one))));
      }),
    );
  });
});
