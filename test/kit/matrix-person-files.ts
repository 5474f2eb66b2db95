// Files on Matrix: the media repository, and encrypted attachments (Client-Server API, "Sending encrypted attachments").
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import type { MatrixClient } from "matrix-js-sdk";

/** Where an encrypted file is and how to read it. */
export interface EncryptedFile {
  readonly url: string;
  readonly key: {
    readonly kty: "oct";
    readonly alg: "A256CTR";
    readonly ext: true;
    readonly key_ops: readonly string[];
    readonly k: string;
  };
  readonly iv: string;
  readonly hashes: { readonly sha256: string };
  readonly v: "v2";
}

export interface Files {
  /** Resolves with the mxc: URL. */
  upload(bytes: Uint8Array, mimetype: string): Promise<string>;
  uploadEncrypted(bytes: Uint8Array): Promise<EncryptedFile>;
  /** What a message of a file or an image points at, decrypted if need be. */
  download(content: Readonly<Record<string, unknown>>): Promise<Buffer>;
}

export function filesOf(client: MatrixClient): Files {
  const upload: Files["upload"] = async (bytes, type) => {
    const { content_uri } = await client.uploadContent(new Blob([Uint8Array.from(bytes)]), {
      type,
      includeFilename: false,
    });
    return content_uri;
  };
  const fetchBytes = async (mxc: string): Promise<Buffer> => {
    const url = client.mxcUrlToHttp(mxc, undefined, undefined, undefined, false, true, true);
    if (url === null) throw new Error(`${mxc} is no mxc: URL`);
    const headers = { authorization: `Bearer ${client.getAccessToken()}` };
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) });
    if (!response.ok) throw new Error(`${mxc}: ${response.status} ${await response.text()}`);
    return Buffer.from(await response.arrayBuffer());
  };
  return {
    upload,
    uploadEncrypted: async (bytes) => {
      const key = randomBytes(32);
      const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]); // the counter starts at 0
      const cipher = createCipheriv("aes-256-ctr", key, iv);
      const sealed = Buffer.concat([cipher.update(bytes), cipher.final()]);
      return {
        url: await upload(sealed, "application/octet-stream"),
        key: { kty: "oct", alg: "A256CTR", ext: true, key_ops: ["encrypt", "decrypt"], k: key.toString("base64url") },
        iv: unpadded(iv),
        hashes: { sha256: sha256(sealed) },
        v: "v2",
      };
    },
    download: async ({ url, file }) => {
      if (typeof url === "string") return fetchBytes(url);
      const { url: sealedUrl, key, iv, hashes } = file as EncryptedFile;
      const sealed = await fetchBytes(sealedUrl);
      if (sha256(sealed) !== hashes.sha256) throw new Error(`${sealedUrl} does not have the hash that its event names`);
      const decipher = createDecipheriv("aes-256-ctr", Buffer.from(key.k, "base64url"), Buffer.from(iv, "base64"));
      return Buffer.concat([decipher.update(sealed), decipher.final()]);
    },
  };
}

const unpadded = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");
const sha256 = (bytes: Buffer): string => unpadded(createHash("sha256").update(bytes).digest());
