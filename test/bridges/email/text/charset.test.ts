import iconv from "iconv-lite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeText } from "../../../../bridges/email/text/charset.ts";
import { decodeHeaderText, parseAddressField, readHead } from "../../../../bridges/email/text/head.ts";

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");

describe("decodeText", () => {
  it.each([
    ["utf-8", "c3a4", "ä"],
    ["iso-8859-1", "e4", "ä"],
    ['"ISO-8859-15"', "a4", "€"],
    ["koi8-r", "d0d2c9d7c5d4", "привет"],
    ["iso-2022-jp", "1b2442467c4b5c1b2842", "日本"],
    ["gb18030", "c4e3bac3", "你好"],
    ["utf-7", "2b414f512d", "ä"],
    ["cp-850", "84", "ä"],
    ["x-cp437", "84", "ä"],
    ["utf-16le", "e400", "ä"],
  ])("decodes %s", (label, hex, text) => {
    expect(decodeText(bytes(hex), label)).toBe(text);
  });

  it("takes bytes without a label, or with an unknown one, for UTF-8 if they are", () => {
    expect(decodeText(bytes("c3a4"), undefined)).toBe("ä");
    expect(decodeText(bytes("c3a4"), "klingon-1")).toBe("ä");
    expect(decodeText(bytes("c3a4"), "us-ascii")).toBe("ä");
  });

  it("takes them for windows-1252 if they are not", () => {
    expect(decodeText(bytes("e4 80"), undefined)).toBe("ä€");
    expect(decodeText(bytes("e4"), "klingon-1")).toBe("ä");
    expect(decodeText(bytes("e4"), "us-ascii")).toBe("ä");
    expect(decodeText(bytes("e4"), "utf-8")).toBe("ä");
  });

  it("keeps UTF-8 in which one letter is cut", () => {
    expect(decodeText(bytes("c3a4 c3b6 c3"), "utf-8")).toBe("äö\ufffd");
  });

  it("E19: decodes any bytes under any label to something", () => {
    const labels = fc.oneof(
      fc.string(),
      fc.constantFrom(
        "utf-7",
        "utf-16",
        "hz-gb-2312",
        "iso-2022-kr",
        "base64",
        "hex",
        "internal",
        "ucs2",
        "utf-32",
        "gb18030",
        "__proto__",
        "constructor",
      ),
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        labels,
        (data, label) => typeof decodeText(data, label) === "string",
      ),
      { numRuns: 1000 },
    );
  });

  it("reads what another encoder wrote", () => {
    expect(decodeText(iconv.encode("Ελλάδα", "cp869"), "cp869")).toBe("Ελλάδα");
  });
});

describe("headers", () => {
  const head = (line: Buffer): string | undefined =>
    readHead(Buffer.concat([line, Buffer.from("\r\n\r\n")])).fields[0]?.value;

  it("reads raw UTF-8 and raw latin-1 in a field", () => {
    expect(head(Buffer.from("Subject: Grüße"))).toBe("Grüße");
    expect(head(Buffer.from("Subject: Grüße", "latin1"))).toBe("Grüße");
  });

  it("decodes encoded words, in charsets unknown to the platform too", () => {
    expect(decodeHeaderText("=?utf-8?Q?Gr=C3=BC=C3=9Fe?=")).toBe("Grüße");
    expect(decodeHeaderText("=?utf-8?B?8J+Y?= =?utf-8?B?gA==?=")).toBe("😀");
    expect(decodeHeaderText("=?cp-850?Q?Gr=81=E1e?=")).toBe("Grüße");
    expect(decodeHeaderText("=?utf-7?Q?Gr+APwA3w-e?=")).toBe("Grüße");
    expect(decodeHeaderText("=?klingon?Q?Gr=FC=DFe?=")).toBe("Grüße");
  });

  it("leaves broken encoded words as they are", () => {
    expect(decodeHeaderText("=?utf-8?X?abc?= =?utf-8?Q?abc")).toBe("=?utf-8?X?abc?= =?utf-8?Q?abc");
  });

  it("reads addresses in groups, comments and encoded names", () => {
    expect(parseAddressField('Team: "B, ob" <bob@example.com>, =?iso-8859-1?Q?J=FCrgen?= <j@example.com>;')).toEqual([
      { name: "B, ob", address: "bob@example.com" },
      { name: "Jürgen", address: "j@example.com" },
    ]);
  });

  it("unfolds lines, passes over an mbox line, and ends at the empty line", () => {
    const raw = Buffer.from(
      "From bob Sat Oct 31\r\nSubject: a\r\n b\r\n\tc\r\nbroken line\r\nTo: x\r\n\r\nBcc: no\r\n",
    );
    expect(readHead(raw).fields).toEqual([
      { name: "subject", value: "a b\tc" },
      { name: "to", value: "x" },
    ]);
    expect(raw.subarray(readHead(raw).bodyAt).toString()).toBe("Bcc: no\r\n");
  });
});
