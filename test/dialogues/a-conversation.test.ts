// Alice and bob write to each other: what each of her stanzas means on the network, and what she sees of his.
import { describe, expect, test } from "vitest";
import type { AnyBridge, IncomingMessage, OutgoingMessage } from "#bridge";
import { aliceSignedIn, type Story } from "./story.ts";

const chat = (id: string, inside: string) =>
  `<message type="chat" id="${id}" from="alice@localhost/phone" to="bob@toy.localhost">${inside}</message>`;
const sid = "urn:xmpp:sid:0";
const markable = `<markable xmlns="urn:xmpp:chat-markers:0"/>`;
/** A plain message of bob's as alice sees it. */
const fromBob = (
  text: string,
  more = "",
) => `<message type="chat" id="{id}" from="bob@toy.localhost" to="alice@localhost">
  <body>${text}</body><origin-id xmlns="${sid}" id="{id}"/>${more}${markable}</message>`;

/** The toy bridge, with what it was asked to send and a way to deliver anything. */
function spying() {
  const sent: OutgoingMessage[] = [];
  const hosts = new Map<string, Parameters<AnyBridge["connect"]>[1]>();
  let id = 0;
  return {
    sent,
    bridge: (toy: AnyBridge): AnyBridge => ({
      ...toy,
      async connect(account, host) {
        hosts.set(account.self, host);
        const session = await toy.connect(account, host);
        const send = session.send.bind(session);
        session.send = (message, prepared) => {
          sent.push(message);
          return send(message, prepared);
        };
        return session;
      },
    }),
    /** Something that bob's network can express and the toy's cannot. */
    deliver: (message: Partial<IncomingMessage>) =>
      hosts.get("al")?.deliver([
        {
          type: "message",
          id: `special-${++id}`,
          peer: { kind: "contact", id: "bob" },
          from: "bob",
          sentAt: Date.now(),
          text: "hi",
          ...message,
        },
      ]),
  };
}

const said = (story: Story) => story.network.messages.filter(({ to }) => to === "bob").map(({ text }) => text);

