// What is said in a room, both ways (XEP-0045 sections 7.4, 7.5 and 8.1).
import { describe, expect, test } from "vitest";
import { BridgeError } from "#bridge";
import {
  entered,
  inLobby,
  join,
  laptop,
  lobby,
  moderated,
  phone,
  says,
  subject,
  withLobby,
  write,
} from "./room-stanzas.ts";

const error = (id: string, type: string, condition: string, text: string, from = lobby) =>
  `<message type="error" id="${id}" from="${from}" to="${phone}"><error type="${type}">
    <${condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
    <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">${text}</text></error></message>`;

describe("alice says something", () => {
  test("and all of her clients see it when the network has it, with the id that her client gave", async () => {
    const story = await inLobby();
    await story.send(join("al", { client: laptop }));
    await entered(story, laptop);
    let go = () => {};
    story.network.trouble.beforeSend = () => new Promise((resolve) => (go = resolve));
    await story.send(write("m1", "Hello all"));
    await story.nothing();
    go();
    await story.expect(says("al", "Hello all", { id: "m1" }));
    await story.expect(says("al", "Hello all", { id: "m1", client: laptop }));
    await story.nothing();
    expect(story.network.messages.filter(({ to }) => to === "r1")).toMatchObject([{ from: "al", text: "Hello all" }]);
  });

  test("several things, which arrive in order", async () => {
    const story = await inLobby();
    const texts = Array.from({ length: 30 }, (_, n) => `message ${n}`);
    await story.send(texts.map((text, n) => write(`m${n}`, text)).join(""));
    for (const [n, text] of texts.entries()) await story.expect(says("al", text, { id: `m${n}` }));
    expect(story.network.messages.filter(({ to }) => to === "r1").map(({ text }) => text)).toEqual(texts);
  });

  test("without being in the room, and nobody hears it", async () => {
    const story = await withLobby();
    await story.send(write("m1", "psst"));
    await story.expect(error("m1", "modify", "not-acceptable", "You are not in this room: join it first."));
    await story.nothing();
    expect(story.network.messages.filter(({ to }) => to === "r1")).toEqual([]);
  });

  test("that the network refuses, and gets the error with her client's id", async () => {
    const story = await inLobby();
    story.network.trouble.beforeSend = () => {
      throw new BridgeError("reject", "You are muted.", { condition: "forbidden" });
    };
    await story.send(write("m1", "Hello"));
    await story.expect(error("m1", "cancel", "forbidden", "You are muted."));
    await story.nothing();
  });

  test("in answer to bob, and everybody sees to what", async () => {
    const story = await inLobby();
    story.network.rooms.say("bob", "r1", "Tea?", "b1");
    const { stanza = "" } = await story.expect(says("bob", "Tea?"));
    const reply = `<reply xmlns="urn:xmpp:reply:0" id="${stanza}"/>`;
    await story.send(write("m1", "Yes", { more: reply.replace("/>", ` to="${lobby}/bob"/>`) }));
    await story.expect(says("al", "Yes", { id: "m1", more: reply }));
    expect(story.network.messages.at(-1)).toMatchObject({ text: "Yes" });
    expect(story.network.messages.findLast(({ to }) => to === "r1")).toMatchObject({ replyTo: "b1" });
  });

  test("and corrects it", async () => {
    const story = await inLobby();
    await story.send(write("m1", "Helo"));
    await story.expect(says("al", "Helo", { id: "m1" }));
    const replace = `<replace xmlns="urn:xmpp:message-correct:0" id="m1"/>`;
    await story.send(write("m2", "Hello", { more: replace }));
    await story.expect(says("al", "Hello", { id: "m2", more: replace }));
    expect(story.network.edits).toMatchObject([{ text: "Hello" }]);
  });

  test("X24: to bob alone through the room, and hears where bob is; nobody else hears it", async () => {
    const story = await inLobby();
    await story.send(
      `<message type="chat" id="m1" from="${phone}" to="${lobby}/bob"><body>secret</body><x xmlns="http://jabber.org/protocol/muc#user"/></message>`,
    );
    await story.expect(error("m1", "modify", "not-acceptable", "Write to bob@toy.localhost instead.", `${lobby}/bob`));
    await story.nothing();
    expect(story.network.messages.filter(({ text }) => text === "secret")).toEqual([]);
  });

  test("X24: in the name of another one, for the room asks the network alone who she is", async () => {
    const story = await inLobby();
    await story.send(
      `<message type="groupchat" id="m1" from="${phone}" to="${lobby}/bob"><body>I am bob</body></message>`,
    );
    await story.expect(
      error("m1", "modify", "bad-request", "Messages to everybody go to the room itself.", `${lobby}/bob`),
    );
    await story.nothing();
  });
});

