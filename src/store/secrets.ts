// Credentials at rest: AES-256-GCM with a random nonce per value and the account and field as associated data, so a
// ciphertext moved to another row does not open (security.md S-01, S-02).
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

const version = 1;
const nonceBytes = 12;
const tagBytes = 16;
const keyBytes = 32;

export interface Vault {
  /** `place` names the row and field, such as "account/7/credentials". */
  seal(place: string, plain: string): Uint8Array;
  /** Throws when the key is another one, or the value belongs to another place. */
  open(place: string, sealed: Uint8Array): string;
  sealBytes(place: string, plain: Uint8Array): Uint8Array;
  openBytes(place: string, sealed: Uint8Array): Uint8Array;
}

export function createVault(key: Uint8Array): Vault {
  if (key.length !== keyBytes) throw new Error(`a vault key has ${keyBytes} bytes, this one has ${key.length}`);
  // Made once: from bytes each seal would take three times as long.
  const secret = createSecretKey(key);
  const sealBytes = (place: string, plain: Uint8Array): Uint8Array => {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", secret, nonce).setAAD(Buffer.from(place));
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), body]);
  };
  const openBytes = (place: string, sealed: Uint8Array): Uint8Array => {
    const bytes = Buffer.from(sealed);
    if (bytes[0] !== version || bytes.length < 1 + nonceBytes + tagBytes) throw new Error("not a sealed value");
    const nonce = bytes.subarray(1, 1 + nonceBytes);
    const tag = bytes.subarray(1 + nonceBytes, 1 + nonceBytes + tagBytes);
    const decipher = createDecipheriv("aes-256-gcm", secret, nonce, { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(place)).setAuthTag(tag);
    try {
      return Buffer.concat([decipher.update(bytes.subarray(1 + nonceBytes + tagBytes)), decipher.final()]);
    } catch (cause) {
      throw new Error(
        "stored credentials do not open with this key: is the key file the one this database was made with?",
        { cause },
      );
    }
  };
  return {
    sealBytes,
    openBytes,
    seal: (place, plain) => sealBytes(place, Buffer.from(plain)),
    open: (place, sealed) => Buffer.from(openBytes(place, sealed)).toString(),
  };
}

/**
 * Reads the key file (64 hexadecimal digits), or makes one on first start, mode 0600. Throws one sentence for the operator.
 */
export function loadKey(path: string): Uint8Array {
  let text: string;
  try {
    if ((statSync(path).mode & 0o077) !== 0)
      throw new Error(`the key file ${path} can be read by others: run chmod 600 ${path}`);
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return makeKey(path);
  }
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new Error(`the key file ${path} must hold 64 hexadecimal digits`);
  return Buffer.from(text, "hex");
}

function makeKey(path: string): Uint8Array {
  const key = randomBytes(keyBytes);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file = openSync(path, "wx", 0o600);
  try {
    writeSync(file, `${key.toString("hex")}\n`);
    // Without this a power cut could leave sealed credentials and no key.
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return key;
}
