// The events are those of the client-server specification and of clients in use.
import { describe, expect, it } from "vitest";
import { asCorrection } from "../../../bridges/matrix/event-to-message.ts";
import { base, direct, eventText, incoming, message, room } from "./events.ts";

describe("m.room.message", () => {
  it.each([
    [`{"msgtype": "m.text", "body": "This is an example text message"}`, { text: "This is an example text message" }],
    [
      `{"msgtype": "m.text", "body": "This is an **example**", "format": "org.matrix.custom.html", "formatted_body": "This is an <b>example</b>"}`,
      { text: "This is an *example*" },
    ],
    [`{"msgtype": "m.emote", "body": "thinks"}`, { text: "/me thinks" }],
    [`{"msgtype": "m.notice", "body": "Build failed"}`, { text: "Build failed", automatic: true }],
    [
      `{"msgtype": "m.server_notice", "body": "Limit reached", "server_notice_type": "m.server_notice.usage_limit_reached"}`,
      { text: "Limit reached", automatic: true },
    ],
    [`{"msgtype": "m.text", "body": "*literally*"}`, { text: "*literally*", unstyled: true }],
    [`{"msgtype": "m.text", "body": "a\\r\\nb\\u0008\\n"}`, { text: "a\nb" }],
    [
      `{"msgtype": "m.text", "body": "plain", "format": "text/markdown", "formatted_body": "<b>x</b>"}`,
      { text: "plain" },
    ],
    [
      `{"msgtype": "m.location", "body": "Big Ben, London, UK", "geo_uri": "geo:51.5008,0.1247"}`,
      { text: "Big Ben, London, UK\ngeo:51.5008,0.1247" },
    ],
    [`{"msgtype": "m.location", "body": "Home", "geo_uri": "javascript:alert(1)"}`, { text: "Home" }],
    [`{"msgtype": "org.example.card", "body": "A card"}`, { text: "A card" }],
    [
      `{"msgtype": "m.text", "body": "x", "format": "org.matrix.custom.html", "formatted_body": "<span data-mx-spoiler=\\"the &quot;end&quot;\\">he <b>dies</b></span>"}`,
      { text: '[spoiler: the "end"] he *dies*', spoiler: 'the "end"' },
    ],
    [
      `{"msgtype": "m.text", "body": "x", "format": "org.matrix.custom.html", "formatted_body": "<span data-mx-spoiler>he dies</span>"}`,
      { text: "[spoiler] he dies", spoiler: "" },
    ],
    [
      `{"msgtype": "m.text", "body": "x", "format": "org.matrix.custom.html", "formatted_body": "<span data-mx-spoiler>a</span> and <span data-mx-spoiler>b</span>"}`,
      { text: "[spoiler] a and [spoiler] b" },
    ],
    [`{"msgtype": "org.example.card", "m.text": [{"body": "A card"}]}`, { text: "A card", unstyled: true }],
    [`{"msgtype": "m.text"}`, { text: "[A message without text.]", unstyled: true }],
    [
      `{"msgtype": "m.key.verification.request", "body": "Alice is requesting to verify your device", "from_device": "X", "methods": ["m.sas.v1"], "to": "@me:example.org"}`,
      {
        text: "Asks to verify your devices with each other. That cannot be done from here: use a Matrix program.",
        automatic: true,
      },
    ],
  ])("%s", (content, expected) => {
    expect(message(content)).toEqual({ ...base, type: "message", ...expected });
  });

  it("comes from the user when another program of theirs sent it", () => {
    const text = eventText("m.room.message", `{"msgtype": "m.text", "body": "Hi"}`).replace("@alice:", "@me:");
    expect(incoming(text)).toEqual([{ ...base, from: "self", type: "message", text: "Hi" }]);
  });

  it("is never from the future, and has a time even if it claims none", () => {
    const text = eventText("m.room.message", `{"msgtype": "m.text", "body": "Hi"}`);
    const at = (event: string): unknown => incoming(event, { ...room, arrivedAt: 1432735824000 })[0];
    expect(at(text)).toMatchObject({ sentAt: 1432735824000 });
    expect(at(text.replace("1432735824653", '"soon"'))).toMatchObject({ sentAt: 1432735824000 });
  });

  it.each([
    ["Alice", "Alice"],
    ["Alice (@bob:example.org)", "Alice"],
    ["@alice:example.org", "@alice:example.org"],
    ["bob@example.org", "alice"],
    ["A\u202elice\n", "Alice"],
    ["", "alice"],
  ])("carries the name %j as %j", (name, shown) => {
    const text = eventText("m.room.message", `{"msgtype": "m.text", "body": "Hi"}`);
    expect(incoming(text, { ...room, name })[0]).toMatchObject({ name: shown });
  });

  it("strips the quote that old clients put before a reply", () => {
    expect(
      message(`{
        "msgtype": "m.text",
        "body": "> <@bob:example.org> first line\\n> second line\\n\\nThis is *my* answer",
        "format": "org.matrix.custom.html",
        "formatted_body": "<mx-reply><blockquote><a href=\\"https://matrix.to/#/!r:example.org/$e:example.org\\">In reply to</a> <a href=\\"https://matrix.to/#/@bob:example.org\\">@bob:example.org</a><br />first line</blockquote></mx-reply>This is <em>my</em> answer",
        "m.relates_to": {"m.in_reply_to": {"event_id": "$e:example.org"}}
      }`),
    ).toEqual({ ...base, type: "message", text: "This is _my_ answer", replyTo: ["$e:example.org"] });
    expect(
      message(`{
        "msgtype": "m.text",
        "body": "> * <@bob:example.org> waves\\n\\nHello",
        "m.relates_to": {"m.in_reply_to": {"event_id": "$e"}}
      }`),
    ).toMatchObject({ text: "Hello", replyTo: ["$e"] });
  });

  it("keeps what the author quoted", () => {
    expect(
      message(
        `{"msgtype": "m.text", "body": "> to be\\n\\nor not", "m.relates_to": {"m.in_reply_to": {"event_id": "$e"}}}`,
      ),
    ).toMatchObject({ text: "> to be\n\nor not", replyTo: ["$e"] });
    expect(message(`{"msgtype": "m.text", "body": "> <@bob:example.org> no reply"}`)).toMatchObject({
      text: "> <@bob:example.org> no reply",
    });
  });

  it("is in the thread of its root, and answers only what it really answers", () => {
    const inThread = (more: string): string =>
      `{"msgtype": "m.text", "body": "I agree", "m.relates_to": {"rel_type": "m.thread", "event_id": "$root", ${more}"m.in_reply_to": {"event_id": "$last"}}}`;
    expect(message(inThread(`"is_falling_back": true, `))).toEqual({
      ...base,
      type: "message",
      text: "I agree",
      thread: "$root",
      context: { thread: "$root" },
    });
    expect(message(inThread(""))).toMatchObject({ thread: "$root", replyTo: ["$last"] });
  });

  it("mentions people, and the user with the room", () => {
    const mentioning = (mentions: string): unknown =>
      message(`{"msgtype": "m.text", "body": "Hi", "m.mentions": ${mentions}}`);
    expect(
      mentioning(`{"user_ids": ["@bob:example.org", "@me:example.org", "@bob:example.org", "no id", 5]}`),
    ).toMatchObject({ mentions: ["@bob:example.org", "self"] });
    expect(mentioning(`{"room": true}`)).toMatchObject({ mentions: ["self"] });
    expect(mentioning(`{"user_ids": ["@alice:example.org"]}`)).not.toHaveProperty("mentions");
    expect(mentioning("{}")).not.toHaveProperty("mentions");
  });

  it("mentions by pills when its client knows nothing else", () => {
    expect(
      message(`{
        "msgtype": "m.text", "body": "Me: hi", "format": "org.matrix.custom.html",
        "formatted_body": "<a href=\\"https://matrix.to/#/@me:example.org\\">Me</a>: hi"
      }`),
    ).toMatchObject({ text: "Me: hi", mentions: ["self"] });
  });
});

