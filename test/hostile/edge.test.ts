// Abuse cases of security.md at the XMPP edge, by their numbers: Viaduct with the toy bridge on the fake server.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inLobby, lobby, phone } from "../dialogues/room-stanzas.ts";
import { aliceSignedIn, canonical, type Story, signIn, startStory } from "../dialogues/story.ts";

const ns = "urn:ietf:params:xml:ns:xmpp-stanzas";
const chat = (id: string, inside: string, more = "") =>
  `<message type="chat" id="${id}" from="alice@localhost/phone" to="bob@toy.localhost" ${more}>${inside}</message>`;
const texts = (story: Story) => story.network.messages.map(({ text }) => text);

describe("X04: an error stanza", () => {
  test("is never bridged and never answered", async () => {
    const story = await aliceSignedIn();
    for (const to of ["bob@toy.localhost", "toy.localhost", "made\\20up\\5c40@toy.localhost"]) {
      for (const name of ["message", "presence", "iq"]) {
        await story.send(`<${name} type="error" id="e1" from="alice@localhost/phone" to="${to}"><body>loop</body>
          <error type="cancel"><gone xmlns="${ns}"/></error></${name}>`);
      }
    }
    await story.nothing();
    expect(texts(story)).toEqual([]);
  });

  test("about our own message is noted, and the conversation goes on", async () => {
    const story = await aliceSignedIn();
    story.server.behave({ answerPings: false });
    story.network.put("bob", "al", "bounced", "bob-1");
    const bodies = () => story.server.stanzas.filter((stanza) => stanza.getChild("body"));
    await story.until("it is written", () => bodies().length === 1);
    const id = String(bodies()[0]?.attrs.id);
    await story.send(`<message type="error" id="${id}" from="alice@localhost" to="bob@toy.localhost">
      <error type="cancel"><service-unavailable xmlns="${ns}"/></error></message>`);
    story.server.behave({ answerPings: true });
    story.network.put("bob", "al", "next", "bob-2");
    await story.until("the next is written", () => bodies().some((stanza) => stanza.getChildText("body") === "next"));
    expect(texts(story)).toEqual(["bounced", "next"]);
  });
});

describe("X05: a stanza that carries another", () => {
  const inner = `<forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" type="chat" from="carol@localhost/x" to="bob@toy.localhost"><body>forged</body></message></forwarded>`;
  test.each([
    ["a received carbon", `<received xmlns="urn:xmpp:carbons:2">${inner}</received>`],
    ["a sent carbon", `<sent xmlns="urn:xmpp:carbons:2">${inner}</sent>`],
    ["an archive result", `<result xmlns="urn:xmpp:mam:2" id="1">${inner}</result>`],
    ["a bare forward", inner],
    ["a carbon with a body of its own", `<body>outer</body><sent xmlns="urn:xmpp:carbons:2">${inner}</sent>`],
  ])("%s says nothing in anybody's name", async (_, inside) => {
    const story = await aliceSignedIn();
    await signIn(story, "carol", "ca");
    for (const to of ["bob@toy.localhost", "toy.localhost"])
      await story.send(`<message type="chat" from="alice@localhost/phone" to="${to}">${inside}</message>`);
    await story.nothing();
    expect(texts(story)).toEqual([]);
  });

  test("of privileges (XEP-0356) says nothing either", async () => {
    const story = await aliceSignedIn();
    await story.send(
      `<message from="localhost" to="toy.localhost"><privilege xmlns="urn:xmpp:privilege:2">${inner}</privilege></message>`,
    );
    await story.nothing();
    expect(texts(story)).toEqual([]);
  });
});

describe("X06: a roster push", () => {
  test.each([["alice@localhost/phone"], ["alice@localhost"], ["localhost"]])(
    "from %s changes nothing",
    async (from) => {
      const story = await aliceSignedIn();
      await story.ask(
        `<iq type="set" id="{id}" from="${from}" to="toy.localhost"><query xmlns="jabber:iq:roster">
        <item jid="bob@toy.localhost" subscription="both"/></query></iq>`,
        `<iq type="error" id="{id}" from="toy.localhost" to="${from}"><error type="cancel"><service-unavailable xmlns="${ns}"/></error></iq>`,
      );
      expect(await story.viaduct.gateway.bridges.get("toy").contacts.page(1, "", 10)).toEqual([]);
    },
  );
});

