// What cannot be done comes back as an error on the very message, with a sentence that says what to do.
import { describe, expect, test } from "vitest";
import { BridgeError } from "#bridge";
import { aliceSignedIn, startStory } from "./story.ts";

const ns = "urn:ietf:params:xml:ns:xmpp-stanzas";
const chat = (id: string, to: string, inside: string) =>
  `<message type="chat" id="${id}" from="alice@localhost/phone" to="${to}@toy.localhost">${inside}</message>`;
const error = (id: string, from: string, type: string, condition: string, text: string) =>
  `<message type="error" id="${id}" from="${from}@toy.localhost" to="alice@localhost/phone"><error type="${type}">
    <${condition} xmlns="${ns}"/><text xmlns="${ns}">${text}</text></error></message>`;

describe("an error on the very message", () => {
  test("when the network knows nobody of that name, and the next message goes through", async () => {
    const story = await aliceSignedIn();
    await story.send(chat("m1", "nobody", "<body>Hello?</body>"));
    await story.expect(error("m1", "nobody", "cancel", "item-not-found", "There is no such toy."));
    await story.send(chat("m2", "bob", "<body>Hello!</body>"));
    await story.until("it is sent", () => story.network.messages.length === 1);
    await story.nothing();
  });

  test("when there can be nobody at that address", async () => {
    const story = await aliceSignedIn();
    await story.send(chat("m1", "not+a~name", "<body>Hello?</body>"));
    await story.expect(
      error("m1", "not+a~name", "cancel", "item-not-found", "There cannot be anybody at this address."),
    );
  });

  test("when she has not signed in", async () => {
    const story = await startStory();
    await story.send(chat("m1", "bob", "<body>Hello?</body>"));
    await story.expect(
      error("m1", "bob", "auth", "registration-required", `Sign in first: send "login" to the gateway.`),
    );
    await story.nothing();
    expect(story.viaduct.gateway.accounts.of("toy", "alice@localhost")).toEqual([]);
  });

  test("when it is too long", async () => {
    const story = await aliceSignedIn({ bridge: (toy) => ({ ...toy, limits: { textLength: 10 } }) });
    await story.send(chat("m1", "bob", "<body>12345678901</body>"));
    await story.expect(
      error("m1", "bob", "modify", "policy-violation", "This message is too long: 10 characters are the limit."),
    );
    await story.send(chat("m2", "bob", "<body>1234567890</body>"));
    await story.until("the shorter one is sent", () => story.network.messages.length === 1);
  });

  test("X12: when there are too many, with the time to wait; bob's messages to others are not slowed by it", async () => {
    const story = await aliceSignedIn({ limits: { messagesPerMinute: 60, messageBurst: 3 } });
    await story.send(Array.from({ length: 5 }, (_, n) => chat(`m${n}`, "bob", "<body>Hello</body>")).join(""));
    for (const id of ["m3", "m4"]) {
      await story.expect(error(id, "bob", "wait", "policy-violation", "Too many messages at once; try again in 1 s."));
    }
    await story.until("the others are sent", () => story.network.messages.length === 3);
  });

  test("E09: when she writes to too many people for the first time", async () => {
    const story = await aliceSignedIn({ limits: { newRecipientsPerHour: 1 } });
    await story.send(chat("m1", "bob", "<body>Hello</body>"));
    await story.send(chat("m2", "carol", "<body>Hello</body>"));
    await story.expect(
      error("m2", "carol", "wait", "policy-violation", "Too many new contacts at once; try again in 60 min."),
    );
    await story.send(chat("m3", "bob", "<body>Hello again</body>"));
    await story.until("bob has both", () => story.network.messages.length === 2);
  });

  test("when the gateway's disk is full, and it can be sent again later", async () => {
    let full = true;
    const story = await startStory({
      parts: {
        wrapStore: (store) => ({
          ...store,
          lanes: {
            ...store.lanes,
            async append(rows, options) {
              if (full && rows.some((row) => row.direction === "outgoing")) {
                const { StoreError } = await import("../../src/gateway/ports.ts");
                throw new StoreError("full", "the disk that holds the database is almost full");
              }
              return store.lanes.append(rows, options);
            },
          },
        }),
      },
      domain: true,
    });
    await story.send(chat("m1", "bob", "<body>Hello</body>"));
    await story.expect(
      error("m1", "bob", "wait", "resource-constraint", "The gateway cannot store messages now; try again later."),
    );
    full = false;
    await story.send(chat("m1", "bob", "<body>Hello</body>"));
    await story.until("it is sent", () => story.network.messages.length === 1);
  });

  test.each([
    ["OMEMO", `<encrypted xmlns="eu.siacs.conversations.axolotl"><header sid="1"/></encrypted>`],
    ["OMEMO 2", `<encrypted xmlns="urn:xmpp:omemo:2"><header/></encrypted>`],
    ["OpenPGP", `<openpgp xmlns="urn:xmpp:openpgp:0">abc</openpgp>`],
    ["old OpenPGP", `<x xmlns="jabber:x:encrypted">abc</x>`],
  ])("when it is encrypted with %s, and the fallback text is not sent in its place", async (_, encrypted) => {
    const story = await aliceSignedIn();
    await story.send(chat("m1", "bob", `<body>I sent you an encrypted message.</body>${encrypted}`));
    await story.expect(
      error(
        "m1",
        "bob",
        "modify",
        "not-acceptable",
        "The gateway cannot read encrypted messages. Switch encryption off for this contact and send it again.",
      ),
    );
    expect(story.network.messages).toEqual([]);
  });

  test("when it is meant for a room", async () => {
    const story = await aliceSignedIn();
    await story.send(chat("m1", "bob", "<body>Hello all</body>").replace(`"chat"`, `"groupchat"`));
    await story.expect(error("m1", "bob", "cancel", "feature-not-implemented", "This is not a room."));
  });

  test("goes to the client that sent it, and only when the message is given up", async () => {
    const story = await aliceSignedIn();
    let tries = 0;
    story.network.trouble.beforeSend = () => {
      if (++tries < 2) throw new BridgeError("retry", "The network is away.", { retryAfter: 10 });
      throw new BridgeError("reject", "The network says no.", { condition: "not-allowed" });
    };
    await story.send(chat("m1", "bob", "<body>Hello</body>"));
    await story.expect(error("m1", "bob", "cancel", "not-allowed", "The network says no."));
    expect(tries).toBe(2);
    await story.nothing();
  });
});