describe("edits, reactions and redactions", () => {
  it("an edit has the new text and the first version's id", () => {
    expect(
      message(`{
        "msgtype": "m.text", "body": "* Hello! My name is bar",
        "m.new_content": {"msgtype": "m.text", "body": "Hello! My name is *bar*", "format": "org.matrix.custom.html", "formatted_body": "Hello! My name is <em>bar</em>"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$some_event_id"}
      }`),
    ).toEqual({ ...base, type: "edit", target: "$some_event_id", text: "Hello! My name is _bar_" });
  });

  it("an edit without new content is a message: it is not lost", () => {
    expect(
      message(`{"msgtype": "m.text", "body": "* new", "m.relates_to": {"rel_type": "m.replace", "event_id": "$e"}}`),
    ).toMatchObject({ type: "message", text: "* new" });
  });

  it("an edit of a file's caption names the file when it has none", () => {
    const edited = (content: string): unknown =>
      message(
        `{"msgtype": "m.image", "body": "x", "m.new_content": ${content}, "m.relates_to": {"rel_type": "m.replace", "event_id": "$e"}}`,
      );
    expect(
      edited(`{"msgtype": "m.image", "body": "Sunset", "filename": "a.jpg", "url": "mxc://example.org/a"}`),
    ).toMatchObject({ type: "edit", text: "Sunset" });
    expect(edited(`{"msgtype": "m.image", "body": "a.jpg", "url": "mxc://example.org/a"}`)).toMatchObject({
      text: "[a.jpg]",
    });
  });

  it.each([
    [`"key": "👍"`, "", "👍"],
    [`"key": "❤️"`, "", "❤️"],
    [`"key": "agree"`, "", "agree"],
    [`"key": "mxc://example.org/party"`, `"shortcode": ":party:", `, ":party:"],
    [`"key": "mxc://example.org/party"`, "", "[image]"],
  ])("a reaction with %s", (key, more, emoji) => {
    const text = eventText(
      "m.reaction",
      `{${more}"m.relates_to": {"rel_type": "m.annotation", "event_id": "$target", ${key}}}`,
    );
    expect(incoming(text)).toEqual([{ ...base, type: "reaction", target: "$target", emoji }]);
  });

  it("a redaction names its target in either place", () => {
    const retraction = { ...base, type: "retraction", target: "$fukweghifu23:example.org", reason: "Spamming" };
    expect(
      incoming(eventText("m.room.redaction", `{"redacts": "$fukweghifu23:example.org", "reason": "Spamming"}`)),
    ).toEqual([retraction]);
    expect(
      incoming(eventText("m.room.redaction", `{"reason": "Spamming"}`, `"redacts": "$fukweghifu23:example.org"`)),
    ).toEqual([retraction]);
  });

  it("a message that was taken back before it came is not shown", () => {
    expect(
      incoming(eventText("m.room.message", "{}", `"unsigned": {"redacted_because": {"type": "m.room.redaction"}}`)),
    ).toEqual([]);
  });
});

