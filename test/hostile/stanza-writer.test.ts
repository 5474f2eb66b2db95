// Any UTF-16 string in any field: a strict parser accepts what we write and gives the cleaned value back. One character
// that XML forbids makes Prosody and ejabberd close the component stream (measured with U+0008).
import fc from "fast-check";
import { SaxesParser } from "saxes";
import { expect, it } from "vitest";
import { el, serialize, StanzaWriteError } from "../../src/xmpp/stanza.ts";

interface Read {
  readonly name: string;
  readonly uri: string;
  readonly attributes: Record<string, string>;
  text: string;
}

/** What a strict, namespace-aware parser sees inside a component stream. Throws at the first error. */
const readStrictly = (xml: string): Read[] => {
  const parser = new SaxesParser({ xmlns: true });
  const all: Read[] = [];
  const open: Read[] = [];
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", (tag) => {
    const attributes = Object.fromEntries(Object.values(tag.attributes).map(({ name, value }) => [name, value]));
    const read: Read = { name: tag.name, uri: tag.uri, attributes, text: "" };
    all.push(read);
    open.push(read);
  });
  parser.on("text", (text) => {
    const top = open.at(-1);
    if (top) top.text += text;
  });
  parser.on("closetag", () => open.pop());
  parser.write(
    `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>${xml}</stream:stream>`,
  );
  parser.close();
  return all.slice(1);
};

/** The expectation, written another way than the code under test: character by character. */
const cleaned = (text: string): string => {
  let clean = "";
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const allowed =
      code === 9 ||
      code === 10 ||
      code === 13 ||
      (code >= 0x20 && code <= 0xd7ff) ||
      (code >= 0xe000 && code <= 0xfffd) ||
      code >= 0x10000;
    clean += allowed ? character : "\ufffd";
  }
  return clean;
};

const special = fc.constantFrom(
  ..."<>&\"']-!?/=; \t\n\r\u0000\u0008\u001f\u007f\u0085\u2028\ufeff\ufffd\ufffe\uffff\ud800\udfff",
);
const utf16 = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));
const text = fc.array(fc.oneof(special, utf16), { maxLength: 40 }).map((units) => units.join(""));

it("writes any UTF-16 string into any field so that a strict parser gives it back cleaned", () => {
  let dirty = 0;
  fc.assert(
    fc.property(text, text, text, text, (id, to, body, nick) => {
      const stanza = el(
        "message",
        { id, to, type: "chat" },
        el("body", {}, body, nick),
        el("nick", { xmlns: "http://jabber.org/protocol/nick", extra: nick }, nick),
      );
      if (cleaned(body) !== body) dirty++;
      const [message, bodyRead, nickRead] = readStrictly(serialize(stanza));
      expect(message).toMatchObject({
        name: "message",
        uri: "jabber:component:accept",
        attributes: { id: cleaned(id), to: cleaned(to), type: "chat" },
      });
      expect(bodyRead).toMatchObject({
        name: "body",
        uri: "jabber:component:accept",
        text: cleaned(body) + cleaned(nick),
      });
      expect(nickRead).toMatchObject({ uri: "http://jabber.org/protocol/nick", text: cleaned(nick) });
      expect(nickRead?.attributes.extra).toBe(cleaned(nick));
    }),
    { numRuns: 10_000 },
  );
  expect(dirty).toBeGreaterThan(1000);
});

it("refuses any other name, or a strict parser accepts it", () => {
  let refused = 0;
  fc.assert(
    fc.property(fc.oneof(text, fc.constantFrom("a:b", "xml:lang", "xmlns", ":a", "a:", "é", "-a", "a.b")), (name) => {
      let xml: string;
      try {
        xml = serialize(el("message", {}, el("x", { [name]: "1" })));
      } catch (error) {
        expect(error).toBeInstanceOf(StanzaWriteError);
        refused++;
        return;
      }
      expect(readStrictly(xml)).toHaveLength(2);
    }),
    { numRuns: 3000 },
  );
  expect(refused).toBeGreaterThan(1000);
});

it("never writes more than the limit, whatever the characters cost", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("&", "<", "\u00e9", "\u65e5", "\ud83d\ude00", "\r", "x"),
      fc.integer({ min: 1, max: 400 }),
      (unit, count) => {
        let xml: string;
        try {
          xml = serialize(el("message", { id: unit }, el("body", {}, unit.repeat(count))), { maxBytes: 500 });
        } catch (error) {
          expect(error).toMatchObject({ reason: "too-large" });
          return;
        }
        expect(Buffer.byteLength(xml)).toBeLessThanOrEqual(500);
      },
    ),
    { numRuns: 2000 },
  );
});
