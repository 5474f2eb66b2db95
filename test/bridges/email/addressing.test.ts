import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addressId,
  cleanName,
  contacts,
  displayAddress,
  looksAlike,
  parseAddress,
  sameAddress,
} from "../../../bridges/email/addressing.ts";

describe("parseAddress", () => {
  it.each([
    ["bob@example.com", "bob@example.com"],
    ["Bob.Smith+tag@Example.COM", "Bob.Smith+tag@example.com"],
    ["o'neil&co/x=y@example.com", "o'neil&co/x=y@example.com"],
    ["bob@bücher.example", "bob@xn--bcher-kva.example"],
    ["bob@XN--BCHER-KVA.example", "bob@xn--bcher-kva.example"],
    ["jürgen@example.com", "jürgen@example.com"],
    ['"bob"@example.com', "bob@example.com"],
    ["bob@localhost", "bob@localhost"],
  ])("accepts %j as %j", (text, address) => {
    expect(parseAddress(text)).toBe(address);
  });

  it.each([
    "",
    "bob",
    "@example.com",
    "bob@",
    "bob@@example.com",
    "a@b@example.com",
    ".bob@example.com",
    "bob.@example.com",
    "b..ob@example.com",
    "bob smith@example.com",
    '"bob smith"@example.com',
    '"a@evil b"@example.com',
    "bob(comment)@example.com",
    "bob@example.com (Bob)",
    "Bob <bob@example.com>",
    "<bob@example.com>",
    "bob@exam\r\n ple.com",
    "bob@example.com\r\nRCPT TO:<eve@example.net>",
    "bob\u0000@example.com",
    "bob\u202e@example.com",
    "bo\u200bb@example.com",
    "bob@exa\u00admple.com",
    "bob@example.com.",
    "bob@-example.com",
    "bob@example..com",
    "bob@example.com,eve@example.net",
    "@relay.example:bob@example.com",
    "bob@[127.0.0.1]",
    "bob@127.0.0.1",
    "ｂｏｂ@example.com",
    `${"a".repeat(65)}@example.com`,
    `bob@${"a.".repeat(130)}com`,
  ])("refuses %j", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe("contacts", () => {
  it("gives addresses that differ in case one id", () => {
    expect(addressId("Bob@Example.com")).toBe("bob@example.com");
    expect(sameAddress("Bob@Example.com", "bOB@eXAMPLE.com")).toBe(true);
    expect(sameAddress("bob@example.com", "rob@example.com")).toBe(false);
    expect(sameAddress("nonsense", "nonsense")).toBe(false);
  });

  it("reads the percent form of older gateways", () => {
    expect(contacts.fromLocal("bob%example.com")).toBe("bob@example.com");
    expect(contacts.fromLocal("a%b%example.com")).toBe("a%b@example.com");
    expect(contacts.fromLocal("%example.com")).toBeUndefined();
  });

  it("names nobody for what is no address", () => {
    expect(contacts.fromLocal("bob")).toBeUndefined();
    expect(contacts.toLocal("Bob@example.com")).toBeUndefined();
    expect(contacts.toLocal("bob smith@example.com")).toBeUndefined();
  });

  const local = fc.stringMatching(/^[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,10}(?:\.[a-zäöüß0-9]{1,10})?$/);
  const domain = fc.stringMatching(/^[a-z0-9]{1,8}(?:-[a-z0-9]{1,5})?\.(?:com|example|bücher)$/);
  const address = fc.tuple(local, domain).map(([name, host]) => `${name}@${host}`);

  it("maps every id to its local part and back", () => {
    fc.assert(
      fc.property(address, (text) => {
        const id = addressId(text);
        fc.pre(id !== undefined);
        expect(contacts.fromLocal(contacts.toLocal(id) ?? "")).toBe(id);
      }),
      { numRuns: 500 },
    );
  });

  it("never gives two ids one local part", () => {
    fc.assert(
      fc.property(address, address, (one, other) => {
        const [a, b] = [addressId(one), addressId(other)];
        fc.pre(a !== undefined && b !== undefined && a !== b);
        expect(contacts.toLocal(a)).not.toBe(contacts.toLocal(b));
      }),
      { numRuns: 500 },
    );
  });

  it("makes an id of any text or refuses it, and an id of an id is itself", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), domain, (name, host) => {
        const id = contacts.fromLocal(`${name}@${host}`);
        if (id !== undefined) expect(addressId(id)).toBe(id);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("displayAddress", () => {
  it("shows the domain in its own script", () => {
    expect(displayAddress("bob@xn--bcher-kva.example")).toBe("bob@bücher.example");
  });

  it("keeps the A-label of a domain that could pass for another", () => {
    expect(displayAddress("bob@xn--80ak6aa92e.com")).toBe("bob@xn--80ak6aa92e.com");
    expect(looksAlike("аррӏе.com")).toBe(true);
    expect(looksAlike("pаypal.com")).toBe(true);
    expect(looksAlike("россия.рф")).toBe(false);
    expect(looksAlike("example.com")).toBe(false);
  });
});

describe("cleanName", () => {
  it.each([
    ["Bob", "Bob"],
    ["Dr. Bob O'Neil, Jr.", "Dr. Bob O'Neil, Jr."],
    ["田中 太郎", "田中 太郎"],
    ["ceo@bank.example", "eve"],
    ["CEO (ceo@bank.example)", "CEO"],
    ["CEO <ceo@bank.example>", "CEO"],
    ["CEO ceo＠bank.example", "CEO"],
    ["Bob\u202eelpmaxe", "Bobelpmaxe"],
    ["B\u200bo\u200db", "Bob"],
    ["Bob\r\nBcc: eve", "Bob Bcc: eve"],
    ["\u0000\u0008", "eve"],
    ["", "eve"],
    ["<>", "eve"],
  ])("turns %j into %j", (name, cleaned) => {
    expect(cleanName(name, "eve@evil.example")).toBe(cleaned);
  });

  it("never leaves anything that could be read as an address", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (name) => {
        expect(cleanName(`${name}@x`, "eve@evil.example")).not.toMatch(
          /[@＠﹫<>"\u0000-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/u,
        );
      }),
      { numRuns: 500 },
    );
  });
});
