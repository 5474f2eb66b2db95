import { describe, expect, it } from "vitest";
import { at, count, entries, field, firstText, list } from "../../../bridges/matrix/events/shape.ts";

describe("reading JSON of strangers", () => {
  it("M03: sees only what the JSON itself has", () => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"])
      expect(field({}, name)).toBeUndefined();
    expect(at({}, "constructor", "name")).toBeUndefined();
    expect(field(JSON.parse(`{"__proto__": 5}`), "__proto__")).toBe(5);
    expect(field(JSON.parse(`{"__proto__": {"body": "x"}}`), "body")).toBeUndefined();
  });

  it("takes what is no object for an empty one", () => {
    for (const value of [undefined, null, 5, "text", ["a"], true]) {
      expect(field(value, "length")).toBeUndefined();
      expect(at(value, "0", "x")).toBeUndefined();
      expect(entries(value, 10)).toEqual([]);
    }
    expect(list({ 0: "a", length: 1 }, 10)).toEqual([]);
  });

  it("has bounds", () => {
    expect(list([1, 2, 3], 2)).toEqual([1, 2]);
    expect(entries({ a: 1, b: 2 }, 1)).toEqual([["a", 1]]);
    expect([-1, 1.5, 2 ** 53, NaN, "5", null].map(count)).toEqual(Array(6).fill(undefined));
    expect(count(5)).toBe(5);
    expect(firstText(5, null, "a", "b")).toBe("a");
  });
});
