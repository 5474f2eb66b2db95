import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanLabel, cutAt, xmlSafe } from "#bridge";

describe("xmlSafe", () => {
  it("drops controls, replaces noncharacters and lone surrogates, and counts them", () => {
    expect(xmlSafe("a\u0008b\ufffec\ud800d\u0000")).toEqual({ text: "ab\ufffdc\ufffdd", replaced: 4 });
  });

  it("keeps tabs, line feeds and astral characters", () => {
    expect(xmlSafe("a\tb\n😀")).toEqual({ text: "a\tb\n😀", replaced: 0 });
  });

  it("makes every line end a line feed, without counting it", () => {
    expect(xmlSafe("a\r\nb\rc\fd")).toEqual({ text: "a\nb\nc\nd", replaced: 0 });
  });

  it("leaves only characters of XML 1.0 in any string", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 100 }), fc.nat(0xffff), (text, code) => {
        const { text: safe } = xmlSafe(text + String.fromCharCode(code));
        expect(safe).toMatch(/^[\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("labels", () => {
  it("are one line of visible characters", () => {
    expect(cleanLabel("  a\r\n b\u202e\u200b\u0000\tc\u2028d ")).toBe("a b c d");
    expect(cleanLabel("x".repeat(300), 10)).toBe("xxxxxxxxxx");
  });

  it("keep what makes a character an emoji", () => {
    expect(cleanLabel("a\u2764\ufe0fb\ufe00\ufdd0")).toBe("a\u2764\ufe0fb");
  });

  it("are not cut in the middle of a character", () => {
    expect(cutAt("a😀b", 2)).toBe("a");
    expect(cutAt("a😀b", 3)).toBe("a😀");
  });
});
