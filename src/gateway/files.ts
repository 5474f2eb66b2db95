// Files of messages, read through the session of the account they came to.
import { BridgeError, type LiveSession } from "#bridge";
import type { AccountId, FileReader, FileStore } from "./ports.ts";

export interface FileReaderOptions {
  readonly store: FileStore;
  /** Undefined while the account is not connected. */
  readonly sessionOf: (account: AccountId) => LiveSession | undefined;
}

export function createFileReader({ store, sessionOf }: FileReaderOptions): FileReader {
  return {
    async open(key, position, range, signal) {
      const file = await store.get(key, position);
      if (file === undefined) return undefined;
      const session = sessionOf(file.account);
      if (session === undefined) throw new BridgeError("retry", "The account of this file is not connected.");
      if (session.openFile === undefined) return undefined;
      return { name: file.name, content: await session.openFile(file.source, range, signal) };
    },
  };
}
