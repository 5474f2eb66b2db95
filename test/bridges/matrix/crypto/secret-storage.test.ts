import fc from "fast-check";
import { encodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/recovery-key.js";
import encryptAESSecretStorageItem from "matrix-js-sdk/lib/utils/encryptAESSecretStorageItem.js";
import { expect, test } from "vitest";
import { parseRecoveryKey } from "../../../../bridges/matrix/crypto/recovery-key.ts";
import { readSecret } from "../../../../bridges/matrix/crypto/secret-storage.ts";

/** The example in the appendix of the specification. */
const example = "EsTc LW2K PGiF wKEA 3As5 g5c4 BXwk qeeJ ZJV8 Q9fu gUMN UE4d";
const exampleHex = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
const name = "m.megolm_backup.v1";
const key = Uint8Array.from({ length: 32 }, (_, index) => index);

const data = (encrypted: unknown) => async () => ({ encrypted });

test("the specification's recovery key is read", () => {
  expect(Buffer.from(parseRecoveryKey(example) ?? []).toString("hex")).toBe(exampleHex);
});

test("whatever key another client writes is read back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      expect([...(parseRecoveryKey(encodeRecoveryKey(bytes) ?? "") ?? [])]).toEqual([...bytes]);
    }),
  );
});

test("a mistyped key is told by its last byte", () => {
  for (const wrong of [example.replace("As5", "As6"), example.replace("EsTc", "EsTd"), example.replace("4d", "4e")])
    expect(parseRecoveryKey(wrong)).toBeUndefined();
});

test("anything else is no key", () => {
  for (const text of [
    "",
    " ",
    "0OIl",
    "EsTx",
    "пароль",
    "1".repeat(48),
    "z".repeat(64),
    "z".repeat(100_000),
    `1${example}1`,
  ])
    expect(parseRecoveryKey(text)).toBeUndefined();
});

test("a secret that another client stored is read with its key", async () => {
  for (const secret of ["", "EsTcLW2K", "ключ 🔑", "x".repeat(10_000)]) {
    const sealed = await encryptAESSecretStorageItem(secret, key, name);
    expect(await readSecret(data({ k1: sealed }), key, name)).toBe(secret);
    const unpadded = Object.fromEntries(Object.entries(sealed).map(([part, text]) => [part, text.replace(/=+$/, "")]));
    expect(await readSecret(data({ nonsense: 1, k1: unpadded }), key, name)).toBe(secret);
  }
});

test("there is none where none is stored", async () => {
  for (const content of [undefined, {}, { encrypted: {} }, { encrypted: [] }, []])
    expect(await readSecret(async () => content, key, name)).toBeUndefined();
});

test("another key, another name and changed bytes do not open it", async () => {
  const sealed = await encryptAESSecretStorageItem("secret", key, name);
  const refused = { kind: "reject", condition: "not-authorized" };
  await expect(readSecret(data({ k: sealed }), new Uint8Array(32), name)).rejects.toMatchObject(refused);
  await expect(readSecret(data({ k: sealed }), key, "m.cross_signing.master")).rejects.toMatchObject(refused);
  const changes = [
    { mac: sealed.ciphertext },
    { mac: "" },
    { iv: "AAAA" },
    { ciphertext: `AAAA${sealed.ciphertext}` },
    { ciphertext: 7 },
  ];
  for (const change of changes)
    await expect(readSecret(data({ k: { ...sealed, ...change } }), key, name)).rejects.toMatchObject(refused);
});
