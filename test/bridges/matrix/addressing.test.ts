import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contacts, rooms } from "../../../bridges/matrix/addressing.ts";
import { escapeLocal, parseJid, unescapeLocal } from "../../../src/xmpp/jid.ts";

describe("contacts", () => {
  it.each([
    ["@alice:example.org", "alice:example.org", "alice\\3aexample.org"],
    ["@a/b+c=d:example.org:8448", "a/b+c=d:example.org:8448", "a\\2fb+c=d\\3aexample.org\\3a8448"],
    ["@alice:[::1]", "alice:[::1]", "alice\\3a[\\3a\\3a1]"],
  ])("%s is the local part %s, escaped %s", (id, local, escaped) => {
    expect(contacts.toLocal(id)).toBe(local);
    expect(contacts.fromLocal(local)).toBe(id);
    expect(escapeLocal(local)).toBe(escaped);
  });

  it.each([
    "@alice:example.org",
    "alice:example.org",
    "alice%example.org",
    "matrix:u/alice:example.org",
    "https://matrix.to/#/@alice:example.org",
    "https://matrix.to/#/%40alice%3aexample.org",
    "@Alice:Example.org",
  ])("people may write %s", (typed) => {
    expect(contacts.fromLocal(typed)).toBe("@alice:example.org");
  });

  it.each([
    "@Alice:example.org",
    "@alice!:example.org",
    "@лиза:example.org",
    "alice:example.org",
    "@alice:Example.org",
    "",
  ])("%s has no faithful local part", (id) => expect(contacts.toLocal(id)).toBeUndefined());

  it.each([
    "alice",
    "#room:example.org",
    "!room:example.org",
    "@@a:b",
    "a b:c",
    "a%b%c",
    ":example.org",
    "https://matrix.to/#/#r:b",
  ])("nobody is at %s", (local) => expect(contacts.fromLocal(local)).toBeUndefined());

  const server = fc.stringMatching(/^[a-z0-9]{1,10}(?:\.[a-z]{2,5})(?::[1-9][0-9]{0,3})?$/);
  const userId = fc
    .tuple(fc.stringMatching(/^[a-z0-9._=/+-]{1,20}$/), server)
    .map(([name, host]) => `@${name}:${host}`);

  it("come back from their JIDs as they were", () => {
    fc.assert(
      fc.property(userId, (id) => {
        const jid = parseJid(`${escapeLocal(contacts.toLocal(id) ?? "")}@matrix.example`);
        expect(contacts.fromLocal(unescapeLocal(jid?.local ?? "") ?? "")).toBe(id);
      }),
      { numRuns: 500 },
    );
  });

  it("M09: never share a local part, whatever the ids are", () => {
    const any = fc.oneof(
      userId,
      fc.string({ unit: "grapheme", maxLength: 20 }).map((name) => `@${name}:example.org`),
    );
    fc.assert(
      fc.property(any, any, (one, other) => {
        const [a, b] = [contacts.toLocal(one), contacts.toLocal(other)];
        fc.pre(one !== other && a !== undefined && b !== undefined);
        expect(parseJid(`${escapeLocal(a)}@x.org`)?.bare).not.toBe(parseJid(`${escapeLocal(b)}@x.org`)?.bare);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("rooms", () => {
  it.each([
    ["#room:example.org", "#room\\3aexample.org"],
    ["#straße-42:example.org", "#straße-42\\3aexample.org"],
    ["#a@b:example.org", "#a\\40b\\3aexample.org"],
  ])("%s is its own local part, escaped %s", (alias, escaped) => {
    expect(rooms.toLocal(alias)).toBe(alias);
    expect(rooms.fromLocal(alias)).toBe(alias);
    expect(escapeLocal(alias)).toBe(escaped);
  });

  it.each(["#Room:example.org", "!abc:example.org", "#ｒoom:example.org", "#room", "#a b:example.org"])(
    "%s has no faithful local part",
    (id) => expect(rooms.toLocal(id)).toBeUndefined(),
  );

  it("may be pasted as links", () => {
    expect(rooms.fromLocal("https://matrix.to/#/#room:example.org?via=a.org")).toBe("#room:example.org");
    expect(rooms.fromLocal("matrix:r/room:example.org")).toBe("#room:example.org");
    expect(rooms.fromLocal("room:example.org")).toBeUndefined();
    expect(rooms.fromLocal("@alice:example.org")).toBeUndefined();
  });

  const alias = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).map((name) => `#${name}:example.org`);

  it("M09: survive the folding of JIDs unchanged, or have no local part", () => {
    fc.assert(
      fc.property(alias, (id) => {
        const local = rooms.toLocal(id);
        const escaped = local === undefined ? undefined : escapeLocal(local);
        const jid = escaped === undefined ? undefined : parseJid(`${escaped}@x.org`);
        if (jid !== undefined) expect(rooms.fromLocal(unescapeLocal(jid.local ?? "") ?? "")).toBe(id);
      }),
      { numRuns: 2000 },
    );
  });

  it("are never contacts", () => {
    fc.assert(
      fc.property(alias, (id) => {
        expect(contacts.fromLocal(id)).toBeUndefined();
      }),
    );
  });
});
