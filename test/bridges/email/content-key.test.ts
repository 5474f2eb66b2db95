import { describe, expect, it } from "vitest";
import { contentKey, originalId } from "../../../bridges/email/content-key.ts";
import { fromBob, mail } from "./mails.ts";

const plain = fromBob([], ["See you at noon.", ""]);

function withTrace(raw: Buffer, ...lines: string[]): Buffer {
  return Buffer.concat([mail(...lines, ""), raw]);
}

describe("contentKey", () => {
  it("is the same for a mail that took another way", () => {
    const other = withTrace(plain, "Received: from a by b; Sat, 31 Oct 2026 10:00:01 +0000", "X-Spam-Score: 3");
    expect(contentKey(other)).toBe(contentKey(plain));
  });

  it("differs for another body, subject, date or author", () => {
    const others = [
      fromBob([], ["See you at one.", ""]),
      fromBob(["Subject: Dinner"], ["See you at noon.", ""]),
      fromBob(["Date: Sat, 31 Oct 2026 11:00:00 +0000"], ["See you at noon.", ""]),
      fromBob(["From: Eve <eve@example.com>"], ["See you at noon.", ""]),
    ];
    expect(new Set([plain, ...others].map(contentKey)).size).toBe(5);
  });
});

describe("originalId", () => {
  it("recognises a mail that is delivered again with other trace headers and line ends", () => {
    const again = withTrace(
      plain,
      "Return-Path: <bob@example.com>",
      "Delivered-To: alice@example.org",
      "Received: from c by d;",
      "\tSat, 31 Oct 2026 10:00:09 +0000",
      "X-Postfix-Queue-ID: 4711",
    );
    const lf = Buffer.from(again.toString("utf8").replaceAll("\r\n", "\n"));
    expect(originalId(again, "alice@example.org")).toBe(originalId(plain, "alice@example.org"));
    expect(originalId(lf, "Alice@example.org")).toBe(originalId(plain, "alice@example.org"));
  });

  it("tells the copies of two recipients apart", () => {
    expect(originalId(plain, "alice@example.org")).not.toBe(originalId(plain, "carol@example.org"));
  });

  it("tells two mails with one Message-ID apart", () => {
    const other = fromBob([], ["Something else.", ""]);
    expect(originalId(other, "alice@example.org")).not.toBe(originalId(plain, "alice@example.org"));
    const header = fromBob(["Subject: Other"], ["See you at noon.", ""]);
    expect(originalId(header, "alice@example.org")).not.toBe(originalId(plain, "alice@example.org"));
  });

  it("takes bytes that are no mail at all", () => {
    expect(originalId(Buffer.alloc(0), "alice@example.org")).toMatch(/^[0-9a-f]{64}$/);
    expect(originalId(Buffer.from([0, 255, 10, 13]), "alice@example.org")).toMatch(/^[0-9a-f]{64}$/);
  });
});