describe("files", () => {
  it("an image without a caption", () => {
    expect(
      message(`{
        "body": "filename.jpg", "msgtype": "m.image", "url": "mxc://example.org/JWEIFJgwEIhweiWJE",
        "info": {"h": 398, "w": 394, "mimetype": "image/jpeg", "size": 31037}
      }`),
    ).toEqual({
      ...base,
      type: "message",
      text: "",
      attachments: [
        {
          name: "filename.jpg",
          type: "image/jpeg",
          size: 31037,
          width: 394,
          height: 398,
          source: { mxc: "mxc://example.org/JWEIFJgwEIhweiWJE" },
        },
      ],
    });
  });

  it("an image with its thumbnail and its colours", () => {
    const content = `{
      "body": "a.jpg", "msgtype": "m.image", "url": "mxc://example.org/big",
      "info": {
        "mimetype": "image/jpeg", "xyz.amorgan.blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        "thumbnail_url": "mxc://example.org/small", "thumbnail_info": {"h": 48, "w": 64, "mimetype": "image/png", "size": 2000}
      }
    }`;
    expect(message(content)).toMatchObject({
      attachments: [
        {
          source: { mxc: "mxc://example.org/big" },
          thumbnail: { type: "image/png", source: { mxc: "mxc://example.org/small" }, width: 64, height: 48 },
          blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        },
      ],
    });
    const odd = content.replace("mxc://example.org/small", "https://example.org/small").replace("LEHV6", "\\u0000");
    expect(message(odd)).toMatchObject({
      attachments: [expect.not.objectContaining({ thumbnail: expect.anything() })],
    });
    expect(message(odd)).toMatchObject({ attachments: [expect.not.objectContaining({ blurhash: expect.anything() })] });
  });

  it("a video with a caption", () => {
    expect(
      message(`{
        "body": "Gangnam *Style*", "filename": "style.mp4", "format": "org.matrix.custom.html", "formatted_body": "Gangnam <b>Style</b>",
        "msgtype": "m.video", "url": "mxc://example.org/a526eYUSFFxlgbQYZmo442",
        "info": {"duration": 2140786, "h": 320, "w": 480, "mimetype": "video/mp4", "size": 1563685}
      }`),
    ).toMatchObject({ text: "Gangnam *Style*", attachments: [{ name: "style.mp4", duration: 2140786 }] });
  });

  it("an encrypted file, with what decrypts it", () => {
    expect(
      message(`{
        "body": "something-important.jpg", "msgtype": "m.file",
        "file": {
          "url": "mxc://example.org/FHyPlCeYUSFFxlgbQYZmoEoe", "v": "v2",
          "key": {"alg": "A256CTR", "ext": true, "k": "aWF6-32KGYaC3A_FEUCk1Bt0JA37zP0wrStgmdCaW-0", "key_ops": ["encrypt", "decrypt"], "kty": "oct"},
          "iv": "w+sE15fzSc0AAAAAAAAAAA",
          "hashes": {"sha256": "fdSLu/YkRx3Wyh3KQabP3rd6+SFiKg5lsJZQHtkSAYA"}
        },
        "info": {"mimetype": "application/octet-stream"}
      }`),
    ).toMatchObject({
      attachments: [
        {
          source: {
            file: {
              url: "mxc://example.org/FHyPlCeYUSFFxlgbQYZmoEoe",
              key: "aWF6-32KGYaC3A_FEUCk1Bt0JA37zP0wrStgmdCaW-0",
              iv: "w+sE15fzSc0AAAAAAAAAAA",
              sha256: "fdSLu/YkRx3Wyh3KQabP3rd6+SFiKg5lsJZQHtkSAYA",
            },
          },
        },
      ],
    });
  });

  it("a sticker is a picture with a name", () => {
    expect(
      incoming(
        eventText(
          "m.sticker",
          `{"body": "Landing", "info": {"h": 200, "mimetype": "image/png", "size": 73602, "w": 140}, "url": "mxc://example.org/sHhqkFCvSkFwtmvtETOtKnLP"}`,
        ),
      ),
    ).toMatchObject([{ type: "message", text: "", attachments: [{ name: "Landing", type: "image/png" }] }]);
  });
});

