// Reading secrets that the user's other clients stored on the server (Client-Server API, "Secrets"), with the recovery
// key. Nothing is written.
import { createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { BridgeError } from "#bridge";
import { entriesOf, objectAt, textAt } from "../json.ts";
import { parseRecoveryKey } from "./recovery-key.ts";

export type SecretName =
  | "m.cross_signing.master"
  | "m.cross_signing.self_signing"
  | "m.cross_signing.user_signing"
  | "m.megolm_backup.v1";

/** The content of one kind of the user's global account data; undefined when there is none. */
export type AccountData = (type: string) => Promise<unknown>;

/** A secret is encrypted once for each key of the account, which has one or two. */
const mostKeys = 10;

/** The bytes of a recovery key as people write it. Throws BridgeError `reject`. */
export function decodeKey(recoveryKey: string): Uint8Array {
  const key = parseRecoveryKey(recoveryKey);
  if (key !== undefined) return key;
  throw new BridgeError("reject", "That is not a recovery key: it has twelve groups of four letters and digits.", {
    condition: "bad-request",
  });
}

/**
 * Undefined when the account has no such secret. Throws BridgeError `reject` when this key does not open it. All secrets
 * are sealed by m.secret_storage.v1.aes-hmac-sha2, whose MAC tells a wrong key: the key's own description is not needed.
 */
export async function readSecret(
  accountData: AccountData,
  key: Uint8Array,
  name: SecretName,
): Promise<string | undefined> {
  const encrypted = entriesOf(objectAt(await accountData(name), "encrypted"));
  if (encrypted.size === 0) return undefined;
  for (const sealed of [...encrypted.values()].slice(0, mostKeys)) {
    const secret = openSecret(sealed, key, name);
    if (secret !== undefined) return secret;
  }
  throw new BridgeError("reject", "That is not the recovery key of this account.", { condition: "not-authorized" });
}

/** "m.secret_storage.v1.aes-hmac-sha2". Undefined when this key does not open it. */
function openSecret(sealed: unknown, key: Uint8Array, name: SecretName): string | undefined {
  const [iv, ciphertext, mac] = ["iv", "ciphertext", "mac"].map((part) => bytesAt(sealed, part));
  if (iv?.length !== 16 || ciphertext === undefined || mac?.length !== 32) return undefined;
  const keys = Buffer.from(hkdfSync("sha256", key, new Uint8Array(8), name, 64));
  const expected = createHmac("sha256", keys.subarray(32)).update(ciphertext).digest();
  if (!timingSafeEqual(mac, expected)) return undefined;
  const cipher = createDecipheriv("aes-256-ctr", keys.subarray(0, 32), iv);
  return Buffer.concat([cipher.update(ciphertext), cipher.final()]).toString();
}

/** Base64, with or without padding. */
function bytesAt(json: unknown, key: string): Buffer | undefined {
  const text = textAt(json, key);
  return text === undefined ? undefined : Buffer.from(text, "base64");
}