describe("alice writes", () => {
  test("and gets a receipt when the network has her message", async () => {
    const story = await aliceSignedIn();
    await story.send(chat("m1", `<body>Hello, grüß dich 👋 &lt;&amp;&gt;</body><request xmlns="urn:xmpp:receipts"/>`));
    await story.expect(`<message id="{id}" from="bob@toy.localhost" to="alice@localhost/phone">
      <received xmlns="urn:xmpp:receipts" id="m1"/></message>`);
    expect(story.network.messages).toMatchObject([{ from: "al", to: "bob", text: "Hello, grüß dich 👋 <&>" }]);
    await story.nothing();
  });

  test("without asking for a receipt, and gets none", async () => {
    const story = await aliceSignedIn();
    await story.send(chat("m1", "<body>quiet</body>"));
    await story.until("it is sent", () => said(story).length === 1);
    await story.nothing();
  });

  test("with subject, thread and nick", async () => {
    const spy = spying();
    const story = await aliceSignedIn({ bridge: spy.bridge });
    await story.send(
      chat(
        "m1",
        `<body>line 1\nline 2</body><subject> The\n plan </subject><thread>t-1</thread>
         <nick xmlns="http://jabber.org/protocol/nick">Alice A.</nick>`,
      ),
    );
    await story.until("it is sent", () => spy.sent.length === 1);
    expect(spy.sent[0]).toMatchObject({
      text: "line 1\nline 2",
      subject: "The plan",
      thread: "t-1",
      senderName: "Alice A.",
      peer: { kind: "contact", id: "bob" },
      uncertain: false,
    });
  });

  test("several messages, which arrive in order", async () => {
    const story = await aliceSignedIn();
    const texts = Array.from({ length: 50 }, (_, n) => `message ${n}`);
    await story.send(texts.map((text, n) => chat(`m${n}`, `<body>${text}</body>`)).join(""));
    await story.until("all are sent", () => said(story).length === 50);
    expect(said(story)).toEqual(texts);
  });

  test("an answer, and the quote that her client put before it is not sent along", async () => {
    const story = await aliceSignedIn();
    story.network.put("bob", "al", "How are you?", "bob-1");
    const { id } = await story.expect(fromBob("How are you?"));
    // "> How are you? 👋\n" are 17 code points: XEP-0461 counts those, not UTF-16 units.
    await story.send(
      chat(
        "m1",
        `<body>&gt; How are you? 👋\nFine 👍</body><reply xmlns="urn:xmpp:reply:0" to="bob@toy.localhost" id="${id}"/>
         <fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="0" end="17"/></fallback>`,
      ),
    );
    await story.until("it is sent", () => said(story).length === 1);
    expect(story.network.messages.at(-1)).toMatchObject({ text: "Fine 👍", replyTo: "bob-1" });
  });

  test.each([
    ["of something else", `<fallback xmlns="urn:xmpp:fallback:0" for="urn:other"><body start="0" end="5"/></fallback>`],
    ["backwards", `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="5" end="2"/></fallback>`],
    [
      "beyond the end",
      `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="0" end="99"/></fallback>`,
    ],
    [
      "that is no number",
      `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="x" end="y"/></fallback>`,
    ],
    [
      "of the whole text",
      `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="0" end="10"/></fallback>`,
    ],
  ])("a text with a quote mark %s, and nothing is cut off", async (_, mark) => {
    const story = await aliceSignedIn();
    await story.send(chat("m1", `<body>whole text</body>${mark}`));
    await story.until("it is sent", () => said(story).length === 1);
    expect(said(story)).toEqual(["whole text"]);
  });

  test("an answer to a message nobody knows, which goes as a plain one", async () => {
    const story = await aliceSignedIn();
    await story.send(
      chat("m1", `<body>What?</body><reply xmlns="urn:xmpp:reply:0" to="bob@toy.localhost" id="unknown"/>`),
    );
    await story.until("it is sent", () => said(story).length === 1);
    expect(story.network.messages[0]).toMatchObject({ text: "What?", replyTo: undefined });
  });

  test("to herself by an echo, which answers her message", async () => {
    const story = await aliceSignedIn();
    await story.send(
      `<message type="chat" id="m1" from="alice@localhost/phone" to="echo@toy.localhost"><body>ping</body></message>`,
    );
    await story.expect(`<message type="chat" id="{id}" from="echo@toy.localhost" to="alice@localhost"><body>ping</body>
      <origin-id xmlns="${sid}" id="{id}"/><reply xmlns="urn:xmpp:reply:0" id="m1" to="alice@localhost"/>${markable}</message>`);
  });

  test("typing and receipts of her client, of which the network hears nothing", async () => {
    const story = await aliceSignedIn();
    await story.send(chat("c1", `<composing xmlns="http://jabber.org/protocol/chatstates"/>`));
    await story.send(chat("c2", `<received xmlns="urn:xmpp:receipts" id="x"/>`));
    await story.send(chat("c3", "<subject>no body</subject>"));
    await story.nothing();
    expect(story.network.messages).toEqual([]);
  });

  test("a headline, which is no message to anybody", async () => {
    const story = await aliceSignedIn();
    await story.send(chat("m1", "<body>news</body>").replace("chat", "headline"));
    await story.nothing();
    expect(story.network.messages).toEqual([]);
  });
});

