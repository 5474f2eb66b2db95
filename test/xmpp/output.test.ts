import { parse } from "ltx";
import { describe, expect, test } from "vitest";
import type { IncomingRow } from "../../src/gateway/lane-ports.ts";
import type { OutputItem } from "../../src/gateway/xmpp-ports.ts";
import { Addresses } from "../../src/xmpp/addresses.ts";
import { Fence } from "../../src/xmpp/fence.ts";
import { Output } from "../../src/xmpp/output.ts";
import { Privileges } from "../../src/xmpp/privileges.ts";
import { el } from "../../src/xmpp/stanza.ts";
import { createLog } from "../gateway/setup.ts";
import { settle } from "../kit/clock.ts";
import { incoming, loaded } from "../kit/rows.ts";
import { setUpLink } from "./link-setup.ts";

const item = (body: IncomingRow["body"]): OutputItem => ({
  row: loaded(incoming(body, { key: "k".repeat(26) })),
  user: "alice@localhost",
  contact: "bob",
});
const message = (text: string) => item({ kind: "message", message: { id: "r", from: "bob", sentAt: 1e15, text } });
const origin = { id: "m1", from: "alice@localhost/phone" };

async function setUp(options: { window?: number; maxStanza?: number; up?: boolean } = {}) {
  const setup = await setUpLink({ up: options.up ?? true });
  const fenced: string[] = [];
  const fence = new Fence<IncomingRow>({
    ping: () => setup.link.ping(),
    onFenced: (rows) => fenced.push(...rows.map((row) => row.key)),
    onLost: (rows) => fenced.push(...rows.map((row) => `lost ${row.key}`)),
    window: options.window ?? 32,
  });
  const output = new Output({
    link: setup.link,
    fence,
    addresses: new Addresses("email.localhost", { toLocal: (id) => id, fromLocal: (local) => local }),
    roster: {} as never,
    bookmarks: {} as never,
    clock: setup.clock,
    caps: (contact) => el("c", { of: contact ? "contact" : "gateway" }),
    markable: false,
    maxStanza: options.maxStanza ?? 65_536,
    links: undefined,
    isOnline: (client) => client === origin.from,
    privileges: new Privileges("localhost", createLog()),
    serverDomain: "localhost",
  });
  return { ...setup, output, fence, fenced };
}

describe("what goes out", () => {
  test("is fenced: a row is taken when the server has answered the ping behind it", async () => {
    const { output, server, fenced, end } = await setUp();
    output.write(message("hello"));
    expect(fenced).toEqual([]);
    await server.next((stanza) => stanza.getChildText("body") === "hello");
    for (let turn = 0; turn < 200 && fenced.length === 0; turn++) await settle();
    expect(fenced).toEqual(["k".repeat(26)]);
    await end();
  });

  test("stops at the window", async () => {
    const { output, end } = await setUp({ window: 2 });
    expect(output.writable).toBe(true);
    output.write(message("1"));
    expect(output.writable).toBe(true);
    output.write(message("2"));
    expect(output.writable).toBe(false);
    await end();
  });

  test("is nothing while the link is down, and a row is not lost in it", async () => {
    const { output, fence, end, server } = await setUp({ up: false });
    expect(output.writable).toBe(false);
    expect(() => output.write(message("hello"))).toThrow("the component stream is down");
    expect(fence.room).toBe(32);
    output.presence("alice@localhost", "bob", { available: true });
    output.subscription("alice@localhost", "bob", "subscribed");
    output.tell("alice@localhost", "hello");
    expect(server.stanzas).toEqual([]);
    await end();
  });

  test("is never larger than a stanza may be: the beginning is shown, no character in halves", async () => {
    const { output, server, end } = await setUp({ maxStanza: 40_000 });
    output.write(message(`x${"👋".repeat(20_000)}`));
    const stanza = await server.next();
    const body = stanza.getChildText("body") ?? "";
    expect(body).toBe(`x${"👋".repeat(3_999)}\n[cut here: the message is too large for one stanza]`);
    expect(server.malformed).toEqual([]);
    await end();
  });

  test("that cannot be cut to size is refused, and takes no place in the window", async () => {
    const { output, fence, end } = await setUp({ maxStanza: 1_000 });
    expect(() => output.write(item({ kind: "notice", text: "x".repeat(2_000) }))).toThrow("larger than 1000 bytes");
    expect(fence.room).toBe(32);
    await end();
  });
});

describe("each kind of row", () => {
  test.each([
    [
      { kind: "delivered", origin },
      `<message from="bob@email.localhost" to="alice@localhost/phone" id="K"><received xmlns="urn:xmpp:receipts" id="m1"/></message>`,
    ],
    [
      { kind: "read", origin },
      `<message from="bob@email.localhost" to="alice@localhost/phone" id="K" type="chat"><displayed xmlns="urn:xmpp:chat-markers:0" id="m1"/></message>`,
    ],
    [
      { kind: "failed", origin, condition: "item-not-found", text: "Nobody." },
      `<message from="bob@email.localhost" to="alice@localhost/phone" type="error" id="m1"><error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">Nobody.</text></error></message>`,
    ],
    [
      { kind: "notice", text: "a < b" },
      `<message from="bob@email.localhost" to="alice@localhost" type="chat" id="K"><body>a &lt; b</body></message>`,
    ],
  ] as const)("has its stanza: $kind", async (body, xml) => {
    const { output, server, end } = await setUp();
    output.write(item(body));
    const stanza = await server.next();
    expect(parse(stanza.toString()).toString()).toBe(xml.replace("K", "k".repeat(26)));
    await end();
  });
});

describe("presence", () => {
  test("comes from a resource, so that contacts are not grey", async () => {
    const { output, server, end } = await setUp();
    output.presence("alice@localhost", "bob", { available: true, show: "away", status: "Lunch", name: "Bob" });
    output.presence("alice@localhost", undefined, { available: false, status: "Bye" });
    const [first, second] = [await server.next(), await server.next()];
    expect(first.toString()).toBe(
      `<presence from="bob@email.localhost/viaduct" to="alice@localhost"><show>away</show><status>Lunch</status><nick xmlns="http://jabber.org/protocol/nick">Bob</nick><c of="contact"/></presence>`,
    );
    expect(second.toString()).toBe(
      `<presence type="unavailable" from="email.localhost/viaduct" to="alice@localhost"><status>Bye</status></presence>`,
    );
    await end();
  });
});
