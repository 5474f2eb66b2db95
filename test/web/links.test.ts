import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLinks } from "../../src/web/links.ts";

const now = Date.UTC(2026, 0, 1);
const key = Buffer.alloc(32, 7);
const row = { key: "0123456789abcdefghijklmnop", createdAt: now };
const links = createLinks({ publicUrl: "https://files.example.org/", key, lifetime: 60_000 });
const tokenOf = (link: string | undefined) => new URL(link ?? "").pathname.split("/")[2] ?? "";

describe("links to files", () => {
  test("are short, the same each time, and name the file for people", () => {
    const link = links.link(row, 0, "cat.png");
    expect(link).toMatch(
      /^https:\/\/files\.example\.org\/files\/0123456789abcdefghijklmnop-0-[0-9a-z]{6}-[\w-]{22}\/cat\.png$/,
    );
    expect(links.link(row, 0, "cat.png")).toBe(link);
  });

  test("name the row and the attachment until they expire", () => {
    const token = tokenOf(links.link(row, 31, "cat.png"));
    expect(links.verify(token, now)).toEqual({ key: row.key, position: 31 });
    expect(links.verify(token, now + 60_000)).toEqual({ key: row.key, position: 31 });
    expect(links.verify(token, now + 60_001)).toBeUndefined();
    expect(links.link(row, 32, "cat.png")).toBeUndefined();
  });

  test("to thumbnails are kept apart from those to files", () => {
    const places = [0, 3, 4, 31].map((position) => tokenOf(links.thumbnail(row, position, "cat.png")));
    expect(places.map((token) => links.verify(token, now)?.position)).toEqual([32, 35, 36, 63]);
    expect(links.thumbnail(row, 32, "cat.png")).toBeUndefined();
  });

  test("are of no use with another key", () => {
    const others = createLinks({ publicUrl: "https://files.example.org/", key: Buffer.alloc(32, 8), lifetime: 60_000 });
    expect(others.verify(tokenOf(links.link(row, 0, "x")), now)).toBeUndefined();
  });

  test.each([
    ["", "file"],
    ["..", "file"],
    ["../../etc/passwd", ".._.._etc_passwd"],
    ["a\\b\u0000\u202ec.png", "a_b__c.png"],
    ["Кошка.png", "%D0%9A%D0%BE%D1%88%D0%BA%D0%B0.png"],
    ["what?#.png", "what%3F%23.png"],
    ["\ud800.png", "%EF%BF%BD.png"],
    [`${"long".repeat(100)}.jpeg`, `${"long".repeat(100)}.jpeg`.slice(-160)],
  ])("call %j %s", (name, part) => {
    expect(links.link(row, 0, name)?.split("/").at(-1)).toBe(part);
  });

  test("are one URL whatever the name is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (name) => {
        const link = links.link(row, 0, name) ?? "";
        expect(new URL(link).href).toBe(link);
        expect(link.length).toBeLessThan(300);
        expect(links.verify(tokenOf(link), now)).toEqual({ key: row.key, position: 0 });
      }),
    );
  });
});
