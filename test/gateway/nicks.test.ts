import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cleanNick, nickFor, skeletonOf } from "../../src/gateway/nicks.ts";

const free = () => false;

describe("a nick", () => {
  test.each([
    ["  Alice   Liddell ", "Alice Liddell"],
    ["line\nbreak\ttab", "line break tab"],
    ["\u202eecila", "ecila"],
    ["al\u200bice\ufeff", "alice"],
    ["\u0000\u0007", ""],
    ["lone \ud800 half", "lone \ufffd half"],
    ["e\u0301", "é"],
    ["x".repeat(100), "x".repeat(60)],
    ["👍".repeat(100), "👍".repeat(60)],
  ])("of %j is %j", (name, nick) => {
    expect(cleanNick(name)).toBe(nick);
  });

  test("is the id where there is no name, and never empty", () => {
    expect(nickFor(undefined, "@alice:example.org", free).nick).toBe("@alice:example.org");
    expect(nickFor(" \u202e ", "@alice:example.org", free).nick).toBe("@alice:example.org");
    expect(nickFor("", "\u200b", free).nick).toBe("somebody");
  });

  test("that is taken, or looks like one, has the id behind it, and then a number", () => {
    const taken = new Set([skeletonOf("Bob")]);
    const isTaken = (skeleton: string) => taken.has(skeleton);
    expect(nickFor("BОB", "@eve:example.org", isTaken).nick).toBe("BОB (@eve:example.org)");
    taken.add(skeletonOf("Bob (@eve:example.org)"));
    expect(nickFor("Bob", "@eve:example.org", isTaken).nick).toBe("Bob (@eve:example.org) 2");
  });
});

describe("X22: two nicks that look alike", () => {
  test.each([
    ["paypal", "раураl"],
    ["Alice", "alіce"],
    ["Bob", "B0b"],
    ["Bill", "Bi1l"],
    ["modern", "modem"],
    ["admin", "a d-m.i_n"],
    ["Ａｄｍｉｎ", "admin"],
    ["José", "jose"],
    ["Ωmega", "ωmega"],
  ])("%s and %s have one skeleton", (one, other) => {
    expect(skeletonOf(other)).toBe(skeletonOf(one));
  });

  test.each([
    ["Alice", "Bob"],
    ["安娜", "安妮"],
    ["👍", "👎"],
    ["---", "..."],
  ])("%s and %s do not look alike", (one, other) => {
    expect(skeletonOf(other)).not.toBe(skeletonOf(one));
  });
});

test("people who choose their names to collide all get nicks of their own, in any order", () => {
  const name = fc.string({ unit: fc.constantFrom(..."abоо0B \u202e()1l@"), maxLength: 8 });
  fc.assert(
    fc.property(fc.array(name, { maxLength: 40 }), (names) => {
      const taken = new Set<string>();
      const nicks = names.map((one, n) => {
        const { nick, skeleton } = nickFor(one, `@u${n}:x`, (known) => taken.has(known));
        taken.add(skeleton);
        return nick;
      });
      expect(new Set(nicks).size).toBe(names.length);
      expect(nicks.every((nick) => nick !== "" && nick === nick.trim() && !/[\p{Cc}\p{Cf}]/u.test(nick))).toBe(true);
    }),
  );
});
