// Encrypted files (Client-Server API, "Sending encrypted attachments"): AES-256 in counter mode, and a SHA-256 of what
// lies on the server. Files are streams: nothing here holds one whole.
import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { BridgeError } from "#bridge";
import { parseMxc } from "../ids.ts";
import { field, listAt, objectAt, textAt } from "../json.ts";

/** `EncryptedFile` of the specification, without the place. */
export type FileKeys = {
  readonly v: "v2";
  /** A JSON Web Key (RFC 7517). */
  readonly key: {
    readonly kty: "oct";
    readonly key_ops: readonly ["encrypt", "decrypt"];
    readonly alg: "A256CTR";
    readonly k: string;
    readonly ext: true;
  };
  readonly iv: string;
  readonly hashes: { readonly sha256: string };
};

/** A file that somebody sent, its fields checked: what is stored until it is opened. */
export type SealedFile = {
  /** mxc: */
  readonly url: string;
  /** In base64, as are the following. */
  readonly key: string;
  readonly iv: string;
  readonly sha256: string;
};

/** Encrypts on the way. `keys` may be called when `body` has been read to its end. */
export function encryptFile(plain: ReadableStream<Uint8Array>): {
  readonly body: ReadableStream<Uint8Array>;
  keys(): FileKeys;
} {
  const key = randomBytes(32);
  // The lower half counts the blocks, from 0: other clients have a counter of 64 bits and must not come to its end.
  const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
  const cipher = createCipheriv("aes-256-ctr", key, iv);
  const hash = createHash("sha256");
  let sha256: Buffer | undefined;
  const encrypt = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, out) => {
      const sealed = cipher.update(chunk);
      hash.update(sealed);
      out.enqueue(sealed);
    },
    flush: () => {
      sha256 = hash.digest();
    },
  });
  return {
    body: plain.pipeThrough(encrypt),
    keys: () => {
      if (!sha256) throw new Error("the file has not been read to its end");
      const k = key.toString("base64url");
      return {
        v: "v2",
        key: { kty: "oct", key_ops: ["encrypt", "decrypt"], alg: "A256CTR", k, ext: true },
        iv: unpadded(iv),
        hashes: { sha256: unpadded(sha256) },
      };
    },
  };
}

/** @param file the `file` (or `thumbnail_file`) of an event; undefined when it is not what the specification says */
export function parseSealedFile(file: unknown): SealedFile | undefined {
  const jwk = objectAt(file, "key");
  const operations = listAt(jwk, "key_ops");
  const known =
    field(file, "v") === "v2" &&
    field(jwk, "kty") === "oct" &&
    field(jwk, "alg") === "A256CTR" &&
    field(jwk, "ext") === true &&
    operations.includes("encrypt") &&
    operations.includes("decrypt");
  if (!known) return undefined;
  const sha256 = textAt(objectAt(file, "hashes"), "sha256");
  return checkSealedFile({ url: textAt(file, "url"), key: textAt(jwk, "k"), iv: textAt(file, "iv"), sha256 });
}

/** Reads a sealed file again after it went through storage; undefined when it is none. */
export function checkSealedFile(file: unknown): SealedFile | undefined {
  const [url, key, iv, sha256] = ["url", "key", "iv", "sha256"].map((name) => textAt(file, name));
  if (url === undefined || key === undefined || iv === undefined || sha256 === undefined) return undefined;
  const isWhole = hasBytes(key, 32) && hasBytes(iv, 16) && hasBytes(sha256, 32);
  return isWhole && parseMxc(url) !== undefined ? { url, key, iv, sha256 } : undefined;
}

/**
 * Decrypts on the way. The stream errors with BridgeError `reject` when what came is not what the sender hashed. That
 * shows only at the end, so the last bytes are kept back until then: whoever reads on never gets a whole forged file.
 */
export function decryptFile(file: SealedFile, sealed: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const decipher = createDecipheriv("aes-256-ctr", Buffer.from(file.key, "base64"), Buffer.from(file.iv, "base64"));
  const expected = Buffer.from(file.sha256, "base64");
  const hash = createHash("sha256");
  let last: Uint8Array | undefined;
  const decrypt = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, out) => {
      if (chunk.length === 0) return;
      hash.update(chunk);
      if (last) out.enqueue(last);
      last = decipher.update(chunk);
    },
    flush: (out) => {
      if (!timingSafeEqual(hash.digest(), expected)) {
        throw new BridgeError("reject", "The encrypted file was changed on its way, so it is not shown.");
      }
      if (last) out.enqueue(last);
    },
  });
  return sealed.pipeThrough(decrypt);
}

const unpadded = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");

/** Base64 of exactly so many bytes, in either alphabet, with padding or without. */
function hasBytes(text: string, length: number): boolean {
  return /^[A-Za-z0-9+/_-]{22,43}={0,2}$/.test(text) && Buffer.from(text, "base64").length === length;
}
