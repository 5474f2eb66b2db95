// The stream parser and the inbox; logging in to real servers is test/real/lab.test.ts.
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Element, parse } from "ltx";
import { expect, test } from "vitest";
import { createInbox } from "./inbox.ts";
import { connectStream } from "./xml-stream.ts";
import { messageXml } from "./xmpp-client.ts";

const message = (id: string): Element => parse(`<message id="${id}"><body>text ${id}</body></message>`);
const byId =
  (id: string) =>
  (stanza: Element): boolean =>
    stanza.attrs["id"] === id;

test("next hands out each stanza once, whether it came before or comes later", async () => {
  const inbox = createInbox("alice");
  inbox.receive(message("1"));
  inbox.receive(message("2"));
  const later = inbox.next(byId("3"));
  inbox.receive(message("3"));
  expect((await inbox.next(byId("2"))).getChildText("body")).toBe("text 2");
  expect((await later).attrs["id"]).toBe("3");
  expect((await inbox.next()).attrs["id"]).toBe("1");
  await expect(inbox.next(undefined, { timeoutMs: 10 })).rejects.toThrow("nothing matched");
  expect(inbox.stanzas.map((stanza) => stanza.attrs["id"])).toEqual(["1", "2", "3"]);
});

test("a timeout prints what was waited for and what did come", async () => {
  const inbox = createInbox("alice");
  inbox.receive(message("1"));
  inbox.receive(message("2"));
  await inbox.next(byId("1"));
  await expect(inbox.next(byId("9"), { timeoutMs: 20, what: "the reply" })).rejects.toThrow(
    `alice: nothing matched within 20 ms while waiting for the reply. It did get (* = consumed, newest last):
  * <message id="1"><body>text 1</body></message>
    <message id="2"><body>text 2</body></message>`,
  );
});

test("whoever waits is told at once when the stream ends", async () => {
  const inbox = createInbox("alice");
  const waiting = inbox.next(undefined, { timeoutMs: 60_000 });
  inbox.end("ECONNRESET");
  await expect(waiting).rejects.toThrow("the stream ended (ECONNRESET)");
  await expect(inbox.next()).rejects.toThrow("the stream had ended (ECONNRESET)");
});

test("listeners hear every stanza until they leave", () => {
  const inbox = createInbox("alice", { keep: false });
  const heard: unknown[] = [];
  const leave = inbox.onStanza((stanza) => heard.push(stanza.attrs["id"]));
  inbox.receive(message("1"));
  leave();
  inbox.receive(message("2"));
  expect(heard).toEqual(["1"]);
  expect(inbox.stanzas).toEqual([]);
});

test("a message is escaped", () => {
  const xml = messageXml({ to: "o'brien@x", id: "1", body: 'a < b & "c"', extra: "<x xmlns='urn:x'/>" });
  const parsed = parse(xml);
  expect(parsed.attrs).toEqual({ to: "o'brien@x", type: "chat", id: "1" });
  expect(parsed.getChildText("body")).toBe('a < b & "c"');
  expect(parsed.getChild("x", "urn:x")?.attrs).toEqual({ xmlns: "urn:x" });
});

test("a stream of single bytes gives whole stanzas with their namespaces, and ends in order", async () => {
  const text =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='7'>" +
    "<stream:features/><message id='m'><body>grüße 👋 &amp; <![CDATA[<x>]]></body></message> <iq id='q'/></stream:stream>";
  const speak = async (socket: Socket): Promise<void> => {
    await once(socket, "data"); // our header
    for (const byte of Buffer.from(text)) {
      socket.write(Buffer.of(byte));
      await sleep(0);
    }
    socket.end();
  };
  const server = createServer({ noDelay: true }, (socket) => void speak(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const got: Element[] = [];
  const stream = await connectStream((server.address() as AddressInfo).port, (element) => got.push(element));
  const header = await stream.open("<stream:stream>");
  await stream.closed;
  expect(header.attrs["id"]).toBe("7");
  expect(got.map((element) => element.name)).toEqual(["stream:features", "message", "iq"]);
  expect(got[1]?.getChildText("body")).toBe("grüße 👋 & <x>");
  expect(got[1]?.getNS()).toBe("jabber:client");
  server.close();
});
