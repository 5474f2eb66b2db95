import { describe, expect, it } from "vitest";
import { cleanFileName, isProgram } from "../../../../bridges/email/text/file-name.ts";

describe("E17: names of attachments", () => {
  it.each([
    ["report.pdf", "report.pdf"],
    ["../../etc/passwd", "passwd"],
    ["..\\..\\x0.exe", "x0.exe"],
    ["/", "file"],
    ["..", "file"],
    ["", "file"],
    ["inv\u202efdp.exe", "invfdp.exe"],
    ["a\u0000b\r\nc.txt", "ab c.txt"],
    ["CON", "_CON"],
    ["nul.txt", "_nul.txt"],
    ["a:b*c?.txt", "a_b_c_.txt"],
    [".htaccess", "htaccess"],
    ["Maßnahmen 2021.html", "Maßnahmen 2021.html"],
  ])("%j becomes %j", (name, cleaned) => {
    expect(cleanFileName(name)).toBe(cleaned);
  });

  it("keep their ending when they are cut", () => {
    expect(cleanFileName(`${"x".repeat(10_000)}.pdf`)).toBe(`${"x".repeat(116)}.pdf`);
  });

  it("tell of programs", () => {
    expect(["a.exe", "a.pdf.JS", "a.docm", "a.pdf", "exe"].map(isProgram)).toEqual([true, true, true, false, false]);
  });
});