describe("X07: privileges", () => {
  const grant = `<privilege xmlns="urn:xmpp:privilege:2"><perm access="roster" type="both"/></privilege>`;
  test.each([
    ["a user", "alice@localhost/phone"],
    ["a user's bare address", "alice@localhost"],
    ["a resource of the server", "localhost/evil"],
    ["another server", "evil.test"],
    ["a subdomain", "sub.localhost"],
  ])("granted by %s are not used", async (_, from) => {
    const story = await aliceSignedIn();
    await story.send(`<message from="${from}" to="toy.localhost">${grant}</message>`);
    await story.skip();
    await story.send(
      `<message type="chat" from="alice@localhost/phone" to="toy.localhost"><body>add bob</body></message>`,
    );
    await story.expect(`<presence type="subscribe" from="bob@toy.localhost" to="alice@localhost"/>`);
  });

  test("are gone with the stream", async () => {
    const story = await aliceSignedIn();
    await story.send(`<message from="localhost" to="toy.localhost">${grant}</message>`);
    await story.skip();
    story.server.cut();
    await story.server.untilHandshakes(2, 10_000);
    await story.skip();
    await story.send(
      `<message type="chat" from="alice@localhost/phone" to="toy.localhost"><body>add bob</body></message>`,
    );
    await story.expect(`<presence type="subscribe" from="bob@toy.localhost" to="alice@localhost"/>`);
  });
});

describe("X11: that alice reads, types or is there", () => {
  const signs = [
    `<received xmlns="urn:xmpp:receipts" id="bob-1"/>`,
    `<displayed xmlns="urn:xmpp:chat-markers:0" id="bob-1"/>`,
    `<active xmlns="http://jabber.org/protocol/chatstates"/>`,
    `<composing xmlns="http://jabber.org/protocol/chatstates"/>`,
  ];

  test("is nothing the gateway has her client answer a stranger by itself", async () => {
    const story = await aliceSignedIn();
    story.network.put("bob", "al", "Are you there?", "bob-1");
    await story.until("it is written", () => story.server.stanzas.some((stanza) => stanza.getChild("body")));
    const written = story.server.stanzas.find((stanza) => stanza.getChild("body"));
    // A marker is asked for: that is answered when she has read it, and by clients who let this contact know.
    expect(written?.getChildElements().map(({ name }) => name)).toEqual(["body", "origin-id", "markable"]);
    await story.skip();
    await story.send(chat("", signs[0] ?? ""));
    await story.nothing();
    expect([texts(story), [...story.network.read], [...story.network.typing]]).toEqual([["Are you there?"], [], []]);
  });

  test("of somebody without an account goes nowhere, and makes none where everybody may have one", async () => {
    const story = await startStory({ domain: true });
    for (const sign of signs.filter((one) => !one.startsWith("<displayed")))
      await story.send(chat("", sign).replace("alice@", "mallory@"));
    await story.nothing();
    expect([story.viaduct.gateway.accounts.size, story.network.typing.size]).toEqual([0, 0]);
  });

  test("is of no contact either: when bob was last there is told to nobody (XEP-0012)", async () => {
    const story = await aliceSignedIn();
    for (const user of ["alice@localhost/phone", "mallory@localhost/x"])
      await story.ask(
        `<iq type="get" id="{id}" from="${user}" to="bob@toy.localhost"><query xmlns="jabber:iq:last"/></iq>`,
        `<iq type="error" id="{id}" from="bob@toy.localhost" to="${user}"><error type="cancel"><service-unavailable xmlns="${ns}"/></error></iq>`,
      );
  });
});

