// Files of messages: read through the session of the account they came to, or out of the bytes that they came in.
import { BridgeError, type FileContent, type FileRange, type Json, type LiveSession, type StoredFile } from "#bridge";
import type { LaneStore } from "./lane-ports.ts";
import type { AccountId, FileStore } from "./ports.ts";
import type { FileReader } from "./web-ports.ts";

export interface FileReaderOptions {
  readonly store: FileStore;
  /** The bytes of an intake row, while they are kept. */
  readonly raw: LaneStore["raw"];
  /** Undefined when there is no such file in the bytes, or the account is gone. */
  readonly fileIn: (account: AccountId, raw: Uint8Array, source: Json) => Promise<StoredFile | undefined>;
  /** Undefined while the account is not connected. */
  readonly sessionOf: (account: AccountId) => LiveSession | undefined;
}

export function createFileReader({ store, raw, fileIn, sessionOf }: FileReaderOptions): FileReader {
  return {
    async open(key, position, range, signal) {
      const file = await store.get(key, position);
      if (file === undefined) return undefined;
      const { name, account, source } = file;
      if (file.original !== undefined) {
        const bytes = await raw(file.original);
        const stored = bytes && (await fileIn(account, bytes, source));
        return stored && { name, content: contentOf(stored, range) };
      }
      const session = sessionOf(account);
      if (session === undefined) throw new BridgeError("retry", "The account of this file is not connected.");
      if (session.openFile === undefined) return undefined;
      return { name, content: await session.openFile(source, range, signal) };
    },
  };
}

/** So much is handed to a reader at a time. */
const piece = 64 * 1024;

function contentOf({ type, bytes }: StoredFile, range: FileRange | undefined): FileContent {
  const size = bytes.length;
  if (range === undefined || range.start >= size) return { type, size, body: streamOf(bytes) };
  const end = Math.min(range.end ?? size - 1, size - 1);
  return { type, size, range: { start: range.start, end }, body: streamOf(bytes.subarray(range.start, end + 1)) };
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.subarray(at, (at += piece)));
      else controller.close();
    },
  });
}
