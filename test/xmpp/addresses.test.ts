import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Addresses } from "../../src/xmpp/addresses.ts";
import { parseJid } from "../../src/xmpp/jid.ts";

const any = { toLocal: (id: string) => id, fromLocal: (local: string) => local };
const resolve = (addresses: Addresses, jid: string) => {
  const parsed = parseJid(jid);
  if (parsed === undefined) throw new Error(`${jid} is no JID`);
  return addresses.resolve(parsed);
};

describe("an address", () => {
  const addresses = new Addresses("toy.localhost", {
    toLocal: (id) => (id === "none" ? undefined : id),
    fromLocal: (local) => (local.includes("!") ? undefined : local),
  });

  test.each([
    ["toy.localhost", { kind: "gateway" }],
    ["toy.localhost/x", { kind: "gateway" }],
    ["bob@toy.localhost", { kind: "contact", id: "bob" }],
    ["BOB@toy.localhost/x", { kind: "contact", id: "bob" }],
    [String.raw`bob\40example.org@toy.localhost`, { kind: "contact", id: "bob@example.org" }],
    [String.raw`bob\20@toy.localhost`, { kind: "malformed" }],
    ["b!@toy.localhost", { kind: "unclaimed", local: "b!" }],
  ] as const)("%s is who it is", (jid, address) => {
    expect(resolve(addresses, jid)).toEqual(address);
    // From memory it is the same.
    expect(resolve(addresses, jid)).toEqual(address);
  });

  test("of a contact is escaped, and one that no JID can stand for has none", () => {
    expect(addresses.jidOf("bob@example.org")).toBe(String.raw`bob\40example.org@toy.localhost`);
    expect(addresses.jidOf("none")).toBeUndefined();
    expect(addresses.jidOf(" bob")).toBeUndefined();
    expect(addresses.jidOf("x".repeat(2_000))).toBeUndefined();
    expect(addresses.speaker(undefined)).toBe("toy.localhost");
    expect(() => addresses.speaker("none")).toThrow("this id has no JID");
  });

  test("X26: that a contact has leads back to that contact, and no two contacts share one", () => {
    const plain = new Addresses("toy.localhost", any);
    // What a bridge promises of its ids: they are what preparation (RFC 7622) makes of them.
    const id = fc.string({ unit: fc.constantFrom(..."abc019.+-_ @\\/:&'\"<>25ce"), minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(id, id, (one, other) => {
        const jid = plain.jidOf(one);
        if (jid === undefined) return;
        expect(resolve(plain, jid)).toEqual({ kind: "contact", id: one });
        if (one !== other) expect(plain.jidOf(other)).not.toBe(jid);
      }),
      { numRuns: 2_000 },
    );
  });
});
