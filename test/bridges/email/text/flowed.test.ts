import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flow, unescapeSignatures, unflow } from "../../../../bridges/email/text/flowed.ts";

describe("unflow", () => {
  it("joins lines that end in a space", () => {
    expect(unflow("one \ntwo \nthree\nfour", false)).toBe("one two three\nfour");
  });

  it("drops the space with DelSp", () => {
    expect(unflow("中文 \n字", true)).toBe("中文字");
  });

  it("takes back space-stuffing and joins within one quote depth only", () => {
    expect(unflow(" From here\n> a \n> b\n>> c \nd", false)).toBe("From here\n> a b\n>> c \nd");
  });

  it("leaves a signature mark alone", () => {
    expect(unflow("end \n-- \nBob", false)).toBe("end \n-- \nBob");
  });
});

describe("flow", () => {
  it("wraps long lines after a space, and stuffs what could be misread", () => {
    expect(flow(`From me\n indented\n${"word ".repeat(20).trim()}`)).toBe(
      ` From me\n  indented\n${"word ".repeat(15)}\n${"word ".repeat(5).trim()}`,
    );
  });

  it("escapes a line that would cut the text, for good readers to take back", () => {
    expect(flow("-- \nBob")).toBe("-\u200b-\nBob");
    expect(flow("-- Bob")).toBe("-\u200b- Bob");
    expect(unescapeSignatures("-\u200b- Bob")).toBe("-- Bob");
    expect(flow("---")).toBe("---");
  });

  it("comes back as it was, but for spaces at line ends", () => {
    const line = fc
      .array(fc.constantFrom("word", "ünïcode", "a", "--", "-", ">", "From", "x".repeat(90), "", " "), {
        maxLength: 30,
      })
      .map((words) => words.join(" "));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        fc.pre(!lines.some((text) => text.startsWith(">")));
        const text = lines.join("\n");
        const back = unescapeSignatures(unflow(flow(text), false));
        expect(back).toBe(lines.map((plain) => plain.replace(/ +$/, "")).join("\n"));
      }),
      { numRuns: 1000 },
    );
  });

  it("keeps quotes quotes", () => {
    expect(unflow(flow("> one\n>> two\nmine"), false)).toBe("> one\n>> two\nmine");
  });
});
