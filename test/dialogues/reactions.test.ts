// Alice and bob react to each other's words (XEP-0444), correct and take back what they wrote, and see each other type.
import { describe, expect, test } from "vitest";
import { aliceSignedIn, type Story } from "./story.ts";

const chat = (id: string, inside: string) =>
  `<message type="chat" id="${id}" from="alice@localhost/phone" to="bob@toy.localhost">${inside}</message>`;
const reactions = (id: string, ...emojis: string[]) =>
  `<reactions xmlns="urn:xmpp:reactions:0" id="${id}">${emojis.map((one) => `<reaction>${one}</reaction>`).join("")}</reactions>`;
const fromBob = (inside: string) =>
  `<message type="chat" id="{id}" from="bob@toy.localhost" to="alice@localhost">${inside}</message>`;
const store = `<store xmlns="urn:xmpp:hints"/>`;

async function sent(story: Story): Promise<string> {
  await story.send(chat("m1", "<body>Hello</body>"));
  await story.until("it is sent", () => story.network.messages.length === 1);
  return story.network.messages[0]?.id ?? "";
}

/** What bob does, as his network tells alice's account. */
const event = (id: string) => ({ id, peer: { kind: "contact", id: "bob" }, from: "bob", sentAt: Date.now() }) as const;

async function written(story: Story): Promise<string> {
  story.network.put("bob", "al", "Bob's word", "bob-1");
  await story.until("she has it", () =>
    story.server.stanzas.some((stanza) => stanza.getChildText("body") === "Bob's word"),
  );
  const stanza = story.server.stanzas.find((one) => one.getChildText("body") === "Bob's word");
  await story.skip();
  return String(stanza?.attrs.id);
}

describe("reactions", () => {
  test("of alice go out one by one, however her client says them", async () => {
    const story = await aliceSignedIn();
    const id = await written(story);
    const on = () => [...story.network.reactions.values()];
    await story.send(chat("r1", reactions(id, "👍", "🎉")));
    await story.until("both are there", () => story.network.reactions.size === 2);
    expect(on()).toEqual([
      { target: "bob-1", emoji: "👍" },
      { target: "bob-1", emoji: "🎉" },
    ]);
    await story.send(chat("r2", reactions(id, "🎉", "❤️")));
    await story.until("one was changed", () => on().some(({ emoji }) => emoji === "❤️"));
    expect(on().map(({ emoji }) => emoji)).toEqual(["🎉", "❤️"]);
    await story.send(chat("r3", reactions(id)));
    await story.until("all are gone", () => story.network.reactions.size === 0);
    await story.nothing();
  });

  test("of bob come as the set he has on the message", async () => {
    const story = await aliceSignedIn();
    const target = await sent(story);
    story.network.tell("al", { ...event("like-1"), type: "reaction", target, emoji: "👍" });
    await story.expect(fromBob(reactions("m1", "👍") + store));
    story.network.tell("al", { ...event("like-2"), type: "reaction", target, emoji: "🎉" });
    await story.expect(fromBob(reactions("m1", "👍", "🎉") + store));
    story.network.tell("al", { ...event("gone-1"), type: "retraction", target: "like-1" });
    await story.expect(fromBob(reactions("m1", "🎉") + store));
    await story.nothing();
  });

  test("to a message that the gateway does not know are refused", async () => {
    const story = await aliceSignedIn();
    await story.send(chat("r1", reactions("unknown", "👍")));
    await story.expect(`<message type="error" id="r1" from="bob@toy.localhost" to="alice@localhost/phone">
      <error type="cancel"><feature-not-implemented xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
      <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">The gateway does not know the message that you reacted to.</text></error></message>`);
  });
});

describe("what bob wrote", () => {
  test("he corrects in place", async () => {
    const story = await aliceSignedIn();
    const id = await written(story);
    story.network.tell("al", { ...event("edit-1"), type: "edit", target: "bob-1", text: "Bob's better word" });
    await story.expect(
      fromBob(`<body>Bob's better word</body><replace xmlns="urn:xmpp:message-correct:0" id="${id}"/>
        <origin-id xmlns="urn:xmpp:sid:0" id="{origin}"/>`),
    );
    await story.nothing();
  });

  test("he takes back", async () => {
    const story = await aliceSignedIn();
    const id = await written(story);
    story.network.tell("al", { ...event("gone-1"), type: "retraction", target: "bob-1" });
    await story.expect(
      fromBob(`<retract xmlns="urn:xmpp:message-retract:1" id="${id}"/>
        <fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:message-retract:1"/>
        <body>A message was taken back, but your client does not support that.</body>${store}`),
    );
    await story.nothing();
  });
});

test("bob's network sees alice type, and stop", async () => {
  const story = await aliceSignedIn();
  const state = (name: string) => story.send(chat("t1", `<${name} xmlns="http://jabber.org/protocol/chatstates"/>`));
  await state("composing");
  await story.until("she types", () => story.network.typing.has("al bob"));
  await state("paused");
  await story.until("she stopped", () => story.network.typing.size === 0);
  await story.nothing();
});
