// Encrypted files (Client-Server API, "Sending encrypted attachments"): AES-256 in counter mode, and a SHA-256 of what
// lies on the server. Files are streams: nothing here holds one whole.
import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { BridgeError } from "#bridge";
import { field, listAt, objectAt, textAt } from "../json.ts";

/** `EncryptedFile` of the specification, without the place. */
export interface FileKeys {
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
}

/** A file that somebody sent, its fields checked and decoded. */
export interface SealedFile {
  /** mxc: */
  readonly url: string;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  readonly sha256: Uint8Array;
}

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
  const url = textAt(file, "url");
  const key = bytesOf(textAt(jwk, "k"), 32);
  const iv = bytesOf(textAt(file, "iv"), 16);
  const sha256 = bytesOf(textAt(objectAt(file, "hashes"), "sha256"), 32);
  if (!known || url === undefined || !url.startsWith("mxc://") || !key || !iv || !sha256) return undefined;
  return { url, key, iv, sha256 };
}

/**
 * Decrypts on the way. The stream errors with BridgeError `reject` when what came is not what the sender hashed. That
 * shows only at the end, so the last bytes are kept back until then: whoever reads on never gets a whole forged file.
 */
export function decryptFile(file: SealedFile, sealed: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const decipher = createDecipheriv("aes-256-ctr", file.key, file.iv);
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
      if (!timingSafeEqual(hash.digest(), file.sha256)) {
        throw new BridgeError("reject", "The encrypted file was changed on its way, so it is not shown.");
      }
      if (last) out.enqueue(last);
    },
  });
  return sealed.pipeThrough(decrypt);
}

const unpadded = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");

/** Base64 of exactly so many bytes, in either alphabet, with padding or without. */
function bytesOf(text: string | undefined, length: number): Uint8Array | undefined {
  if (text === undefined || !/^[A-Za-z0-9+/_-]{22,43}={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.length === length ? bytes : undefined;
}
