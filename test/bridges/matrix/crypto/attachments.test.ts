import fc from "fast-check";
import { expect, it } from "vitest";
import {
  decryptFile,
  encryptFile,
  parseSealedFile,
  type SealedFile,
} from "../../../../bridges/matrix/crypto/attachments.ts";

/** "Hello, World" with a key of ones: the vector that the attachment libraries of other clients are tested with. */
const vector = {
  file: {
    v: "v2",
    key: {
      alg: "A256CTR",
      ext: true,
      k: "__________________________________________8",
      key_ops: ["encrypt", "decrypt"],
      kty: "oct",
    },
    iv: "//////////8AAAAAAAAAAA",
    hashes: { sha256: "YzF08lARDdOCzJpzuSwsjTNlQc4pHxpdHcXiD/wpK6k" },
    url: "mxc://matrix.test/abc",
  },
};

const streamOf = (...chunks: Uint8Array[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

async function bytesOf(body: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function seal(...chunks: Uint8Array[]): Promise<{ sealed: Buffer; file: SealedFile }> {
  const { body, keys } = encryptFile(streamOf(...chunks));
  const sealed = await bytesOf(body);
  const file = parseSealedFile({ ...keys(), url: "mxc://matrix.test/abc" });
  if (!file) throw new Error("it does not read what it wrote");
  return { sealed, file };
}

it("decrypts what it encrypted, however both are cut into pieces", async () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 1, max: 50 }), async (plain, size) => {
      const { sealed, file } = await seal(...plain);
      const pieces = [];
      for (let start = 0; start < sealed.length; start += size) pieces.push(sealed.subarray(start, start + size));
      expect(await bytesOf(decryptFile(file, streamOf(...pieces)))).toEqual(Buffer.concat(plain));
    }),
  );
});

it("writes the fields of the specification, with a counter from 0 and without padding", async () => {
  const { body, keys } = encryptFile(streamOf(Buffer.from("hello")));
  expect(() => keys()).toThrow();
  await bytesOf(body);
  expect(keys()).toEqual({
    v: "v2",
    key: {
      kty: "oct",
      key_ops: ["encrypt", "decrypt"],
      alg: "A256CTR",
      k: expect.stringMatching(/^[\w-]{43}$/),
      ext: true,
    },
    iv: expect.stringMatching(/^[A-Za-z0-9+/]{11}AAAAAAAAAAA$|^[A-Za-z0-9+/]{10}[AQgw]AAAAAAAAAAA$/),
    hashes: { sha256: expect.stringMatching(/^[A-Za-z0-9+/]{43}$/) },
  });
});

it("takes a new key and a new counter for each file", async () => {
  const [one, two] = [await seal(Buffer.from("same")), await seal(Buffer.from("same"))];
  expect(one.file.key).not.toEqual(two.file.key);
  expect(one.file.iv).not.toEqual(two.file.iv);
});

it("decrypts a file of another implementation", async () => {
  const file = parseSealedFile(vector.file);
  if (!file) throw new Error("refused");
  const sealed = Buffer.from("5xJZTt5cQicm+9f4", "base64");
  expect((await bytesOf(decryptFile(file, streamOf(sealed)))).toString()).toBe("Hello, World");
});

it("errors on a changed, a cut and a longer file, and keeps its last bytes back", async () => {
  const plain = Buffer.from("the whole truth");
  const { sealed, file } = await seal(plain);
  const changed = Buffer.from(sealed);
  changed[3] = (changed[3] ?? 0) ^ 1;
  for (const wrong of [changed, sealed.subarray(0, -1), Buffer.concat([sealed, Buffer.from("x")]), Buffer.alloc(0)]) {
    const pieces = [...wrong].map((byte) => Buffer.from([byte]));
    const got: Uint8Array[] = [];
    const read = async () => {
      for await (const chunk of decryptFile(file, streamOf(...pieces))) got.push(chunk);
    };
    await expect(read()).rejects.toMatchObject({ name: "BridgeError", kind: "reject" });
    expect(Buffer.concat(got).length).toBe(Math.max(0, wrong.length - 1));
  }
});

it("refuses what is not the specification's file", () => {
  const { file } = vector;
  const { key } = file;
  const wrong: unknown[] = [
    undefined,
    null,
    7,
    "file",
    [],
    {},
    { ...file, v: "v1" },
    { ...file, url: "https://evil.example/x" },
    { ...file, url: 7 },
    { ...file, iv: "" },
    { ...file, iv: `${file.iv}AAAA` },
    { ...file, iv: "x".repeat(1_000_000) },
    { ...file, hashes: {} },
    { ...file, hashes: { sha256: "short" } },
    { ...file, hashes: ["x"] },
    { ...file, key: { ...key, k: key.k.slice(1) } },
    { ...file, key: { ...key, k: `${key.k}A` } },
    { ...file, key: { ...key, alg: "none" } },
    { ...file, key: { ...key, kty: "RSA" } },
    { ...file, key: { ...key, ext: "true" } },
    { ...file, key: { ...key, key_ops: ["sign"] } },
    { ...file, key: { ...key, key_ops: { includes: "encrypt" } } },
    Object.create(file),
    { __proto__: file },
  ];
  for (const one of wrong) expect(parseSealedFile(one)).toBeUndefined();
  expect(parseSealedFile(file)).toBeDefined();
});
