// IndexedDB as a program uses it, in the few words that the tests of the store need. (Node's types have none.)
import type { AccountDatabases } from "../../../../bridges/matrix/crypto/indexed-db.ts";

export interface TestRequest<T> {
  readonly result: T;
  onsuccess: ((event: { target: TestRequest<T> }) => void) | null;
  onerror: ((event: Event) => void) | null;
}

export interface TestCursor {
  readonly key: unknown;
  update(value: unknown): void;
  delete(): void;
  continue(): void;
}

interface Readable {
  get(key: unknown): TestRequest<unknown>;
  getAll(key?: unknown): TestRequest<unknown[]>;
  getAllKeys(): TestRequest<unknown[]>;
  count(): TestRequest<number>;
  openCursor(): TestRequest<TestCursor | null>;
}

export interface TestStore extends Readable {
  put(value: unknown, key?: unknown): TestRequest<unknown>;
  delete(key: unknown): TestRequest<undefined>;
  clear(): TestRequest<undefined>;
  index(name: string): Readable;
  createIndex(name: string, keyPath: string, options: { unique: boolean }): void;
}

export interface TestTransaction extends EventTarget {
  readonly error: DOMException | null;
  objectStore(name: string): TestStore;
  abort(): void;
}

export interface TestDatabase {
  readonly version: number;
  transaction(stores: string | string[], mode: "readonly" | "readwrite"): TestTransaction;
  createObjectStore(name: string, options?: { keyPath: string }): TestStore;
  deleteObjectStore(name: string): void;
  close(): void;
}

export function openDatabase(
  databases: AccountDatabases,
  name: string,
  version: number,
  upgrade: (database: TestDatabase) => void,
): Promise<TestDatabase> {
  return new Promise((resolve, reject) => {
    const request = databases.open(name, version);
    const database = () => request.result as unknown as TestDatabase;
    request.addEventListener("upgradeneeded", () => upgrade(database()));
    request.addEventListener("success", () => resolve(database()));
    request.addEventListener("error", () => reject(request.error ?? new Error("not opened")));
  });
}

/** Resolves with `complete`, rejects with `abort`. */
export function done(transaction: TestTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.addEventListener("complete", () => resolve());
    transaction.addEventListener("abort", () => reject(transaction.error ?? new Error("aborted")));
  });
}

/** Resolves with the name of the error of `abort`, rejects with `complete`. */
export function failed(transaction: TestTransaction): Promise<string> {
  return new Promise((resolve, reject) => {
    transaction.addEventListener("abort", () => resolve(transaction.error?.name ?? "no error"));
    transaction.addEventListener("complete", () => reject(new Error("it completed")));
  });
}
