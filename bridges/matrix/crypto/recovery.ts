// Verification by recovery key: the account's secrets from the server's secret storage (Client-Server API, "Secrets",
// "Cross-signing"). The recovery key is used once and not kept.
import { BridgeError } from "#bridge";
import { absentIsUndefined, type KeyBackup } from "./key-backup.ts";
import type { OutgoingRequests, ServerRequest } from "./outgoing-requests.ts";
import { type AccountData, decodeKey, readSecret } from "./secret-storage.ts";
import type { CryptoWasm, Wasm } from "./wasm.ts";

interface RecoveryDeps {
  readonly wasm: CryptoWasm;
  readonly machine: Wasm.OlmMachine;
  readonly requests: OutgoingRequests;
  readonly request: ServerRequest;
  readonly backup: KeyBackup;
}

/** What came of it. */
export interface Recovered {
  /** Old messages become readable as they are asked for. False: the account has no key backup. */
  readonly backup: boolean;
  /** How many sessions the backup can open. */
  readonly sessions: number;
}

/**
 * Verifies this device with the account's recovery key and opens its key backup.
 * Throws BridgeError: `reject` with a sentence for the user (no recovery key, the wrong one, nothing set up), `retry`.
 */
export async function recover(deps: RecoveryDeps, recoveryKey: string): Promise<Recovered> {
  const { wasm, machine, requests, request } = deps;
  const key = decodeKey(recoveryKey);
  const user = machine.userId.toString();
  const accountData: AccountData = (type) =>
    absentIsUndefined(request("GET", ["v3", "user", user, "account_data", type]));
  // Without the public keys the library takes no private ones.
  await requests.send(machine.queryKeysForUsers([new wasm.UserId(user)]));
  const master = await readSecret(accountData, key, "m.cross_signing.master");
  const selfSigning = await readSecret(accountData, key, "m.cross_signing.self_signing");
  const userSigning = await readSecret(accountData, key, "m.cross_signing.user_signing");
  const backupKey = await readSecret(accountData, key, "m.megolm_backup.v1");
  if (master === undefined || selfSigning === undefined || userSigning === undefined) throw nothingStored();
  const status = await machine.importCrossSigningKeys(master, selfSigning, userSigning);
  if (!status.hasMaster || !status.hasSelfSigning || !status.hasUserSigning) {
    throw new BridgeError("reject", "The keys behind this recovery key are not those that the account uses now.");
  }
  const device = await machine.getDevice(new wasm.UserId(user), machine.deviceId);
  if (!device) throw new BridgeError("retry", "The Matrix server does not know this gateway's device yet.");
  await requests.send(await device.verify());
  const sessions = backupKey === undefined ? undefined : await deps.backup.open(backupKey);
  return { backup: sessions !== undefined, sessions: sessions ?? 0 };
}

const nothingStored = (): BridgeError =>
  new BridgeError("reject", "This account has no recovery set up: turn it on in another Matrix client first.", {
    condition: "item-not-found",
  });
