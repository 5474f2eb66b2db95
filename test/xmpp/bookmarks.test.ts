import { parse } from "ltx";
import { describe, expect, test } from "vitest";
import { Bookmarks } from "../../src/xmpp/bookmarks.ts";
import { IqTracker } from "../../src/xmpp/iq.ts";
import { Privileges } from "../../src/xmpp/privileges.ts";
import { createLog } from "../gateway/setup.ts";
import { createTestClock, settle } from "../kit/clock.ts";

const pubsub = "http://jabber.org/protocol/pubsub";
const tea = { jid: "#tea@toy.localhost", name: "Tea", nick: "al" };

function setUp(permission = `<namespace ns="${pubsub}" type="both"/>`) {
  const sent: string[] = [];
  const clock = createTestClock();
  const log = createLog();
  const privileges = new Privileges("localhost", log);
  const iq = new IqTracker({ jid: "toy.localhost", send: (stanza) => void sent.push(stanza.toString()), clock });
  const bookmarks = new Bookmarks({ iq, privileges, log });
  privileges.learn(
    parse(
      `<message><privilege xmlns="urn:xmpp:privilege:2"><perm access="iq">${permission}</perm></privilege></message>`,
    ),
  );
  const answer = (inner: string) =>
    iq.handle(
      parse(`<iq type="result" id="${parse(sent.at(-1) ?? "").attrs.id}" from="alice@localhost" to="toy.localhost">
        <privilege xmlns="urn:xmpp:privilege:2"><forwarded xmlns="urn:xmpp:forward:0">${inner}</forwarded></privilege></iq>`),
    );
  return { sent, clock, bookmarks, answer };
}

describe("bookmarks", () => {
  test("are written in the user's name, and count when the server says that it did", async () => {
    const { sent, bookmarks, answer } = setUp();
    const added = bookmarks.add("alice@localhost", tea);
    await settle();
    expect(sent[0]).toContain(`<item id="#tea@toy.localhost"><conference`);
    answer('<iq xmlns="jabber:client" type="result"/>');
    expect(await added).toBe(true);
  });

  test("that the server refuses do not count", async () => {
    const { bookmarks, answer } = setUp();
    const added = bookmarks.add("alice@localhost", tea);
    await settle();
    answer('<iq xmlns="jabber:client" type="error"/>');
    expect(await added).toBe(false);
  });

  test.each([
    ["nothing", ""],
    ["reading only", `<namespace ns="${pubsub}" type="get"/>`],
    ["something else", '<namespace ns="vcard-temp" type="both"/>'],
  ])("are left alone where the server grants %s", async (_, permission) => {
    const { sent, bookmarks } = setUp(permission);
    expect(await bookmarks.add("alice@localhost", tea)).toBe(false);
    expect(sent).toEqual([]);
  });

  test("are granted by Prosody 0.12 inside of another namespace", async () => {
    const nested = `<namespace ns="vcard-temp" type="get"><namespace ns="${pubsub}" type="set"/></namespace>`;
    const { sent, bookmarks } = setUp(nested);
    void bookmarks.add("alice@localhost", tea);
    await settle();
    expect(sent).toHaveLength(1);
  });

  test("of a server that does not answer are given up after five seconds, until the next stream", async () => {
    const { sent, clock, bookmarks } = setUp();
    const added = bookmarks.add("alice@localhost", tea);
    await settle();
    await clock.advance(5_000);
    expect(await added).toBe(false);
    expect(await bookmarks.add("alice@localhost", tea)).toBe(false);
    expect(sent).toHaveLength(1);
    bookmarks.reset();
    void bookmarks.add("alice@localhost", tea);
    await settle();
    expect(sent).toHaveLength(2);
  });
});
