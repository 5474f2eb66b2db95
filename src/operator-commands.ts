// `viaduct BRIDGE WORD`: runs what a bridge offers to the operator, on the gateway's own configuration and database.
import { mkdirSync } from "node:fs";
import type { OperatorCommand, Records } from "#bridge";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { type Store, StoreError } from "./gateway/ports.ts";
import { databaseIn, storeProblems } from "./store/preflight.ts";
import { createVault, loadKey } from "./store/secrets.ts";
import { openSqlite } from "./store/sqlite.ts";
import { mountUrl } from "./web/mounts.ts";

/** Resolves with what to print. Rejects with a sentence for the operator. */
export async function runOperatorCommand(
  config: Config,
  bridge: string,
  command: OperatorCommand<unknown>,
): Promise<string> {
  const section = config.bridges.find(({ name }) => name === bridge);
  if (section === undefined) throw new Error(`the bridge ${bridge} is not configured: set bridges.${bridge}`);
  let store: Promise<Store> | undefined;
  const recordsOf = async (): Promise<Records> => (await (store ??= openStore(config))).records.of({ bridge });
  try {
    return await command.run({
      options: section.options,
      mounted: config.web && mountUrl(config.web.publicUrl, bridge),
      records: {
        load: async (prefix) => (await recordsOf()).load(prefix),
        save: async (changes) => (await recordsOf()).save(changes),
      },
    });
  } finally {
    // A store that could not be opened was the command's error already.
    await store?.then(
      (opened) => opened.close(),
      () => {},
    );
  }
}

async function openStore({ store }: Config): Promise<Store> {
  const problems = storeProblems(store);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  mkdirSync(store.path, { recursive: true, mode: 0o700 });
  try {
    return await openSqlite({ path: databaseIn(store), clock: systemClock, vault: createVault(loadKey(store.key)) });
  } catch (cause) {
    if (!(cause instanceof StoreError) || cause.kind !== "busy") throw cause;
    throw new Error(`the gateway is running on ${databaseIn(store)}: stop it for as long as this command takes`, {
      cause,
    });
  }
}