describe("a password that no longer works", () => {
  test("is told once, messages wait, and go out after the sign-in", async () => {
    const story = await aliceSignedIn();
    story.network.trouble.beforeSend = () => {
      throw new BridgeError("login-required", "The password is wrong.");
    };
    await story.send(chat("m1", "bob", "<body>one</body>"));
    await story.expect(`<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost">
      <body>al is signed out. The password is wrong. Send "login"; messages wait until then.</body></message>`);
    await story.expect(`<presence from="toy.localhost/viaduct" to="alice@localhost"><show>xa</show>
      <status>Sign in again: send "login"</status>
      <c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="urn:viaduct" ver="{ver}"/></presence>`);
    await story.send(chat("m2", "bob", "<body>two</body>"));
    await story.nothing();
    delete story.network.trouble.beforeSend;
    story.network.passwords.set("al", "new");
    await story.ask(
      `<iq type="set" id="{id}" from="alice@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:register">
        <username>al</username><password>new</password></query></iq>`,
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone"/>`,
    );
    await story.until("both are sent", () => story.network.messages.length === 2);
    expect(story.network.messages.map(({ text }) => text)).toEqual(["one", "two"]);
  });
});

describe("a refusal that comes hours later", () => {
  const bounced = {
    peer: { kind: "contact", id: "bob" },
    from: "bob",
    sentAt: 9,
    text: "There is no mailbox bob.",
  } as const;
  const failed = { ...bounced, type: "failed", condition: "item-not-found" } as const;

  const written = async () => {
    const story = await aliceSignedIn();
    await story.send(chat("m1", "bob", "<body>Hello?</body>"));
    await story.until("it is sent", () => story.network.messages.length === 1);
    await story.skip();
    return { story, target: story.network.messages[0]?.id ?? "" };
  };
  const arrives = (id: string) => `<presence id="${id}" from="alice@localhost/phone" to="toy.localhost"/>`;

  test("is an error on the very message, and nothing else for a client that is there", async () => {
    const { story, target } = await written();
    await story.send(arrives("p1"));
    // What the network tells comes by another way than the presence.
    await story.nothing();
    story.network.tell("al", { ...failed, id: "report-1", target });
    await story.expect(error("m1", "bob", "cancel", "item-not-found", "There is no mailbox bob."));
    await story.nothing();
  });

  test("is told in words as well when the client that sent it is gone: no server keeps an error for it", async () => {
    const { story, target } = await written();
    story.network.tell("al", { ...failed, id: "report-1", target });
    await story.expect(error("m1", "bob", "cancel", "item-not-found", "There is no mailbox bob."));
    await story.expect(
      `<message type="chat" id="{id}" from="bob@toy.localhost" to="alice@localhost">
        <body>[A message of yours could not be delivered: There is no mailbox bob.]</body></message>`,
    );
    await story.nothing();
  });

  test("that names no message of hers to him marks nothing and says nothing", async () => {
    const { story, target } = await written();
    story.network.tell("al", { ...failed, id: "report-1", target: "made up" });
    story.network.tell("al", { ...failed, id: "report-2", target, peer: { kind: "contact", id: "mallory" } });
    await story.nothing();
  });

  test("that is not believed is shown as what it came as, where there is such a thing", async () => {
    const { story } = await written();
    const otherwise = { ...bounced, type: "message", id: "mail-1", from: "daemon", text: "It bounced." } as const;
    const peer = { kind: "contact", id: "daemon" } as const;
    const unknown = { ...failed, id: "report-1", target: "made up" } as const;
    story.network.tell("al", { ...unknown, otherwise: { ...otherwise, peer, sentAt: Date.now() } });
    await story.expect(
      `<message type="chat" id="{id}" from="daemon@toy.localhost" to="alice@localhost"><body>It bounced.</body>
        <origin-id xmlns="urn:xmpp:sid:0" id="{id}"/><markable xmlns="urn:xmpp:chat-markers:0"/></message>`,
    );
  });

  test("that is a delay is words that do not ring, in answer to the message", async () => {
    const { story, target } = await written();
    const delayed = { ...bounced, type: "delayed", sentAt: Date.now(), text: "[Not yet.]" } as const;
    story.network.tell("al", { ...delayed, id: "report-1", target }, { ...delayed, id: "report-2", target: "made up" });
    await story.expect(
      `<message type="normal" id="{id}" from="bob@toy.localhost" to="alice@localhost"><body>[Not yet.]</body>
        <origin-id xmlns="urn:xmpp:sid:0" id="{id}"/>
        <reply xmlns="urn:xmpp:reply:0" id="m1" to="alice@localhost"/>
        <unstyled xmlns="urn:xmpp:styling:0"/><markable xmlns="urn:xmpp:chat-markers:0"/></message>`,
    );
    await story.nothing();
  });
});