describe("other events of the timeline", () => {
  it.each([
    [
      "m.room.encrypted",
      `{"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgAEnACgAkLmt6q", "session_id": "X"}`,
      "[This message is encrypted, and its key is not here.]",
    ],
    [
      "m.call.invite",
      `{"call_id": "12345", "lifetime": 60000, "offer": {"sdp": "v=0", "type": "offer"}, "version": "1"}`,
      "/me is calling. Calls cannot be taken here, but in a Matrix program: https://matrix.to/#/!room:example.org",
    ],
    [
      "m.poll.start",
      `{"m.text": [{"body": "fallback"}], "m.poll": {"kind": "m.disclosed", "question": {"m.text": [{"body": "Where?"}]}, "answers": [{"m.id": "a", "m.text": [{"body": "Paris"}]}, {"m.id": "b", "m.text": [{"body": "Rome"}]}]}}`,
      "Poll: Where?\n1. Paris\n2. Rome\n(Reply to this message with a number to vote.)",
    ],
    [
      "org.matrix.msc3381.poll.start",
      `{"org.matrix.msc1767.text": "fallback", "org.matrix.msc3381.poll.start": {"question": {"org.matrix.msc1767.text": "Where?", "body": "Where?"}, "answers": [{"id": "a", "org.matrix.msc1767.text": "Paris"}, {"id": "b", "org.matrix.msc1767.text": "Rome"}]}}`,
      "Poll: Where?\n1. Paris\n2. Rome\n(Reply to this message with a number to vote.)",
    ],
    [
      "m.poll.end",
      `{"m.text": [{"body": "Paris won"}], "m.poll.results": {"a": 3, "b": 1}, "m.relates_to": {"rel_type": "m.reference", "event_id": "$poll"}}`,
      "The poll has ended. Votes: 4.\nParis won",
    ],
    [
      "org.matrix.msc3381.poll.response",
      `{"org.matrix.msc3381.poll.response": {"answers": ["a"]}, "m.relates_to": {"rel_type": "m.reference", "event_id": "$poll"}}`,
      "/me voted in the poll.",
    ],
    [
      "m.location",
      `{"m.text": [{"body": "Big Ben"}], "m.location": {"uri": "geo:51.5,-0.12;u=35"}}`,
      "Big Ben\ngeo:51.5,-0.12;u=35",
    ],
    ["org.example.note", `{"m.text": [{"mimetype": "text/html", "body": "<b>x</b>"}, {"body": "x"}]}`, "x"],
    ["org.example.note", `{"m.text": [{"mimetype": "text/html", "body": "<b>x</b>"}]}`, "*x*"],
    ["org.example.note", `{"body": "words"}`, "words"],
    ["org.example.odd\u202e", `{"value": 5}`, "[Something that cannot be shown here: org.example.odd]"],
  ])("%s %s", (type, content, text) => {
    expect(incoming(eventText(type, content))).toMatchObject([{ type: "message", text }]);
  });

  it("a poll keeps what one can vote for", () => {
    const answers = (id: string) => `[{"${id}": "a", "m.text": [{"body": "Paris"}]}, {"${id}": "b"}]`;
    const contextOf = (type: string, content: string): unknown => incoming(eventText(type, content))[0];
    expect(contextOf("m.poll.start", `{"m.poll": {"max_selections": 2, "answers": ${answers("m.id")}}}`)).toMatchObject(
      {
        text: "Poll: [a question without text]\n1. Paris\n2. [an answer without text]\n(Reply to this message with up to 2 numbers to vote.)",
        context: { poll: { ids: ["a", "b"], most: 2 } },
      },
    );
    const draft = `{"org.matrix.msc3381.poll.start": {"answers": ${answers("id")}}}`;
    expect(contextOf("org.matrix.msc3381.poll.start", draft)).toMatchObject({
      context: { poll: { ids: ["a", "b"], most: 1, draft: true } },
    });
  });

  it("votes and ends of polls answer the poll", () => {
    const text = eventText(
      "m.poll.response",
      `{"m.selections": ["a"], "m.relates_to": {"rel_type": "m.reference", "event_id": "$poll"}}`,
    );
    expect(incoming(text)).toMatchObject([{ replyTo: ["$poll"], automatic: true }]);
  });

  it.each(["m.call.candidates", "m.call.hangup", "m.key.verification.ready", "m.beacon"])(
    "%s is for programs",
    (type) => {
      expect(incoming(eventText(type, `{"body": "x"}`))).toEqual([]);
    },
  );

  it("an edit that cannot be decrypted does not hide the message it edits", () => {
    const text = eventText(
      "m.room.encrypted",
      `{"ciphertext": "x", "m.relates_to": {"rel_type": "m.replace", "event_id": "$e"}}`,
    );
    expect(incoming(text)).toMatchObject([{ type: "message" }]);
  });

  it("a message replaces its placeholder when the key comes, and brings its files", () => {
    const found = message(`{"msgtype": "m.image", "body": "a.jpg", "url": "mxc://example.org/a"}`);
    if (found?.type !== "message") throw new Error("no message");
    expect(asCorrection({ ...found, text: "Look" })).toMatchObject([
      { type: "edit", id: base.id, target: base.id, text: "Look" },
      { type: "message", id: base.id, text: "", digest: "decrypted", attachments: [{ name: "a.jpg" }] },
    ]);
  });

  it("a message of the user's own is shown again instead: nobody here corrects what they wrote", () => {
    const found = message(`{"msgtype": "m.text", "body": "mine"}`);
    if (found?.type !== "message") throw new Error("no message");
    expect(asCorrection({ ...found, from: "self" })).toMatchObject([
      { type: "message", id: base.id, from: "self", text: "mine", digest: "decrypted" },
    ]);
  });
});

