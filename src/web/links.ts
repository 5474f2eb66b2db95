// Links to the files of messages: /files/<token>/<name>. A token names a message's row, the position of the attachment and
// when it expires, and is signed (docs/decisions/0008-links-to-files.md).
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { type FileLinks, linkedFiles, thumbnailOf } from "../gateway/web-ports.ts";

export interface LinksOptions {
  /** What the public calls this server; ends in "/". */
  readonly publicUrl: string;
  /** The store's key. The links' own is derived from it. */
  readonly key: Uint8Array;
  /** Milliseconds from when the message came. */
  readonly lifetime: number;
}

export interface SignedFile {
  readonly key: string;
  readonly position: number;
}

export interface Links extends FileLinks {
  /** What a token names; undefined when it is not ours or has expired by `now`, in milliseconds since the epoch. */
  verify(token: string, now: number): SignedFile | undefined;
}

/** Row key, position, expiry in seconds (both in base 36), and the first 128 bits of HMAC-SHA256 (RFC 2104 section 5). */
const shape = /^([0-9a-v]{26})-([0-9a-z]|1[0-9a-r])-([0-9a-z]{1,8})-([\w-]{22})$/;
const macBytes = 16;

export function createLinks({ publicUrl, key, lifetime }: LinksOptions): Links {
  const signing = new Uint8Array(hkdfSync("sha256", key, "", "viaduct file links 1", 32));
  const sign = (payload: string): string =>
    createHmac("sha256", signing).update(payload).digest().subarray(0, macBytes).toString("base64url");

  const linkTo = (row: Parameters<FileLinks["link"]>[0], position: number, name: string): string => {
    const expires = Math.ceil((row.createdAt + lifetime) / 1000);
    const payload = `${row.key}-${position.toString(36)}-${expires.toString(36)}`;
    return `${publicUrl}files/${payload}-${sign(payload)}/${pathName(name)}`;
  };

  return {
    link: (row, position, name) => (position < linkedFiles ? linkTo(row, position, name) : undefined),
    thumbnail: (row, position, name) => (position < linkedFiles ? linkTo(row, thumbnailOf(position), name) : undefined),
    verify(token, now) {
      const [, row, position, expires, mac] = shape.exec(token) ?? [];
      if (row === undefined || position === undefined || expires === undefined || mac === undefined) return undefined;
      // The texts are compared, not the bytes: the last character of base64url has bits that decoding ignores.
      const expected = Buffer.from(sign(`${row}-${position}-${expires}`));
      if (!timingSafeEqual(expected, Buffer.from(mac))) return undefined;
      if (Number.parseInt(expires, 36) * 1000 < now) return undefined;
      return { key: row, position: Number.parseInt(position, 36) };
    },
  };
}

const longestName = 160;

/** The last part of a link, for people and for clients that go by the ending. Nothing is ever looked up by it. */
function pathName(name: string): string {
  const plain = name.toWellFormed().replace(/[\p{Cc}\p{Cf}/\\]/gu, "_");
  const points = [...plain].slice(-longestName);
  // The ending is at the end: what is too long loses its beginning.
  while (encodeURIComponent(points.join("")).length > longestName) points.shift();
  const short = points.join("");
  return /^\.*$/.test(short) ? "file" : encodeURIComponent(short);
}
