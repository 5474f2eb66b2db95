import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeLocal, isCanonical, parseJid, unescapeLocal } from "../../src/xmpp/jid.ts";

const full = (text: string): string | undefined => parseJid(text)?.toString();

describe("parseJid", () => {
  it("takes an address apart", () => {
    expect({ ...parseJid("Alice@Example.ORG/My Phone") }).toMatchObject({
      local: "alice",
      domain: "example.org",
      resource: "My Phone",
      bare: "alice@example.org",
    });
    expect(parseJid("example.org")?.local).toBeUndefined();
    expect(parseJid("example.org/a@b/c")?.resource).toBe("a@b/c");
  });

  it.each([
    // hazard 8: what @xmpp/jid takes
    ["two @", "a@b@c"],
    ["an empty local part", "@b"],
    ["NUL in the domain", "a@b\0c"],
    ["a local part of 1,100 characters", `${"a".repeat(1100)}@b`],
    ["nothing", ""],
    ["no domain", "a@"],
    ["no domain, with a resource", "a@/r"],
    ["an empty resource", "a@b/"],
    ["a space in the local part", "foo bar@example.com"],
    ["a quotation mark in the local part", '"juliet"@example.com'],
    ["an ampersand in the local part", "a&b@example.com"],
    ["a full-width @ in the local part (X03)", "a\uff20b@example.com"],
    ["a Kelvin sign in the local part (X03)", "\u212a@example.com"],
    ["a Roman numeral (RFC 7622 table 2)", "henry\u2163@example.com"],
    ["a chess king (RFC 7622 table 2)", "\u265a@example.com"],
    ["a zero width space (X03)", "al\u200bice@example.com"],
    ["a right-to-left override (X03)", "al\u202eice@example.com"],
    ["a lone surrogate", "\ud800@example.com"],
    ["letters of both directions", "\u05d0a@example.com"],
    ["a control character in the resource", "a@b/\u0007"],
    ["a space in the domain", "a@b c"],
    ["a percent escape in the domain", "a@b%2ec"],
    ["a port in the domain", "a@b:5222"],
    ["an empty label", "a@b..c"],
    ["a domain of 1,024 bytes", `a@${"d".repeat(1024)}`],
    ["a local part of 1,024 bytes in fewer characters", `${"\u00e9".repeat(512)}@b`],
    ["a resource of 1,024 bytes", `a@b/${"r".repeat(1024)}`],
    ["an address of 100,000 characters", "a".repeat(100_000)],
    ["a broken IPv6 literal", "a@[::1"],
    ["a broken A-label", "a@xn--\u00e9.example"],
  ])("refuses %s", (_, text) => {
    expect(parseJid(text)).toBeUndefined();
  });

  it.each([
    ["case", "ALICE@LOCALHOST", "alice@localhost"],
    ["full-width letters (X03)", "\uff21lice@localhost", "alice@localhost"],
    ["decomposed letters", "e\u0301@localhost", "\u00e9@localhost"],
    ["a final dot of the domain", "a@example.org.", "a@example.org"],
    ["an A-label", "a@xn--mnchen-3ya.de", "a@m\u00fcnchen.de"],
    ["an upper-case U-label", "a@M\u00dcNCHEN.de", "a@m\u00fcnchen.de"],
    ["an ideographic full stop", "a@b\u3002c", "a@b.c"],
    ["an IPv6 literal", "a@[0:0::1]", "a@[::1]"],
    ["a non-breaking space of a resource", "a@b/my\u00a0phone", "a@b/my phone"],
  ])("makes one address of the spellings: %s", (_, text, prepared) => {
    expect(full(text)).toBe(prepared);
  });

  it.each([
    "alice@localhost/\u{1f4f1} Conversations.a1B2",
    "alice@localhost/gajim.XYZ==",
    "bob\\40example.org@email.localhost",
    "bob%example.org@email.localhost",
    "fu\u00dfball@example.com",
    "\u03c0@example.com/\u265a",
    "\u05d0\u05d1\u05d2@example.com",
    "l\u00b7l@example.com",
    "room@rooms.my_host/\u{1f469}\u200d\u{1f4bb}",
    "a@192.0.2.1",
    "juliet@example.com/foo@bar",
  ])("takes what servers send as it is: %s", (text) => {
    expect(full(text)).toBe(text);
  });

  it("gives a middle dot only to Catalan, and joiners only where scripts join", () => {
    expect(full("a\u00b7b@x")).toBeUndefined();
    expect(full("\u0915\u094d\u200d@x")).toBe("\u0915\u094d\u200d@x");
    expect(full("a\u200d@x")).toBeUndefined();
    expect(full("\u0661\u06f1@x")).toBeUndefined();
  });

  it("is idempotent for any text: a prepared address prepares to itself", () => {
    let parsed = 0;
    const part = fc.string({ unit: "binary", maxLength: 6 });
    fc.assert(
      fc.property(part, fc.constantFrom("localhost", "M\u00fcnchen.de"), fc.option(part), (local, domain, resource) => {
        const once = full(`${local}@${domain}${resource === null ? "" : `/${resource}`}`);
        if (once === undefined) return;
        parsed++;
        expect(full(once)).toBe(once);
      }),
      { numRuns: 5000 },
    );
    expect(parsed).toBeGreaterThan(50);
  });

  it("remembers a bounded number of addresses and still answers the same", () => {
    for (let i = 0; i < 25_000; i++) parseJid(`User${i}@localhost`);
    expect(full("User1@localhost")).toBe("user1@localhost");
    expect(full("User24999@localhost")).toBe("user24999@localhost");
  });
});

