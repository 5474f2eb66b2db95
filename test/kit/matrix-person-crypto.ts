// A person's keys: cross-signing, secret storage and key backup (Client-Server API, "End-to-End Encryption", "Secrets").
import { type MatrixClient, Method } from "matrix-js-sdk";
import { type CryptoApi, type CryptoCallbacks, decodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/index.js";

/** Hands out the recovery key, given or just made, whenever the client asks for it. */
export function createKeyring(recoveryKey: string | undefined): CryptoCallbacks {
  let key = recoveryKey === undefined ? undefined : decodeRecoveryKey(recoveryKey);
  return {
    getSecretStorageKey: ({ keys }) => {
      const [id] = Object.keys(keys);
      return Promise.resolve(id === undefined || key === undefined ? null : [id, key]);
    },
    cacheSecretStorageKey: (_id, _info, made) => {
      key = made;
    },
  };
}

/** For the first device of an account. Resolves with the recovery key. */
export async function setUpRecovery(client: MatrixClient): Promise<string> {
  const crypto = cryptoOf(client);
  const key = await crypto.createRecoveryKeyFromPassphrase();
  // The first keys of an account are taken without another look at the password.
  await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: (upload) => upload(null) });
  await crypto.bootstrapSecretStorage({
    createSecretStorageKey: () => Promise.resolve(key),
    setupNewSecretStorage: true,
    setupNewKeyBackup: true,
  });
  if (key.encodedPrivateKey === undefined) throw new Error("the recovery key has no text");
  return key.encodedPrivateKey;
}

export async function backedUpKeys(client: MatrixClient): Promise<number> {
  // Not from the SDK's own state: that was read once, when the backup was made.
  const { count } = await client.http.authedRequest<{ count: number }>(Method.Get, "/room_keys/version");
  return count;
}

/** For another device: verifies it and fetches the keys of the rooms from the backup. */
export async function recoverKeys(client: MatrixClient): Promise<void> {
  const crypto = cryptoOf(client);
  // Without this look at the server the next step finds no keys to import.
  await crypto.userHasCrossSigningKeys(client.getSafeUserId(), true);
  await crypto.bootstrapCrossSigning({});
  await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
  await crypto.checkKeyBackupAndEnable();
  await crypto.restoreKeyBackup();
}

function cryptoOf(client: MatrixClient): CryptoApi {
  const crypto = client.getCrypto();
  if (!crypto) throw new Error(`${client.getUserId()} has no encryption: connect with { crypto: true }`);
  return crypto;
}
