import fc from "fast-check";
import { parse } from "ltx";
import { describe, expect, test } from "vitest";
import { el, serialize } from "../../../src/xmpp/stanza.ts";
import { sharedFile } from "../../../src/xmpp/xeps/files-in.ts";
import { type LinkedFile, withFiles } from "../../../src/xmpp/xeps/files-out.ts";

const url = "https://files.example.org/files/token/cat.png";
const cat: LinkedFile = { url, file: { name: "cat.png", type: "image/png", size: 1234 } };

const xmlOf = (text: string, files: readonly LinkedFile[]) => {
  const { body, elements } = withFiles(text, files);
  return { body, xml: elements.map((element) => serialize(element)) };
};

describe("a file on its way to a user", () => {
  test("alone is its link, for old clients and for new ones", () => {
    expect(xmlOf("", [cat])).toEqual({
      body: url,
      xml: [
        `<x xmlns="jabber:x:oob"><url>${url}</url></x>`,
        `<file-sharing xmlns="urn:xmpp:sfs:0" disposition="inline"><file xmlns="urn:xmpp:file:metadata:0"><media-type>image/png</media-type><name>cat.png</name><size>1234</size></file><sources><url-data xmlns="http://jabber.org/protocol/url-data" target="${url}"/></sources></file-sharing>`,
        `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:sfs:0"><body/></fallback>`,
      ],
    });
  });

  test("with words stands below them, and the marks count code points", () => {
    const pdf: LinkedFile = { url: "https://x/b.pdf", file: { name: "b.pdf", type: "application/pdf" } };
    const { body, xml } = xmlOf("two 👋", [cat, pdf]);
    expect(body).toBe(`two 👋\n${url}\nhttps://x/b.pdf`);
    expect(xml).toHaveLength(3);
    expect(xml[1]).toContain(`disposition="attachment"`);
    expect(xml[2]).toBe(
      `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:sfs:0"><body start="5" end="51"/><body start="51" end="67"/></fallback>`,
    );
  });

  test("tells all that is known of it", () => {
    const film: LinkedFile = {
      url,
      file: {
        name: "a/b.mp4",
        type: "video/mp4",
        size: 5,
        width: 640,
        height: 480,
        duration: 63_000,
        sha256: "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg",
      },
    };
    expect(xmlOf("", [film]).xml[1]).toContain(
      `<media-type>video/mp4</media-type><name>a_b.mp4</name><size>5</size><width>640</width><height>480</height><length>63000</length><hash xmlns="urn:xmpp:hashes:2" algo="sha-256">n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=</hash></file>`,
    );
  });

  test("has its thumbnail at a link of its own, and its colours at once", () => {
    const small = "https://files.example.org/files/small/cat.png";
    const thumbnail = { type: "image/jpeg", source: null, width: 64, height: 48 };
    const blurhash = "LEHV6nWB2yk8pyo0adR*.7kCMdnj";
    const file = { name: "c.png", type: "image/png", width: 640, height: 480, thumbnail, blurhash };
    expect(xmlOf("", [{ url, file, thumbnail: small }]).xml[1]).toContain(
      `<height>480</height><thumbnail xmlns="urn:xmpp:thumbs:1" uri="${small}" media-type="image/jpeg" width="64" height="48"/><thumbnail xmlns="urn:xmpp:thumbs:1" uri="data:image/blurhash,LEHV6nWB2yk8pyo0adR*.7kCMdnj" media-type="image/blurhash" width="640" height="480"/></file>`,
    );
    const odd = { name: "c.png", type: "image/png", thumbnail: { type: "text/html", source: null } };
    expect(xmlOf("", [{ url, file: odd, thumbnail: small }]).xml[1]).not.toContain("thumbnail");
  });

  test("tells nothing that cannot be", () => {
    const odd = {
      name: "",
      type: "image/png; x=y",
      size: -1,
      width: Number.NaN,
      height: Number.POSITIVE_INFINITY,
      duration: 0.5,
      sha256: "short",
    };
    expect(xmlOf("", [{ url, file: odd }]).xml[1]).toContain(`<file xmlns="urn:xmpp:file:metadata:0"/>`);
  });

  test("is nothing when there is none", () => {
    expect(withFiles("only words", [])).toEqual({ body: "only words", elements: [] });
  });
});

const shared = (text: string, inside: string) => sharedFile(parse(`<message>${inside}</message>`), text);
const sfs = (file: string, sources: string, attributes = "") =>
  `<file-sharing xmlns="urn:xmpp:sfs:0"${attributes}><file xmlns="urn:xmpp:file:metadata:0">${file}</file><sources>${sources}</sources></file-sharing>`;
