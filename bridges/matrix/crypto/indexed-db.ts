// IndexedDB for the encryption library, kept in each account's Records.
//
// fake-indexeddb holds a database in memory; this layer writes every transaction through:
//   - all that a readwrite transaction did is collected and saved in one Records.save before `complete` is dispatched;
//   - a versionchange transaction saves schema and contents whole;
//   - when the save rejects, the transaction is undone in memory and aborts, and so does every later one: the library
//     itself remembers what it wanted to write, so it has to be opened again from what is on the disk.
// The order matters. Rust goes on when it sees `complete`: it hands out the ciphertext whose ratchet step it believes
// stored. A step that is lost afterwards would be taken again, with the same key for another text.
//
// crypto-wasm looks `indexedDB` up on globalThis, so one object there serves the process and routes by database name.
import * as fake from "fake-indexeddb";
import type { RecordChanges, Records } from "#bridge";
import {
  readDatabase,
  recordKey,
  recordPrefix,
  recordValue,
  type StoredDatabase,
  snapshot,
} from "./database-records.ts";
import type {
  Connection,
  Factory,
  OpenRequest,
  RawDatabase,
  RawStore,
  RollbackLog,
  Transaction,
} from "./indexed-db-types.ts";

/** What an account holds of its database. */
export interface Mounted {
  /** A save failed: nothing is written any more. */
  spoiled(): boolean;
  /** Waits for what is being saved and lets go of the memory. The connections must be closed. */
  unmount(): Promise<void>;
}

/** A database in memory with its account's Records behind it. */
interface Mount {
  readonly factory: Factory;
  readonly records: Records;
  /** What each running transaction wrote, by its undo log. */
  readonly journals: WeakMap<RollbackLog, Map<string, Uint8Array | undefined>>;
  readonly hooked: WeakSet<RawStore>;
  /** The place of each store in the schema, by name. */
  places: ReadonlyMap<string, number>;
  /** Saves on their way. */
  readonly saves: Set<Promise<unknown>>;
  /** Why nothing is saved any more. Unmounted: the account may be mounted anew. */
  stopped: "no" | "spoiled" | "unmounted";
}

/** The process's `indexedDB`: databases that accounts have mounted, and no other. */
export class AccountDatabases {
  readonly #mounts = new Map<string, Mount>();

  /**
   * Reads the database of an account into memory. `name` is the account's alone in this process. Records of a database
   * with another name are deleted: an account has one, and after a new login that is another device's.
   */
  async mount(name: string, records: Records): Promise<Mounted> {
    if (this.#mounts.has(name)) throw new Error(`the database ${name} is mounted already`);
    const factory = new fake.IDBFactory() as unknown as Factory;
    const mount: Mount = {
      factory,
      records,
      journals: new WeakMap(),
      hooked: new WeakSet(),
      places: new Map(),
      saves: new Set(),
      stopped: "no",
    };
    this.#mounts.set(name, mount);
    try {
      const found = await records.load(recordPrefix);
      const stored = readDatabase(found);
      if (stored?.name === name) await fill(factory, name, stored);
      else if (stored) await records.save(new Map([...found.keys()].map((key) => [key, undefined])));
    } catch (error) {
      this.#mounts.delete(name);
      throw error;
    }
    const unmount = async (): Promise<void> => {
      mount.stopped = "unmounted";
      await Promise.allSettled(mount.saves);
      if (this.#mounts.get(name) === mount) this.#mounts.delete(name);
    };
    return { spoiled: () => mount.stopped === "spoiled", unmount };
  }

  /** IDBFactory.open. */
  open(name: string, version?: number): OpenRequest {
    const mount = this.#mounts.get(name);
    if (!mount) throw new DOMException(`no account has mounted the database ${name}`, "UnknownError");
    const request = version === undefined ? mount.factory.open(name) : mount.factory.open(name, version);
    // Ours are the first listeners: the caller has not seen the request yet.
    request.addEventListener("upgradeneeded", () => {
      if (request.transaction)
        saveBeforeComplete(mount, request.transaction, () => wholeDatabase(mount, request.result));
    });
    request.addEventListener("success", () => writeThrough(mount, request.result));
    return request;
  }

  /** IDBFactory.deleteDatabase: the core deletes an account's Records, nobody deletes a database. */
  deleteDatabase(): never {
    throw new DOMException("databases of accounts are not deleted through IndexedDB", "NotAllowedError");
  }
}

/** What crypto-wasm looks up on globalThis. */
const interfaces = {
  IDBCursor: fake.IDBCursor,
  IDBCursorWithValue: fake.IDBCursorWithValue,
  IDBDatabase: fake.IDBDatabase,
  IDBFactory: fake.IDBFactory,
  IDBIndex: fake.IDBIndex,
  IDBKeyRange: fake.IDBKeyRange,
  IDBObjectStore: fake.IDBObjectStore,
  IDBOpenDBRequest: fake.IDBOpenDBRequest,
  IDBRequest: fake.IDBRequest,
  IDBTransaction: fake.IDBTransaction,
  IDBVersionChangeEvent: fake.IDBVersionChangeEvent,
};

/** The one of this process, made at the first call: Node has no IndexedDB of its own. */
export function accountDatabases(): AccountDatabases {
  const present: unknown = Reflect.get(globalThis, "indexedDB");
  if (present instanceof AccountDatabases) return present;
  if (present !== undefined) throw new Error("something else has put an indexedDB on globalThis");
  const databases = new AccountDatabases();
  Object.defineProperty(globalThis, "indexedDB", { value: databases, configurable: true });
  for (const [name, value] of Object.entries<unknown>(interfaces)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  return databases;
}

/** Makes the database in memory as it was stored. */
function fill(factory: Factory, name: string, stored: StoredDatabase): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, stored.version);
    request.addEventListener("upgradeneeded", () => {
      for (const { name: storeName, keyPath, indexes } of stored.stores) {
        const store = request.result.createObjectStore(storeName, { keyPath, autoIncrement: false });
        for (const { name: index, keyPath: path, unique, multiEntry } of indexes) {
          store.createIndex(index, path, { unique, multiEntry });
        }
      }
    });
    request.addEventListener("error", () => reject(request.error ?? new Error("the encryption store cannot be read")));
    request.addEventListener("success", () => {
      // Straight into the stores: a request for each record would cost a turn of the event loop each.
      for (const [storeName, content] of stored.contents) {
        const raw = request.result._rawDatabase.rawObjectStores.get(storeName);
        for (const record of content) raw?.storeRecord({ ...record }, true);
      }
      request.result.close();
      resolve();
    });
  });
}

