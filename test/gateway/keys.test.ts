import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { derivedKey, newKey } from "../../src/gateway/keys.ts";

const form = /^[0-9a-v]{26}$/;

describe("a new key", () => {
  test("has 26 characters of base32hex", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 49 }), (now) => {
        expect(newKey(now)).toMatch(form);
      }),
    );
  });

  test("sorts after every key of an earlier millisecond", () => {
    const time = fc.integer({ min: 0, max: 2 ** 49 });
    fc.assert(
      fc.property(time, fc.integer({ min: 1, max: 1e12 }), (now, later) => {
        expect(newKey(now) < newKey(now + later)).toBe(true);
      }),
    );
  });

  test("is like no other, even of the same millisecond", () => {
    const keys = new Set(Array.from({ length: 100_000 }, () => newKey(1_767_225_600_000)));
    expect(keys.size).toBe(100_000);
  });
});

describe("a derived key", () => {
  test("is the same for the same name, for ever", () => {
    // SHA-256 of ["1","message","<a@b>"] in base32hex, computed with another program: ids must survive an upgrade.
    expect(derivedKey("1", "message", "<a@b>")).toBe("jm4tc43spt432g4de31l1ctd0a");
  });

  test("is another for another name, also where the parts run together the same", () => {
    expect(derivedKey("a", "bc")).not.toBe(derivedKey("ab", "c"));
    const name = fc.array(fc.string(), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(name, name, (one, other) => {
        const equal = JSON.stringify(one) === JSON.stringify(other);
        expect(derivedKey(...one) === derivedKey(...other)).toBe(equal);
        expect(derivedKey(...one)).toMatch(form);
      }),
    );
  });
});
