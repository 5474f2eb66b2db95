// Row keys: 26 characters of base32hex. A fresh key begins with the time, so that the unique index grows at its end.
import { createHash, randomFillSync } from "node:crypto";

const alphabet = "0123456789abcdefghijklmnopqrstuv";
const pool = Buffer.alloc(4096);
let used = pool.length;

/** A key that nobody else will ever make. 50 bits of milliseconds, 80 random bits. */
export function newKey(now: number): string {
  if (used + 10 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let key = "";
  for (let shift = 45; shift >= 0; shift -= 5) key += alphabet[Math.floor(now / 2 ** shift) % 32];
  key += encode(pool, used, 10);
  used += 10;
  return key;
}

/** The key of something that already has a name: the same name, the same key. */
export function derivedKey(...name: readonly string[]): string {
  // JSON keeps ["a","bc"] and ["ab","c"] apart.
  return encode(createHash("sha256").update(JSON.stringify(name)).digest(), 0, 17).slice(0, 26);
}

function encode(bytes: Buffer, from: number, count: number): string {
  let text = "";
  let value = 0;
  let bits = 0;
  for (let index = from; index < from + count; index++) {
    value = ((value << 8) | (bytes[index] ?? 0)) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(value >> bits) & 31];
    }
  }
  return text;
}
