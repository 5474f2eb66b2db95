// Reading secrets that the user's other clients stored on the server (Client-Server API, "Secrets"), with the recovery
// key. Nothing is written.
import { decodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/recovery-key.js";
import decryptAESSecretStorageItem from "matrix-js-sdk/lib/utils/decryptAESSecretStorageItem.js";
import { BridgeError } from "#bridge";
import { entriesOf, objectAt, textAt } from "../json.ts";

export type SecretName =
  | "m.cross_signing.master"
  | "m.cross_signing.self_signing"
  | "m.cross_signing.user_signing"
  | "m.megolm_backup.v1";

/** The content of one kind of the user's global account data; undefined when there is none. */
export type AccountData = (type: string) => Promise<unknown>;

/** A secret is encrypted once for each key of the account, which has one or two. */
const mostKeys = 10;

/** A recovery key has 48 characters; decoding takes time by the square of the length. */
const longestKey = 64;

/** The bytes of a recovery key as people write it. Throws BridgeError `reject`. */
export function decodeKey(recoveryKey: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(decodeRecoveryKey(recoveryKey.replace(/\s/g, "").slice(0, longestKey)));
  } catch (cause) {
    throw new BridgeError("reject", "That is not a recovery key: it has twelve groups of four letters and digits.", {
      condition: "bad-request",
      cause,
    });
  }
}

/**
 * Undefined when the account has no such secret. Throws BridgeError `reject` when this key does not open it. All secrets
 * are sealed by m.secret_storage.v1.aes-hmac-sha2, whose MAC tells a wrong key: the key's own description is not needed.
 */
export async function readSecret(
  accountData: AccountData,
  key: Uint8Array<ArrayBuffer>,
  name: SecretName,
): Promise<string | undefined> {
  const encrypted = entriesOf(objectAt(await accountData(name), "encrypted"));
  if (encrypted.size === 0) return undefined;
  let cause: unknown;
  for (const sealed of [...encrypted.values()].slice(0, mostKeys)) {
    const [iv, ciphertext, mac] = [textAt(sealed, "iv"), textAt(sealed, "ciphertext"), textAt(sealed, "mac")];
    if (iv === undefined || ciphertext === undefined || mac === undefined) continue;
    try {
      return await decryptAESSecretStorageItem({ iv, ciphertext, mac }, key, name);
    } catch (error) {
      cause = error;
    }
  }
  throw new BridgeError("reject", "That is not the recovery key of this account.", {
    condition: "not-authorized",
    cause,
  });
}
