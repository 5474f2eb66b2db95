// A recovery key as people write it (Matrix specification, appendix "Cryptographic key representation"): base58 of two fixed bytes,
// the key, and a byte that makes the exclusive or of all of them 0.

const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const prefix = [0x8b, 0x01];
const keyBytes = 32;
const wholeBytes = prefix.length + keyBytes + 1;

/** It has 48 characters; decoding takes time by the square of the length. */
const longest = 64;

/** The 32 bytes; undefined when it is not such a key, or was mistyped. White space does not count. */
export function parseRecoveryKey(written: string): Uint8Array | undefined {
  const text = written.replace(/\s/g, "");
  const bytes = text.length > longest ? undefined : base58(text, wholeBytes);
  if (bytes === undefined || prefix.some((byte, index) => bytes[index] !== byte)) return undefined;
  if (bytes.reduce((sum, byte) => sum ^ byte, 0) !== 0) return undefined;
  return bytes.subarray(prefix.length, prefix.length + keyBytes);
}

/** The number that the text stands for as so many bytes, most significant first; undefined when it has another size. */
function base58(text: string, size: number): Uint8Array | undefined {
  let number = 0n;
  for (const character of text) {
    const digit = alphabet.indexOf(character);
    if (digit < 0) return undefined;
    number = number * 58n + BigInt(digit);
  }
  const digits = number.toString(16);
  return Math.ceil(digits.length / 2) === size ? Buffer.from(digits.padStart(size * 2, "0"), "hex") : undefined;
}
