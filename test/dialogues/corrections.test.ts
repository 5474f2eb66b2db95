// Alice corrects herself (XEP-0308) and takes words back (XEP-0424), where the network can do that and where it cannot.
import { describe, expect, test } from "vitest";
import type { AnyBridge } from "#bridge";
import { aliceSignedIn, signIn, type Story } from "./story.ts";

const chat = (id: string, inside: string, user = "alice") =>
  `<message type="chat" id="${id}" from="${user}@localhost/phone" to="bob@toy.localhost">${inside}</message>`;
const correct = (id: string, text: string) =>
  `<body>${text}</body><replace xmlns="urn:xmpp:message-correct:0" id="${id}"/>`;
const retract = (id: string) => `<retract xmlns="urn:xmpp:message-retract:1" id="${id}"/>
  <fallback xmlns="urn:xmpp:fallback:0"/><body>This person took a message back.</body>`;

/** A network that cannot change what was sent. */
const plain = (toy: AnyBridge): AnyBridge => ({
  ...toy,
  verbs: [],
  async connect(account, host) {
    const session = await toy.connect(account, host);
    return { send: (message) => session.send(message), close: () => session.close() };
  },
});
const texts = (story: Story) => story.network.messages.map(({ text }) => text);

async function sent(story: Story): Promise<string> {
  await story.send(chat("m1", "<body>Helo</body>"));
  await story.until("it is sent", () => story.network.messages.length === 1);
  return story.network.messages[0]?.id ?? "";
}

describe("where the network can edit", () => {
  test("a correction changes the message itself", async () => {
    const story = await aliceSignedIn();
    const id = await sent(story);
    await story.send(chat("m2", correct("m1", "Hello")));
    await story.until("it is edited", () => story.network.edits.length === 1);
    expect(story.network.edits).toEqual([{ id, text: "Hello" }]);
    expect(texts(story)).toEqual(["Helo"]);
  });

  test("a correction of a correction changes the same message", async () => {
    const story = await aliceSignedIn();
    const id = await sent(story);
    await story.send(chat("m2", correct("m1", "Hello")));
    // XEP-0308 section 3: the id of the first version is meant each time.
    await story.send(chat("m3", correct("m1", "Hello!")));
    await story.until("it is edited twice", () => story.network.edits.length === 2);
    expect(story.network.edits.map((edit) => edit.id)).toEqual([id, id]);
  });

  test("a message that was taken back is taken back", async () => {
    const story = await aliceSignedIn();
    const id = await sent(story);
    await story.send(chat("m2", retract("m1")));
    await story.until("it is retracted", () => story.network.retracted.size === 1);
    expect([...story.network.retracted]).toEqual([id]);
    await story.nothing();
  });

  test("X09: bob's words are not corrected and not taken back by alice", async () => {
    const story = await aliceSignedIn();
    story.network.put("bob", "al", "Bob's word", "bob-1");
    await story.until("she has it", () =>
      story.server.stanzas.some((stanza) => stanza.getChildText("body") === "Bob's word"),
    );
    const id = String(story.server.stanzas.find((stanza) => stanza.getChildText("body"))?.attrs.id);
    await story.skip();
    await story.send(chat("m1", correct(id, "Something else")));
    await story.until("it is sent as her own", () => texts(story).includes("Correction: Something else"));
    await story.send(chat("m2", retract(id)));
    await story.expect(`<message type="error" id="m2" from="bob@toy.localhost" to="alice@localhost/phone">
      <error type="cancel"><forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
      <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">This message is not yours to take back.</text></error></message>`);
    expect([story.network.edits.length, story.network.retracted.size]).toEqual([0, 0]);
  });

  test("X09: carol does not correct a message of alice's by its id", async () => {
    const story = await aliceSignedIn();
    await signIn(story, "carol", "ca");
    await sent(story);
    await story.send(chat("m1b", correct("m1", "Forged"), "carol"));
    await story.until("it is sent as carol's", () => story.network.messages.length === 2);
    expect(story.network.messages[1]).toMatchObject({ from: "ca", text: "Correction: Forged" });
    expect(story.network.edits).toEqual([]);
  });
});

const unable = `<error type="cancel"><feature-not-implemented xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
  <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">The message has left already and cannot be taken back there.</text></error>`;

describe("where the network cannot edit", () => {
  test("a correction goes as a message that says what it is", async () => {
    const story = await aliceSignedIn({ bridge: plain });
    await sent(story);
    await story.send(chat("m2", correct("m1", "Hello")));
    await story.until("it is sent", () => story.network.messages.length === 2);
    expect(texts(story)).toEqual(["Helo", "Correction: Hello"]);
  });

  test("taking back is refused on the very stanza", async () => {
    const story = await aliceSignedIn({ bridge: plain });
    await sent(story);
    await story.send(chat("m2", retract("m1")));
    await story.expect(
      `<message type="error" id="m2" from="bob@toy.localhost" to="alice@localhost/phone">${unable}</message>`,
    );
    expect(texts(story)).toEqual(["Helo"]);
  });
});
