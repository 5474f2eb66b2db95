import { expect, test } from "vitest";
import { pictureOf } from "../../src/gateway/pictures.ts";
import { pngOf } from "../kit/pictures.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

// Heads of files that real programs wrote.
const gif = hex("474946383961 0a00 1400 800000 ffffff");
const lossy = hex("52494646 24000000 57454250 56503820 18000000 300100 9d012a 1000 0800 0234 2500");
const lossless = hex("52494646 1a000000 57454250 5650384c 0d000000 2f 0fc00100 0000000000000000");
const extended = hex("52494646 1a000000 57454250 56503858 0a000000 10000000 ff0000 7f0000");
const jpeg = hex("ffd8 ffe0 0010 4a46494600010100000100010000 ffc2 0011 08 0030 0040 03 012200 021101 031101");

test.each([
  ["a PNG", pngOf([1, 2, 3], { width: 20, height: 10 }), { type: "image/png", width: 20, height: 10 }],
  ["a GIF", gif, { type: "image/gif", width: 10, height: 20 }],
  ["a lossy WebP", lossy, { type: "image/webp", width: 16, height: 8 }],
  ["a lossless WebP", lossless, { type: "image/webp", width: 16, height: 8 }],
  ["an extended WebP", extended, { type: "image/webp", width: 256, height: 128 }],
  ["a progressive JPEG behind its JFIF head", jpeg, { type: "image/jpeg", width: 64, height: 48 }],
])("%s is known by its bytes", (_, bytes, expected) => {
  expect(pictureOf(bytes)).toMatchObject(expected);
});

test("a picture's hash is the SHA-1 of its bytes", () => {
  expect(pictureOf(gif)?.hash).toBe("b7404df2b9e81ba5f3dc28ca7c477a5805438f4f");
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["SVG", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')],
  ["HTML", Buffer.from("<!doctype html><title>GIF89a</title>")],
  ["text that begins like a PNG", Buffer.from("\x89PNG\r\n\x1a\n and then some more text without a header", "latin1")],
  ["a JPEG without a frame", hex("ffd8 ffe0 0010 4a46494600010100000100010000 ffd9")],
  ["a JPEG of fill bytes only", Buffer.concat([hex("ffd8"), Buffer.alloc(5_000, 0xff)])],
])("%s is no picture", (_, bytes) => {
  expect(pictureOf(bytes)).toBeUndefined();
});

test("E18: a picture that claims to be huge is none", () => {
  const bomb = Buffer.from(pngOf([0, 0, 0]));
  bomb.writeUInt32BE(60_000, 16);
  expect(pictureOf(bomb)).toBeUndefined();
});
