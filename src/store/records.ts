import type { RecordChanges } from "#bridge";
import type { RecordOwner, RecordStore } from "../gateway/ports.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";

const longestKey = 1_000;

const columns = (owner: RecordOwner) =>
  typeof owner === "number" ? { account: owner, service: "" } : { account: 0, service: owner.bridge };

/** Seals and writes, for commits of other files. */
export function recordWrites({ db, build, vault }: StoreContext) {
  const of = {
    account: param<number>("account"),
    service: param<string>("service"),
    key: param<string>("key"),
  };
  const upsert = statement(
    db,
    build
      .insertInto("records")
      .values({ ...of, value: param<Uint8Array>("value") })
      .onConflict((conflict) =>
        conflict.columns(["account", "service", "key"]).doUpdateSet({ value: (e) => e.ref("excluded.value") }),
      ),
  );
  const remove = statement(
    db,
    build
      .deleteFrom("records")
      .where("account", "=", of.account)
      .where("service", "=", of.service)
      .where("key", "=", of.key),
  );
  return (owner: RecordOwner, changes: RecordChanges): void => {
    for (const [key, value] of changes) {
      if (key.length > longestKey) throw new RangeError(`a record's key has more than ${longestKey} characters`);
      const place = { ...columns(owner), key };
      if (value === undefined) remove.run(place);
      else upsert.run({ ...place, value: vault.sealBytes(placeOf(owner, key), value) });
    }
  };
}

export function recordStore(context: StoreContext): RecordStore {
  const { db, build, commits, vault } = context;
  const write = recordWrites(context);
  const exists = statement(db, build.selectFrom("accounts").select("id").where("id", "=", param<number>("account")));
  const range = statement(
    db,
    build
      .selectFrom("records")
      .select(["key", "value"])
      .where("account", "=", param<number>("account"))
      .where("service", "=", param<string>("service"))
      .where("key", ">=", param<string>("from"))
      .where("key", "<", param<string>("until"))
      .orderBy("key"),
  );
  return {
    of: (owner) => ({
      async load(prefix) {
        // SQLite compares text by its UTF-8 bytes; no key holds U+10FFFF.
        const rows = range.all({ ...columns(owner), from: prefix, until: `${prefix}\u{10ffff}` });
        return new Map(rows.map(({ key, value }) => [key, vault.openBytes(placeOf(owner, key), value)]));
      },
      save: (changes) =>
        commits.run(() => {
          // The account was removed meanwhile, and its data must not come back (security.md S-09).
          if (typeof owner === "number" && exists.get({ account: owner }) === undefined) return;
          write(owner, changes);
        }),
    }),
  };
}

const placeOf = (owner: RecordOwner, key: string) =>
  typeof owner === "number" ? `account/${owner}/records/${key}` : `service/${owner.bridge}/records/${key}`;