describe("XEP-0106", () => {
  // The examples of section 5 and the ones around the backslash.
  it.each([
    ["space cadet", "space\\20cadet"],
    ['call me "ishmael"', "call\\20me\\20\\22ishmael\\22"],
    ["at&t guy", "at\\26t\\20guy"],
    ["d'artagnan", "d\\27artagnan"],
    ["/.fanboy", "\\2f.fanboy"],
    ["::foo::", "\\3a\\3afoo\\3a\\3a"],
    ["<foo>", "\\3cfoo\\3e"],
    ["user@host", "user\\40host"],
    ["c:\\net", "c\\3a\\net"],
    ["c:\\\\net", "c\\3a\\\\net"],
    ["c:\\cool stuff", "c\\3a\\cool\\20stuff"],
    ["c:\\5commas", "c\\3a\\5c5commas"],
    ["here's_a_wild_&_/cr%zy/_address", "here\\27s_a_wild_\\26_\\2fcr%zy\\2f_address"],
    ["\\40", "\\5c40"],
    ["\\41", "\\41"],
    ["\\", "\\"],
  ])("writes %s as %s and reads it back", (text, local) => {
    expect(escapeLocal(text)).toBe(local);
    expect(unescapeLocal(local)).toBe(text);
  });

  it.each(["", " a", "a ", " ", "a\u0000b", "a".repeat(1024), `${"@".repeat(342)}`, "\u265a"])(
    "has no local part for %j",
    (text) => {
      expect(escapeLocal(text)).toBeUndefined();
    },
  );

  it.each([
    ["a space first", "\\20a"],
    ["a space last", "a\\20"],
    ["a backslash that needs no escape", "a\\5c41"],
    ["a backslash escaped before nothing", "a\\5c"],
    ["upper-case digits", "a\\2Fb"],
    ["a bare @", "a@b"],
    ["nothing", ""],
  ])("X25: does not accept %s", (_, local) => {
    expect(unescapeLocal(local)).toBeUndefined();
    expect(isCanonical(local)).toBe(false);
  });

  it("X25: an escaped escape is the text that looks like one", () => {
    expect(unescapeLocal("a\\5c40b")).toBe("a\\40b");
    expect(unescapeLocal("a\\40b")).toBe("a@b");
  });

  const unit = fc.constantFrom(..."ab@\\ 20cC5F:'&\"/<>%.+é");
  const texts = fc.oneof(fc.string({ unit, maxLength: 12 }), fc.string({ unit: "binary", maxLength: 8 }));

  it("reads back what it wrote, whatever the text, and the one form it wrote is the canonical one", () => {
    let written = 0;
    fc.assert(
      fc.property(texts, (text) => {
        const local = escapeLocal(text);
        if (local === undefined) return;
        written++;
        expect(unescapeLocal(local)).toBe(text);
        expect(isCanonical(local)).toBe(true);
      }),
      { numRuns: 10_000 },
    );
    expect(written).toBeGreaterThan(1000);
  });

  it("X26: two texts never share a local part, even after the server has folded its case", () => {
    // Every text of up to five of the characters that escapes are made of.
    const alphabet = [..."\\@ 4052cC"];
    const owner = new Map<string, string>();
    let level = [""];
    for (let length = 1; length <= 5; length++) {
      level = level.flatMap((text) => alphabet.map((character) => text + character));
      for (const text of level) {
        const local = escapeLocal(text)?.toLowerCase();
        if (local === undefined) continue;
        const folded = text.toLowerCase();
        expect(owner.get(local) ?? folded).toBe(folded);
        owner.set(local, folded);
      }
    }
    // Eight folded characters, seven of them at either end: 7 + 7·7 + 7·8·7 + 7·8²·7 + 7·8³·7.
    expect(owner.size).toBe(28_672);
  });
});