describe("state", () => {
  const state = (type: string, content: string, key = "", more = ""): string =>
    eventText(type, content, `"state_key": ${JSON.stringify(key)}${more}`);

  it.each([
    ["m.room.name", `{"name": "The room\\nname"}`, { name: "The room name" }],
    ["m.room.name", `{}`, { name: "" }],
    ["m.room.topic", `{"topic": "A room topic\\nof two lines"}`, { topic: "A room topic\nof two lines" }],
    [
      "m.room.topic",
      `{"m.topic": {"m.text": [{"body": "<b>An</b> topic", "mimetype": "text/html"}, {"body": "An topic"}]}, "topic": "old"}`,
      { topic: "An topic" },
    ],
    ["m.room.canonical_alias", `{"alias": "#somewhere:example.org"}`, { address: "#somewhere:example.org" }],
    ["m.room.join_rules", `{"join_rule": "public"}`, { access: "open" }],
    ["m.room.join_rules", `{"join_rule": "restricted"}`, { access: "members" }],
    ["m.room.avatar", `{"url": "mxc://example.org/abc"}`, { avatar: "mxc://example.org/abc" }],
    ["m.room.avatar", `{}`, { avatar: null }],
    ["m.room.avatar", `{"url": "https://example.org/abc.png"}`, { avatar: null }],
  ])("%s %s", (type, content, expected) => {
    expect(incoming(state(type, content))).toEqual([{ ...base, type: "room", ...expected }]);
    expect(incoming(state(type, content), direct)).toEqual([]);
  });

  const member = (membership: string, who: string, more = ""): string =>
    state("m.room.member", `{"membership": "${membership}", "displayname": "Bob", "reason": "because"}`, who, more);

  it.each([
    [
      member("join", "@alice:example.org"),
      { who: "@alice:example.org", state: "joined", rank: "member", avatar: null },
    ],
    [member("invite", "@me:example.org"), { who: "self", state: "invited", rank: "member" }],
    [member("leave", "@alice:example.org"), { who: "@alice:example.org", state: "left" }],
    [member("leave", "@bob:example.org"), { who: "@bob:example.org", state: "kicked" }],
    [
      member("leave", "@bob:example.org", `, "unsigned": {"prev_content": {"membership": "ban"}}`),
      { who: "@bob:example.org", state: "left" },
    ],
    [member("ban", "@bob:example.org"), { who: "@bob:example.org", state: "banned", rank: "outcast" }],
  ])("%s", (text, expected) => {
    expect(incoming(text)).toEqual([{ ...base, type: "membership", name: "Bob", reason: "because", ...expected }]);
    expect(incoming(text, direct).filter(({ type }) => type !== "contact")).toEqual([]);
  });

  it("a chat of two tells what its other person shows of themselves, and of nobody else", () => {
    const shows = (who: string, more: string): string => state("m.room.member", `{"membership": "join"${more}}`, who);
    const told = { ...base, peer: direct.peer, type: "contact" };
    const both = `, "displayname": "Al\\nice", "avatar_url": "mxc://example.org/a"`;
    expect(incoming(shows("@alice:example.org", both), direct)).toEqual([
      { ...told, name: "Al ice", avatar: "mxc://example.org/a" },
    ]);
    expect(incoming(shows("@alice:example.org", ""), direct)).toEqual([{ ...told, avatar: null }]);
    expect(incoming(shows("@me:example.org", both), direct)).toEqual([]);
  });

  it.each([
    [
      state("m.room.encryption", `{"algorithm": "m.megolm.v1.aes-sha2"}`),
      "Messages here are encrypted from now on. The gateway encrypts and decrypts them for you.",
    ],
    [
      state("m.room.tombstone", `{"body": "Moved", "replacement_room": "!new:example.org"}`),
      `This room was replaced. The new one is !new:example.org. "Moved"`,
    ],
  ])("says in words: %s", (text, words) => {
    expect(incoming(text)).toEqual([{ ...base, type: "message", text: words, unstyled: true, automatic: true }]);
  });

  it("the room says who knocks: they are not in it", () => {
    const [line] = incoming(member("knock", "@bob:example.org"));
    const text = 'Bob (@bob:example.org) asks to be let in. "because" Who may invite can let them in by that.';
    expect(line).toMatchObject({ type: "message", text, from: base.peer.id, automatic: true });
  });

  it.each(["m.room.pinned_events", "m.room.server_acl", "org.example.widget"])("%s is not shown", (type) => {
    expect(incoming(state(type, `{"body": "x"}`))).toEqual([]);
  });
});