async function wholeDatabase({ records }: Mount, { _rawDatabase }: Connection): Promise<RecordChanges> {
  return snapshot(_rawDatabase, (await records.load(recordPrefix)).keys());
}

/** From now on the transactions of this connection are saved. */
function writeThrough(mount: Mount, connection: Connection): void {
  collectWrites(mount, connection._rawDatabase);
  const { transaction } = connection;
  connection.transaction = (...args) => {
    const begun = transaction.apply(connection, args);
    if (begun.mode === "readwrite") {
      saveBeforeComplete(mount, begun, async () => mount.journals.get(begun._rollbackLog) ?? new Map());
    }
    return begun;
  };
}

/** Has the three methods that change a store note what they did, under the transaction that asked for it. */
function collectWrites(mount: Mount, database: RawDatabase): void {
  mount.places = new Map([...database.rawObjectStores.keys()].map((name, place) => [name, place]));
  for (const store of database.rawObjectStores.values()) {
    if (mount.hooked.has(store)) continue;
    mount.hooked.add(store);
    // Without a log the call undoes an earlier one, whose transaction is never saved.
    const note = (log: RollbackLog | undefined, key: unknown, value: Uint8Array | undefined) => {
      const place = mount.places.get(store.name);
      if (!log || place === undefined) return;
      const journal = mount.journals.get(log) ?? new Map<string, Uint8Array | undefined>();
      mount.journals.set(log, journal.set(recordKey(place, key), value));
    };
    const { storeRecord, deleteRecord, clear } = store;
    store.storeRecord = (record, noOverwrite, log) => {
      const key = storeRecord.call(store, record, noOverwrite, log);
      note(log, key, recordValue({ key, value: record.value }));
      return key;
    };
    store.deleteRecord = (keyOrRange, log) => {
      const range = keyOrRange instanceof fake.IDBKeyRange;
      const keys = range ? store.getAllKeys(keyOrRange) : [keyOrRange];
      deleteRecord.call(store, keyOrRange, log);
      for (const key of keys) note(log, key, undefined);
    };
    store.clear = (log) => {
      const keys = store.getAllKeys(undefined);
      clear.call(store, log);
      for (const key of keys) note(log, key, undefined);
    };
  }
}

/** Has the transaction save `changes` when its last request is done, and complete only when that is on disk. */
function saveBeforeComplete(mount: Mount, transaction: Transaction, changes: () => Promise<RecordChanges>): void {
  const { _start: proceed } = transaction;
  const save = async () => {
    const all = await changes();
    if (mount.stopped !== "no") throw new Error(`the encryption store is ${mount.stopped}`);
    try {
      if (all.size > 0) await mount.records.save(all);
    } catch (error) {
      if (mount.stopped === "no") mount.stopped = "spoiled";
      throw error;
    }
  };
  transaction._start = () => {
    const busy = transaction._requests.some(({ request }) => request.readyState !== "done");
    if (busy || transaction._state === "finished") return proceed.call(transaction);
    // As IDBTransaction.commit does: no request and no abort from here on; stores stay locked until it is finished.
    transaction._state = "committing";
    const saving = save();
    mount.saves.add(saving);
    void saving
      .finally(() => mount.saves.delete(saving))
      .then(
        () => proceed.call(transaction),
        () => transaction._abort("UnknownError"),
      )
      // A listener's own error: the transaction is finished all the same.
      .catch(() => undefined);
  };
}