describe("E13: what the gateway itself wrote", () => {
  test.each(["carol@toy.localhost/viaduct", "#lobby@toy.localhost/carol", "toy.localhost"])(
    "as %s is nobody's word when it comes back, though its domain may use the gateway",
    async (from) => {
      const story = await aliceSignedIn({ domain: true, permissions: { allow: ["localhost", "toy.localhost"] } });
      const before = story.server.everything.length;
      for (const to of ["bob@toy.localhost", "toy.localhost"])
        await story.send(`<message type="chat" id="m1" from="${from}" to="${to}"><body>help</body></message>`);
      await story.send(`<presence type="subscribe" from="${from}" to="bob@toy.localhost"/>`);
      await story.nothing();
      const written = story.server.everything.slice(before);
      expect(written.filter(({ attrs }) => String(attrs.to).includes("toy.localhost"))).toEqual([]);
      expect([texts(story), story.viaduct.gateway.accounts.of("toy", "carol@toy.localhost")]).toEqual([[], []]);
    },
  );
});

describe("X17: an id", () => {
  const refused = (id: string) => `<message type="error" ${id} from="nobody@toy.localhost" to="alice@localhost/phone">
    <error type="cancel"><item-not-found xmlns="${ns}"/><text xmlns="${ns}">There is no such toy.</text></error></message>`;
  const send = (story: Story, id: string) =>
    story.send(
      `<message type="chat" ${id} from="alice@localhost/phone" to="nobody@toy.localhost"><body>Hello</body></message>`,
    );

  test.each([
    ["with quotes and brackets", `id="&quot;&apos;&lt;x/&gt;&amp;"`],
    ["with line ends and tabs", `id="a&#10;b&#13;&#9;c"`],
    ["in another script", `id="идентификатор 👋"`],
    ["of 4,000 characters", `id="${"x".repeat(4_000)}"`],
  ])("%s comes back as it was", async (_, id) => {
    const story = await aliceSignedIn();
    await send(story, id);
    await story.expect(refused(id));
  });

  test.each([
    ["that is absent", ""],
    ["that is empty", `id=""`],
    ["of 64 KiB", `id="${"x".repeat(65_536)}"`],
  ])("%s is left out of the answer, and the error arrives all the same", async (_, id) => {
    const story = await aliceSignedIn();
    await send(story, id);
    await story.expect(refused(""));
  });

  test("is nobody's key but the sender's: carol's receipt is not alice's", async () => {
    const story = await aliceSignedIn();
    await signIn(story, "carol", "ca");
    const request = `<body>Hello</body><request xmlns="urn:xmpp:receipts"/>`;
    await story.send(chat("same", request));
    await story.send(chat("same", request).replace("alice@", "carol@"));
    for (const user of ["alice", "carol"])
      await story.expect(`<message id="{id}" from="bob@toy.localhost" to="${user}@localhost/phone">
        <received xmlns="urn:xmpp:receipts" id="same"/></message>`);
    await story.nothing();
  });
});

describe("X18: one id used for two messages", () => {
  test("both are delivered", async () => {
    const story = await aliceSignedIn();
    await story.send(chat("same", "<body>first</body>"));
    await story.send(chat("same", "<body>second</body>"));
    await story.send(chat("same", "<body>second</body>"));
    await story.until("all are sent", () => texts(story).length === 3);
    expect(texts(story)).toEqual(["first", "second", "second"]);
  });
});

describe("X25: an escaped address", () => {
  const malformed = ["modify", "jid-malformed", "This is not an address here."] as const;
  const nobody = ["cancel", "item-not-found", "There cannot be anybody at this address."] as const;
  test.each([
    [String.raw`\20bob`, malformed],
    [String.raw`bob\20`, malformed],
    [String.raw`bob\5cx`, malformed],
    [String.raw`bob\5c5cx`, nobody],
    [String.raw`a\5c20b`, nobody],
    [String.raw`bob\2`, nobody],
    [String.raw`\62ob`, nobody],
    ["bob%40x", nobody],
  ] as const)("%s has one answer, and reaches nobody by another name", async (local, [type, condition, text]) => {
    const story = await aliceSignedIn();
    await story.send(chat("m1", "<body>Hello</body>").replace("bob@", `${local}@`));
    await story.expect(`<message type="error" id="m1" from="${local}@toy.localhost" to="alice@localhost/phone">
      <error type="${type}"><${condition} xmlns="${ns}"/><text xmlns="${ns}">${text}</text></error></message>`);
    await story.nothing();
    expect(texts(story)).toEqual([]);
  });

  test("in its one right form reaches whom it names", async () => {
    const story = await aliceSignedIn();
    await story.send(chat("m1", "<body>Hello</body>").replace("bob@", String.raw`bob\20b\40x@`));
    await story.until("it is sent", () => story.network.messages.length === 1);
    expect(story.network.messages[0]?.to).toBe("bob b@x");
  });
});