describe("bob writes", () => {
  test("and alice is asked to add him, once, and sees each message once", async () => {
    const story = await aliceSignedIn();
    story.network.put("bob", "al", "first", "bob-1");
    await story.expect(`<presence type="subscribe" from="bob@toy.localhost" to="alice@localhost"/>`);
    await story.expect(fromBob("first"));
    story.network.put("bob", "al", "second", "bob-2");
    await story.expect(fromBob("second"));
    await story.nothing();
  });

  test("with a name, a subject, a thread and no styling", async () => {
    const spy = spying();
    const story = await aliceSignedIn({ bridge: spy.bridge });
    await spy.deliver({ text: "*not bold*", subject: "Plan", thread: "t-9", name: "Bob B.", unstyled: true });
    await story.expect(`<presence type="subscribe" from="bob@toy.localhost" to="alice@localhost">
      <nick xmlns="http://jabber.org/protocol/nick">Bob B.</nick></presence>`);
    await story.expect(`<message type="chat" id="{id}" from="bob@toy.localhost" to="alice@localhost">
      <body>Subject: Plan\n*not bold*</body><subject>Plan</subject><thread>t-9</thread><origin-id xmlns="${sid}" id="{id}"/>
      <nick xmlns="http://jabber.org/protocol/nick">Bob B.</nick>
      <fallback xmlns="urn:xmpp:fallback:0" for="urn:viaduct:lead"><body start="0" end="14"/></fallback>
      <unstyled xmlns="urn:xmpp:styling:0"/>${markable}</message>`);
  });

  test("with a note of ours above, which is marked in code points", async () => {
    const spy = spying();
    const story = await aliceSignedIn({ bridge: spy.bridge });
    await spy.deliver({ text: "hi", note: "To: 👩‍👩‍👧 too" });
    // "To: " 4, the family 5, " too" 4, the line end 1.
    await story.expect(
      fromBob(
        "To: 👩‍👩‍👧 too\nhi",
        `<fallback xmlns="urn:xmpp:fallback:0" for="urn:viaduct:lead"><body start="0" end="14"/></fallback>`,
      ),
    );
  });

  test("earlier than just now, and the time is told", async () => {
    const spy = spying();
    const story = await aliceSignedIn({ bridge: spy.bridge });
    await spy.deliver({ text: "old news", sentAt: Date.UTC(2026, 0, 2, 3, 4, 5, 678) });
    await story.expect(fromBob("old news", `<delay xmlns="urn:xmpp:delay" stamp="2026-01-02T03:04:05.678Z"/>`));
  });

  test("E12: as a machine, and it does not ring, asks for no contact, and gets no answer", async () => {
    const spy = spying();
    const story = await aliceSignedIn({ bridge: spy.bridge });
    await spy.deliver({ text: "Your ticket #7", automatic: true });
    await story.expect(fromBob("Your ticket #7").replace(`type="chat"`, `type="normal"`));
    await story.nothing();
    expect(said(story)).toEqual([]);
  });

  test("an answer to alice's message, which points at the id her client gave it", async () => {
    const story = await aliceSignedIn();
    await story.send(chat("m-alice", "<body>Question?</body>"));
    await story.until("it is sent", () => said(story).length === 1);
    const [question] = story.network.messages;
    story.network.put("bob", "al", "Answer!", "bob-1", question?.id);
    await story.expect(fromBob("Answer!", `<reply xmlns="urn:xmpp:reply:0" id="m-alice" to="alice@localhost"/>`));
  });

  test("for alice from another program of hers, and it is shown in the conversation", async () => {
    const spy = spying();
    const story = await aliceSignedIn({ bridge: spy.bridge });
    await spy.deliver({ text: "sent from my desk", from: "self" });
    await story.expect(
      fromBob(
        "You wrote from another program:\nsent from my desk",
        `<fallback xmlns="urn:xmpp:fallback:0" for="urn:viaduct:lead"><body start="0" end="32"/></fallback>`,
      ),
    );
  });

  test("what no stanza can hold, and the beginning arrives with a mark", async () => {
    const story = await aliceSignedIn();
    story.network.put("bob", "al", `${"ö".repeat(40_000)}`, "bob-1");
    await story.expect(fromBob(`${"ö".repeat(8_000)}\n[cut here: the message is too large for one stanza]`));
  });

  test("what XML forbids, and the rest arrives", async () => {
    const story = await aliceSignedIn();
    story.network.put("bob", "al", "bell \u0007 null \u0000 lone \ud800 end", "bob-1");
    await story.expect(fromBob("bell \ufffd null \ufffd lone \ufffd end"));
  });
});

describe("alice has read", () => {
  const displayed = (id: string) => chat("d1", `<displayed xmlns="urn:xmpp:chat-markers:0" id="${id}"/>`);

  test("bob's message, and the network is told which", async () => {
    const story = await aliceSignedIn();
    story.network.put("bob", "al", "read me", "bob-1");
    const { id = "" } = await story.expect(fromBob("read me"));
    await story.send(displayed(id));
    await story.until("the network knows", () => story.network.read.has("bob-1"));
  });

  test("a message that is not there, or her own, and the network hears nothing", async () => {
    const story = await aliceSignedIn();
    await story.send(chat("m1", "<body>mine</body>"));
    await story.until("it is sent", () => said(story).length === 1);
    await story.send(displayed("made-up"));
    await story.send(displayed("m1"));
    await story.nothing();
    expect([...story.network.read]).toEqual([]);
  });
});
