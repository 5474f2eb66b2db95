// How an IndexedDB database lies in an account's Records: one record for the schema, one for each object.
//   crypto/schema            { name, version, stores }
//   crypto/<store>/<digest>  [key, value]; <store> counts the stores in the schema, <digest> is of the key
// Keys go through a digest because others choose their length: a device id alone may have more than a Records key holds.
import { createHash } from "node:crypto";
import { deserialize, serialize } from "node:v8";
import type { RecordChanges, Records } from "#bridge";
import type { RawDatabase, RawIndex, RawRecord, RawStore } from "./indexed-db-types.ts";

/** Everything of the encryption store is below this. */
export const recordPrefix = "crypto/";
/** There as soon as anything is. */
export const schemaKey = `${recordPrefix}schema`;

/** Whether the account has ever started its encryption. */
export async function hasCrypto(records: Pick<Records, "load">): Promise<boolean> {
  return (await records.load(schemaKey)).size > 0;
}

export interface StoreSchema {
  readonly name: string;
  readonly keyPath: string | string[] | null;
  readonly indexes: readonly RawIndex[];
}

interface Schema {
  /** Of the database: it names the device whose keys these are. */
  readonly name: string;
  readonly version: number;
  readonly stores: readonly StoreSchema[];
}

/** A database as it was read back. */
export interface StoredDatabase extends Schema {
  /** By the name of the store. */
  readonly contents: ReadonlyMap<string, readonly RawRecord[]>;
}

/** Where an object is kept. `store` is its place among the stores of the schema. */
export function recordKey(store: number, key: unknown): string {
  // 144 bits: nobody can look for two keys with one digest.
  const digest = createHash("sha256").update(serialize(key)).digest().subarray(0, 18).toString("base64url");
  return `${recordPrefix}${store.toString(36)}/${digest}`;
}

export function recordValue(record: RawRecord): Uint8Array {
  return serialize([record.key, record.value]);
}

/** All of a database, as the changes that turn `existing` into it. */
export function snapshot(database: RawDatabase, existing: Iterable<string>): RecordChanges {
  const changes = new Map<string, Uint8Array | undefined>();
  for (const key of existing) changes.set(key, undefined);
  const stores = [...database.rawObjectStores.values()];
  const schema: Schema = { name: database.name, version: database.version, stores: stores.map(schemaOf) };
  changes.set(schemaKey, serialize(schema));
  for (const [place, store] of stores.entries()) {
    for (const record of store.records.values()) changes.set(recordKey(place, record.key), recordValue(record));
  }
  return changes;
}

function schemaOf(store: RawStore): StoreSchema {
  // A key generator has a counter of its own, which no record shows. The encryption store has none.
  if (store.autoIncrement) throw new Error(`the store ${store.name} has a key generator, which is not kept`);
  const indexes = [...store.rawIndexes.values()].map(({ name, keyPath, unique, multiEntry }) => ({
    name,
    keyPath,
    unique,
    multiEntry,
  }));
  return { name: store.name, keyPath: store.keyPath, indexes };
}

/** Undefined when there is none yet. Records are our own, sealed by the core: what does not parse is a defect and throws. */
export function readDatabase(records: ReadonlyMap<string, Uint8Array>): StoredDatabase | undefined {
  const head = records.get(schemaKey);
  if (!head) {
    if (records.size > 0) throw new Error("the encryption store has records but no schema");
    return undefined;
  }
  const { name: database, version, stores } = deserialize(head) as Schema;
  const contents = stores.map((): RawRecord[] => []);
  for (const [name, bytes] of records) {
    if (name === schemaKey) continue;
    const content = contents[Number.parseInt(name.slice(recordPrefix.length), 36)];
    if (!content) throw new Error("a record of the encryption store belongs to no store");
    const [key, value] = deserialize(bytes) as [unknown, unknown];
    content.push({ key, value });
  }
  return {
    name: database,
    version,
    stores,
    contents: new Map(stores.map((store, place) => [store.name, contents[place] ?? []])),
  };
}