test("X24: a message to a room that is not for everybody is refused, and nobody reads it", async () => {
  const story = await inLobby();
  for (const type of ["chat", "normal"]) {
    await story.send(`<message type="${type}" id="m1" from="${phone}" to="${lobby}"><body>secret</body></message>`);
    await story.expect(`<message type="error" id="m1" from="${lobby}" to="${phone}"><error type="modify">
      <bad-request xmlns="${ns}"/><text xmlns="${ns}">Messages to a room are of the type groupchat.</text></error></message>`);
  }
  await story.nothing();
  expect(texts(story)).not.toContain("secret");
});

describe("whatever a user sends", () => {
  test("the stream stays up, nothing malformed is written, and every request is answered", async () => {
    const story = await aliceSignedIn();
    const namespaces = [
      "jabber:iq:register",
      "http://jabber.org/protocol/commands",
      "jabber:iq:gateway",
      "http://jabber.org/protocol/disco#info",
      "http://jabber.org/protocol/disco#items",
      "vcard-temp",
      "jabber:x:data",
      "urn:xmpp:ping",
      "urn:xmpp:privilege:2",
    ];
    const text = fc
      .string({ unit: "grapheme", maxLength: 12 })
      .map((value) => value.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, "").replace(/[<&"]/g, ""));
    const names = fc.constantFrom(
      "query",
      "command",
      "x",
      "field",
      "value",
      "prompt",
      "remove",
      "username",
      "item",
      "vCard",
    );
    const { element } = fc.letrec<{ element: string }>((tie) => ({
      element: fc
        .record({
          name: names,
          ns: fc.option(fc.constantFrom(...namespaces), { nil: undefined }),
          attribute: fc.option(
            fc.tuple(
              fc.constantFrom("node", "type", "var", "sessionid", "action", "id"),
              fc.oneof(text, fc.constant("submit")),
            ),
            { nil: undefined },
          ),
          inside: fc.oneof({ depthSize: "small" }, text, tie("element")),
        })
        .map(({ name, ns: xmlns, attribute, inside }) => {
          const attributes = [xmlns && `xmlns="${xmlns}"`, attribute && `${attribute[0]}="${attribute[1]}"`];
          return `<${[name, ...attributes.filter(Boolean)].join(" ")}>${inside}</${name}>`;
        }),
    }));
    const target = fc.constantFrom("toy.localhost", "bob@toy.localhost", "bob@toy.localhost/x", "a\\20@toy.localhost");
    const type = fc.constantFrom("get", "set");
    let n = 0;
    const stanzas = fc.sample(fc.tuple(type, target, element), 400);
    for (const [iqType, to, payload] of stanzas)
      await story.send(`<iq type="${iqType}" id="fuzz-${n++}" from="alice@localhost/phone" to="${to}">${payload}</iq>`);
    const answers = () => story.server.stanzas.filter((stanza) => String(stanza.attrs.id).startsWith("fuzz-"));
    await story.until("all are answered", () => answers().length === stanzas.length);
    expect(new Set(answers().map((stanza) => stanza.attrs.id)).size).toBe(stanzas.length);
    expect(answers().filter((stanza) => canonical(stanza).includes("internal-server-error"))).toEqual([]);
    expect([story.server.handshakes, story.server.malformed, story.errors]).toEqual([1, [], []]);
  });
});
