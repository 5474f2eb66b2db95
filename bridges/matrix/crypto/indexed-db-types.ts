// The parts of fake-indexeddb that the write-through touches. Its own types need the DOM library, and they leave out the
// raw stores. The version is pinned: what is named Raw here, and every name with an underscore, is internal to 6.2.8.

/** One record of an object store: the key as IndexedDB orders it, the value as it was cloned in. */
export interface RawRecord {
  readonly key: unknown;
  readonly value: unknown;
}

/** A transaction's undo log. Operations carry it, undoing does not: it tells which transaction writes. */
export type RollbackLog = (() => void)[];

export interface RawIndex {
  readonly name: string;
  readonly keyPath: string | string[];
  readonly unique: boolean;
  readonly multiEntry: boolean;
}

/** lib/ObjectStore: every write of objects and cursors comes through these three methods. */
export interface RawStore {
  readonly name: string;
  readonly keyPath: string | string[] | null;
  readonly autoIncrement: boolean;
  readonly rawIndexes: ReadonlyMap<string, RawIndex>;
  readonly records: { values(): Iterable<RawRecord> };
  getAllKeys(range: unknown): unknown[];
  storeRecord(record: { key: unknown; value: unknown }, noOverwrite: boolean, log?: RollbackLog): unknown;
  deleteRecord(keyOrRange: unknown, log?: RollbackLog): void;
  clear(log?: RollbackLog): void;
}

export interface RawDatabase {
  readonly name: string;
  readonly version: number;
  readonly rawObjectStores: ReadonlyMap<string, RawStore>;
}

export interface Transaction extends EventTarget {
  readonly mode: "readonly" | "readwrite" | "versionchange";
  readonly db: Connection;
  readonly _rollbackLog: RollbackLog;
  readonly _requests: readonly { readonly request: { readonly readyState: string } }[];
  _state: "active" | "inactive" | "committing" | "finished";
  /** Runs the next request; with none left it completes the transaction. */
  _start(): void;
  /** Undoes everything and dispatches `abort` with a DOMException of that name. */
  _abort(errorName: string): void;
}

export interface ObjectStore {
  createIndex(name: string, keyPath: string | string[], options: { unique: boolean; multiEntry: boolean }): unknown;
}

export interface Connection {
  readonly _rawDatabase: RawDatabase;
  transaction(stores: unknown, mode?: string, options?: unknown): Transaction;
  createObjectStore(name: string, options: { keyPath: string | string[] | null; autoIncrement: boolean }): ObjectStore;
  close(): void;
}

export interface OpenRequest extends EventTarget {
  readonly result: Connection;
  readonly error: Error | null;
  readonly transaction: Transaction | null;
}

/** What the rest of the process sees as `indexedDB`. */
export interface Factory {
  open(name: string, version?: number): OpenRequest;
  deleteDatabase(name: string): EventTarget;
  cmp(first: unknown, second: unknown): number;
  databases(): Promise<{ name: string; version: number }[]>;
}