describe("others say something", () => {
  test("and an answer to alice points at the room's id of her message", async () => {
    const story = await inLobby();
    await story.send(write("m1", "Tea?"));
    const { stanza = "" } = await story.expect(says("al", "Tea?", { id: "m1" }));
    const sent = story.network.messages.findLast(({ to }) => to === "r1");
    story.network.rooms.say("bob", "r1", "Yes", "b1", sent?.id);
    await story.expect(says("bob", "Yes", { more: `<reply xmlns="urn:xmpp:reply:0" id="${stanza}"/>` }));
  });

  test("M07: and an answer to a message outside of the room brings nothing of it along", async () => {
    const story = await inLobby();
    story.network.put("bob", "al", "between us", "b-private");
    await story.skip();
    story.network.rooms.say("bob", "r1", "as I said", "b1", "b-private");
    await story.expect(says("bob", "as I said"));
  });

  test("and what alice writes with another program is hers here too", async () => {
    const story = await inLobby();
    story.network.rooms.say("al", "r1", "from my desk", "desk-1");
    await story.expect(says("al", "from my desk"));
    await story.nothing();
  });

  test("with text that XML forbids, or that no stanza can hold", async () => {
    const story = await inLobby();
    story.network.rooms.say("bob", "r1", "bell \u0007", "b1");
    await story.expect(says("bob", "bell \ufffd"));
    story.network.rooms.say("bob", "r1", "ö".repeat(40_000), "b2");
    await story.expect(says("bob", `${"ö".repeat(8_000)}\n[cut here: the message is too large for one stanza]`));
  });

  test("and it is retracted, and gone from the history", async () => {
    const story = await inLobby();
    story.network.rooms.say("bob", "r1", "regrets", "b1");
    const { stanza = "" } = await story.expect(says("bob", "regrets"));
    story.network.tell("al", {
      type: "retraction",
      id: "b2",
      target: "b1",
      peer: { kind: "room", id: "r1" },
      from: "bob",
      sentAt: 0,
    });
    await story.until("it is told", () =>
      story.server.stanzas.some((one) => one.getChild("retract")?.attrs.id === stanza),
    );
    await story.skip();
    await story.send(join());
    await story.skip();
    expect(story.server.stanzas.filter((one) => one.getChildText("body") === "regrets")).toHaveLength(1);
  });

  test("and a moderator takes it back, in the name of the room", async () => {
    const story = await inLobby();
    story.network.rooms.say("carol", "r1", "spam", "c1");
    const { stanza = "" } = await story.expect(says("carol", "spam"));
    story.network.tell("al", {
      type: "retraction",
      id: "b2",
      target: "c1",
      peer: { kind: "room", id: "r1" },
      from: "bob",
      sentAt: Date.now(),
      reason: "Spam",
    });
    await story.expect(moderated(stanza, "bob"));
  });
});

describe("the subject", () => {
  test("is changed by alice where the network lets her, and by others", async () => {
    const story = await inLobby();
    const change = `<message type="groupchat" id="s1" from="${phone}" to="${lobby}"><subject>Cake</subject></message>`;
    await story.send(change);
    await story.expect(error("s1", "auth", "forbidden", "Only its admins may do that."));
    story.network.rooms.change("bob", "r1", { do: "rank", who: "al", rank: "admin" });
    await story.skip();
    await story.send(change);
    const delay = `<delay xmlns="urn:xmpp:delay" from="${lobby}" stamp="{at}"/>`;
    await story.expect(subject("Cake", { by: "al", more: delay }));
    story.network.rooms.change("bob", "r1", { do: "subject", text: "Tea" });
    await story.expect(subject("Tea", { by: "bob", more: delay }));
    await story.nothing();
  });
});

describe("typing", () => {
  test("is told both ways", async () => {
    const story = await inLobby();
    await story.send(
      `<message type="groupchat" id="t1" from="${phone}" to="${lobby}"><composing xmlns="http://jabber.org/protocol/chatstates"/></message>`,
    );
    await story.until("the network knows", () => story.network.typing.has("al r1"));
    await story.nothing();
  });
});
