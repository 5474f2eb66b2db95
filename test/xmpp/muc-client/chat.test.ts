// One chat as its service and the core see us: what is written, in answer to what. The service is scripted.
import { parse } from "ltx";
import { describe, expect, test } from "vitest";
import type { GroupChatCursor, Heard } from "../../../src/gateway/group-chat-ports.ts";
import { MucChat } from "../../../src/xmpp/muc-client/chat.ts";
import { parseJid } from "../../../src/xmpp/jid.ts";
import { attr, child, type Element } from "../../../src/xmpp/stanza.ts";
import { createLog } from "../../gateway/setup.ts";
import { createTestClock } from "../../kit/clock.ts";

const address = "lounge@rooms.test";
const user = "http://jabber.org/protocol/muc#user";
const bob = { id: "bob", name: "Bob" };
const carol = { id: "carol", name: "Carol" };
const never = new AbortController().signal;

function setUp(cursor?: GroupChatCursor) {
  const sent: Element[] = [];
  const heard: Heard[] = [];
  const clock = createTestClock(0);
  const chat = new MucChat({
    address,
    services: { facts: async () => ({ name: "Lounge", features: new Set(["urn:xmpp:sid:0"]) }) },
    events: {
      cursor: async () => cursor,
      heard: async (_, one) => void heard.push(one),
      refused: () => {},
    },
    iq: { request: () => new Promise(() => {}) },
    send: (stanza) => void sent.push(stanza),
    isUp: () => true,
    jidOf: (id) => (id === "nobody" ? undefined : `${id}@gw.test`),
    clock,
    log: createLog(),
  });
  const jid = (text: string) => parseJid(text) ?? expect.fail(text);
  const receive = async (xml: string) => {
    const stanza = parse(xml);
    const [from, to] = [jid(attr(stanza, "from") ?? ""), jid(attr(stanza, "to") ?? "")];
    await (stanza.name === "presence" ? chat.presence(stanza, from, to) : chat.message(stanza, from, to));
    await settle();
  };
  const own = (person: string, nick: string, more = "", codes = ["110"]) =>
    receive(
      `<presence from='${address}/${nick}' to='${person}@gw.test/viaduct' ${more}><x xmlns='${user}'><item/>${codes.map((code) => `<status code='${code}'/>`).join("")}</x></presence>`,
    );
  const error = (person: string, nick: string, condition: string, type = "cancel") =>
    receive(
      `<presence type='error' from='${address}/${nick}' to='${person}@gw.test/viaduct'><error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
    );
  const message = (person: string, nick: string, inside: string) =>
    receive(
      `<message type='groupchat' from='${address}/${nick}' to='${person}@gw.test/viaduct' id='i'>${inside}</message>`,
    );
  const subject = (person: string) => message(person, "ann", "<subject/>");
  const asked = () =>
    sent.map((stanza) => `${attr(stanza, "from")} ${attr(stanza, "to")} ${attr(stanza, "type") ?? ""}`.trim());
  return { chat, sent, heard, clock, own, error, message, subject, asked };
}

/** Lets what was promised happen. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("coming in", () => {
  test("the first one enters and hears, the others come when that is done", async () => {
    const { chat, own, subject, asked, sent } = setUp({ at: 3_600_000 });
    const first = chat.enter(bob, never);
    const second = chat.enter(carol, never);
    await settle();
    expect(asked()).toEqual(["bob@gw.test/viaduct lounge@rooms.test/Bob"]);
    const history = child(child(sent[0] ?? expect.fail(), "x") ?? expect.fail(), "history");
    expect(history?.attrs).toEqual({ since: "1970-01-01T00:59:00Z" });
    await own("bob", "Bob");
    expect(asked()).toHaveLength(1);
    await subject("bob");
    await first;
    expect(asked()).toEqual([
      "bob@gw.test/viaduct lounge@rooms.test/Bob",
      "carol@gw.test/viaduct lounge@rooms.test/Carol",
    ]);
    await own("carol", "Carol");
    await second;
  });

  test("what comes before the entry is answered is left to the history, so that it stays in order", async () => {
    const { chat, own, subject, message, heard } = setUp({ at: 3_600_000 });
    const entered = chat.enter(bob, never);
    await settle();
    await message("bob", "ann", "<body>two</body>");
    await own("bob", "Bob");
    const delay = "<delay xmlns='urn:xmpp:delay' stamp='1970-01-01T01:00:00Z'/>";
    await message("bob", "ann", `<body>one</body>${delay}`);
    await message("bob", "ann", `<body>two</body>${delay}`);
    await subject("bob");
    await entered;
    const texts = heard.map((one) => (one.what === "said" ? one.body?.text : one.what));
    expect(texts).toEqual(["one", "two", "changed"]);
  });

  test("a nick that somebody has is asked for with the person's own id behind it", async () => {
    const { chat, own, subject, error, asked } = setUp();
    const entered = chat.enter(bob, never);
    await settle();
    await error("bob", "Bob", "conflict");
    expect(asked()).toEqual([
      "bob@gw.test/viaduct lounge@rooms.test/Bob",
      "bob@gw.test/viaduct lounge@rooms.test/Bob (bob)",
    ]);
    await own("bob", "Bob (bob)");
    await subject("bob");
    await entered;
  });

  test.each([
    ["forbidden", "You are banned from the group chat."],
    ["registration-required", "The group chat is for its members only."],
    ["not-authorized", "The group chat wants a password."],
  ])("who is refused with %s is told why", async (condition, text) => {
    const { chat, error } = setUp();
    const entered = chat.enter(bob, never);
    const outcome = expect(entered).rejects.toMatchObject({ kind: "reject", message: text });
    await settle();
    await error("bob", "Bob", condition, "auth");
    await outcome;
    expect(chat.isEmpty).toBe(true);
  });

  test("a service that does not answer is asked again, later and later", async () => {
    const { chat, clock, error, asked } = setUp();
    void chat.enter(bob, never);
    await settle();
    await error("bob", "Bob", "remote-server-timeout", "wait");
    expect(asked()).toHaveLength(1);
    await clock.advance(1_300);
    await settle();
    expect(asked()).toHaveLength(2);
  });

  test("a chat that was not there is left at once", async () => {
    const { chat, own, asked } = setUp();
    const outcome = expect(chat.enter(bob, never)).rejects.toMatchObject({ condition: "item-not-found" });
    await settle();
    await own("bob", "Bob", "", ["110", "201"]);
    await outcome;
    expect(asked().at(-1)).toBe("bob@gw.test/viaduct lounge@rooms.test/Bob unavailable");
  });

  test("a chat that is gone after a break is asked for again while nobody has anything to say there", async () => {
    const { chat, clock, own, error, asked } = setUp();
    const waited = new AbortController();
    const entered = chat.enter(bob, waited.signal).catch(() => "nobody waits any more");
    await settle();
    waited.abort();
    await entered;
    await error("bob", "Bob", "item-not-found");
    expect(chat.isEmpty).toBe(false);
    await clock.advance(1_300);
    await settle();
    expect(asked()).toHaveLength(2);
    await own("bob", "Bob");
    expect(chat.seatOf("bob")?.state).toBe("in");
  });

  test("who can have no address is refused", async () => {
    await expect(setUp().chat.enter({ id: "nobody" }, never)).rejects.toMatchObject({ kind: "reject" });
  });
});

describe("being there", () => {
  async function together() {
    const parts = setUp();
    const { chat, own, subject } = parts;
    const first = chat.enter(bob, never);
    const second = chat.enter(carol, never);
    await settle();
    await own("bob", "Bob");
    await subject("bob");
    await own("carol", "Carol");
    await Promise.all([first, second]);
    parts.heard.length = 0;
    return parts;
  }
  const texts = (heard: readonly Heard[]) => heard.map((one) => (one.what === "said" ? one.body?.text : one.what));

  test("what the chat sends to everybody is heard once", async () => {
    const { message, heard } = await together();
    await message("bob", "ann", "<body>hi</body>");
    await message("carol", "ann", "<body>hi</body>");
    expect(texts(heard)).toEqual(["hi"]);
  });

  test("when the listener is put out another one goes on", async () => {
    const { own, message, heard } = await together();
    await own("bob", "Bob", "type='unavailable'", ["110", "307"]);
    await message("carol", "ann", "<body>still here</body>");
    expect(heard).toMatchObject([
      { what: "changed", change: { do: "kick", who: "bob", reason: "Kicked from the group chat." } },
      { what: "said", body: { text: "still here" } },
    ]);
  });

  test("X23: what an occupant says under a nick of ours is ours only when it comes from there", async () => {
    const { message, heard } = await together();
    await message("bob", "Carol", "<body>me</body>");
    await message("bob", "Cаrol", "<body>not me</body>");
    expect(heard).toMatchObject([{ mine: true }, { mine: false, speaker: { nick: "Cаrol" } }]);
  });

  test("those who spoke are told of when they go, the silent are not", async () => {
    const { message, own, heard } = await together();
    await message("bob", "ann", "<body>hi</body>");
    await own("bob", "ann", "type='unavailable'", []);
    await own("bob", "silent", "type='unavailable'", []);
    expect(heard.slice(1)).toEqual([{ what: "parted", speaker: { id: "nick ann", nick: "ann" } }]);
  });
});
