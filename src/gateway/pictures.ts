// What counts as a picture of somebody: told by its own first bytes, never by what its sender says of it (security.md E18).
// Nothing is decoded here: formats whose header says how large they are, and no SVG, which is a program.
import { createHash } from "node:crypto";
import type { Picture, PictureType } from "#bridge";

/** Pixels either way: a small file can claim to be a huge picture, and every client would unpack it. */
const widest = 2_048;

interface Head {
  readonly type: PictureType;
  readonly width: number;
  readonly height: number;
}

/** Undefined for what is none, or too wide. */
export function pictureOf(bytes: Uint8Array): Picture | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = png(view) ?? gif(view) ?? webp(view) ?? jpeg(view);
  if (head === undefined || !isSize(head.width) || !isSize(head.height)) return undefined;
  return { ...head, bytes, hash: createHash("sha1").update(bytes).digest("hex") };
}

const isSize = (pixels: number): boolean => pixels > 0 && pixels <= widest;

/** PNG (RFC 2083 section 11.2.1): IHDR is the first chunk. */
function png(view: Buffer): Head | undefined {
  if (view.length < 33 || view.toString("latin1", 0, 8) !== "\x89PNG\r\n\x1a\n") return undefined;
  if (view.toString("latin1", 12, 16) !== "IHDR") return undefined;
  return { type: "image/png", width: view.readUInt32BE(16), height: view.readUInt32BE(20) };
}

/** GIF89a, section 18: the logical screen. */
function gif(view: Buffer): Head | undefined {
  if (view.length < 14 || !/^GIF8[79]a$/.test(view.toString("latin1", 0, 6))) return undefined;
  return { type: "image/gif", width: view.readUInt16LE(6), height: view.readUInt16LE(8) };
}

/** WebP (RFC 9649 section 2): lossy, lossless or extended, as the first chunk says. */
function webp(view: Buffer): Head | undefined {
  if (view.length < 30 || view.toString("latin1", 0, 4) !== "RIFF") return undefined;
  switch (view.toString("latin1", 8, 16)) {
    case "WEBPVP8 ":
      return { type: "image/webp", width: view.readUInt16LE(26) & 0x3fff, height: view.readUInt16LE(28) & 0x3fff };
    case "WEBPVP8L": {
      const bits = view.readUInt32LE(21);
      return { type: "image/webp", width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case "WEBPVP8X":
      return { type: "image/webp", width: view.readUIntLE(24, 3) + 1, height: view.readUIntLE(27, 3) + 1 };
    default:
      return undefined;
  }
}

/** Start of frame, whatever the coding: C4, C8 and CC are something else (ITU T.81 table B.1). */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** JPEG (ITU T.81 annex B): segment by segment up to the frame header. */
function jpeg(view: Buffer): Head | undefined {
  if (view.length < 4 || view.readUInt16BE(0) !== 0xffd8) return undefined;
  let at = 2;
  while (at + 9 <= view.length) {
    if (view[at] !== 0xff) return undefined;
    const marker = view[at + 1] ?? 0;
    if (isFrame(marker))
      return { type: "image/jpeg", width: view.readUInt16BE(at + 7), height: view.readUInt16BE(at + 5) };
    // Fill bytes stand alone; every other segment has a length that counts itself.
    at += marker === 0xff ? 1 : 2 + Math.max(2, view.readUInt16BE(at + 2));
  }
  return undefined;
}