const source = (target: string) => `<url-data xmlns="http://jabber.org/protocol/url-data" target="${target}"/>`;
const oob = (link: string) => `<x xmlns="jabber:x:oob"><url>${link}</url></x>`;

describe("a file that a user shares", () => {
  test("is the URL that is the whole body", () => {
    expect(shared("https://up.example/1/My%20cat.png", oob("https://up.example/1/My%20cat.png"))).toEqual({
      file: { url: "https://up.example/1/My%20cat.png", name: "My cat.png" },
      text: "",
    });
  });

  test("is described by metadata, and what is no link in the body is its caption", () => {
    const about = "<media-type>image/PNG</media-type><name>cat.png</name><size>99</size>";
    const mark = `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:sfs:0"><body start="7" end="27"/></fallback>`;
    expect(shared("look 👋\nhttps://up.example/1", sfs(about, source("https://up.example/1")) + mark)).toEqual({
      file: { url: "https://up.example/1", name: "cat.png", type: "image/png", size: 99 },
      text: "look 👋",
    });
  });

  test("tells its size, its length and its colours", () => {
    const thumbnail = (uri: string) => `<thumbnail xmlns="urn:xmpp:thumbs:1" uri="${uri}"/>`;
    const about = "<width>640</width><height>480</height><length>1200</length>";
    const colours = thumbnail("cid:1") + thumbnail("data:image/blurhash,LEHV6nWB2yk8pyo0adR*.7kCMdnj");
    const file = shared("", sfs(about + colours, source("https://up.example/a.mp4")))?.file;
    expect(file).toEqual({
      url: "https://up.example/a.mp4",
      name: "a.mp4",
      width: 640,
      height: 480,
      duration: 1200,
      blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
    });
    const odd = `<width>-1</width><height>1e3</height>${thumbnail("data:image/blurhash,%22%3E")}${thumbnail("%")}`;
    expect(shared("", sfs(odd, source("https://up.example/a")))?.file).toEqual({
      url: "https://up.example/a",
      name: "a",
    });
  });

  test.each([
    ["the body is the link and nobody marked it", ""],
    ["the whole body is marked", `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:sfs:0"><body/></fallback>`],
  ])("has no caption when %s", (_, mark) => {
    expect(shared("https://up.example/a.png", sfs("", source("https://up.example/a.png")) + mark)).toEqual({
      file: { url: "https://up.example/a.png", name: "a.png" },
      text: "",
    });
  });

  test("takes the first source that is a web address", () => {
    const sources = source("cid:1") + source("aesgcm://up.example/1#key") + source("https://up.example/2");
    expect(shared("", sfs("", sources))?.file.url).toBe("https://up.example/2");
  });

  test.each([
    ["no link", "hello", ""],
    ["another link than the body", "hello", oob("https://up.example/1")],
    ["a link that is no web address", "file:///etc/passwd", oob("file:///etc/passwd")],
    ["a link without end", `https://x/${"a".repeat(5_000)}`, oob(`https://x/${"a".repeat(5_000)}`)],
    ["no URL", "https://", oob("https://")],
    [
      "sources of another namespace",
      "x",
      `<file-sharing xmlns="urn:xmpp:sfs:0"><sources xmlns="x">${source("https://x/")}</sources></file-sharing>`,
    ],
    ["an empty x", "", `<x xmlns="jabber:x:oob"/>`],
  ])("is none with %s", (_, text, inside) => {
    expect(shared(text, inside)).toBeUndefined();
  });

  test.each([
    ["../../etc/passwd", "passwd"],
    ["C:\\dir\\cat.png", "cat.png"],
    ["a\u202egpj.exe", "agpj.exe"],
    ["n".repeat(300), "n".repeat(200)],
    ["..", "1"],
  ])("called %s is called %s", (name, expected) => {
    expect(shared("", sfs(`<name>${name}</name>`, source("https://up.example/1")))?.file.name).toBe(expected);
  });

  test("has no type and no size that cannot be", () => {
    const about = "<media-type>text/html; x</media-type><size>-5</size>";
    expect(shared("", sfs(about, source("https://up.example/%ff")))?.file).toEqual({
      url: "https://up.example/%ff",
      name: "%ff",
    });
  });
});

test("what goes out comes in again: words, links and names", () => {
  const text = fc
    .string({ unit: "grapheme-ascii", minLength: 1 })
    .filter((value) => value.trim() === value && value !== "");
  const words = fc.oneof(fc.constant(""), text);
  fc.assert(
    fc.property(words, (caption) => {
      const { body, elements } = withFiles(caption, [cat]);
      const stanza = parse(serialize(el("message", {}, el("body", {}, body), ...elements)));
      expect(sharedFile(stanza, body)).toEqual({
        file: { url, name: "cat.png", type: "image/png", size: 1234 },
        text: caption,
      });
    }),
  );
});
