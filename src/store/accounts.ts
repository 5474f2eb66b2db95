import type { Json } from "#bridge";
import type { AccountMode, AccountRecord, AccountStore } from "../gateway/ports.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";

const place = (id: number) => `account/${id}/credentials`;

/** Passwords tried at the start: one that was damaged on the disk must not stop everybody. */
const samples = 5;

/** Whether the key is the one these accounts were sealed with. True when nothing is sealed yet. */
export function keyFits({ db, build, vault }: Pick<StoreContext, "db" | "build" | "vault">): boolean {
  const sealed = statement(
    db,
    build
      .selectFrom("accounts")
      .select(["id", "credentials"])
      .where("credentials", "is not", null)
      .orderBy("id", "desc")
      .limit(samples),
  ).all();
  const opens = ({ id, credentials }: { id: number; credentials: Uint8Array | null }): boolean => {
    try {
      vault.open(place(id), credentials ?? new Uint8Array());
      return true;
    } catch {
      return false;
    }
  };
  return sealed.length === 0 || sealed.some(opens);
}

export function accountStore({ db, build, commits, clock, vault }: StoreContext): AccountStore {
  const columns = ["id", "user", "bridge", "mode", "self", "created_at"] as const;
  const all = statement(db, build.selectFrom("accounts").select(columns).orderBy("id"));
  const upsert = statement(
    db,
    build
      .insertInto("accounts")
      .values({
        user: param<string>("user"),
        bridge: param<string>("bridge"),
        mode: param<string>("mode"),
        self: param<string>("self"),
        created_at: param<number>("now"),
      })
      // A no-op update, so that RETURNING answers for the row that was there as well.
      .onConflict((conflict) =>
        conflict.columns(["bridge", "user", "mode", "self"]).doUpdateSet({ self: param<string>("self") }),
      )
      .returning(columns),
  );
  const seal = statement(
    db,
    build
      .updateTable("accounts")
      .set({ credentials: param<Uint8Array>("sealed") })
      .where("id", "=", param<number>("id")),
  );
  const secrets = statement(
    db,
    build.selectFrom("accounts").select("credentials").where("id", "=", param<number>("id")),
  );
  const begin = statement(
    db,
    build
      .updateTable("accounts")
      .set({ cursor: param<string>("cursor") })
      .where("id", "=", param<number>("id"))
      .where("cursor", "is", null),
  );
  const cursor = statement(db, build.selectFrom("accounts").select("cursor").where("id", "=", param<number>("id")));
  const remove = [
    build.deleteFrom("accounts").where("id", "=", param<number>("id")),
    build.deleteFrom("contacts").where("account", "=", param<number>("id")),
    build.deleteFrom("lane_rows").where("account", "=", param<number>("id")),
    build.deleteFrom("originals").where("account", "=", param<number>("id")),
    build.deleteFrom("message_ids").where("account", "=", param<number>("id")),
    build.deleteFrom("conversations").where("account", "=", param<number>("id")),
    build.deleteFrom("files").where("account", "=", param<number>("id")),
    ...(["rooms", "room_names", "participants", "occupants", "archive", "avatars"] as const).map((table) =>
      build.deleteFrom(table).where("account", "=", param<number>("id")),
    ),
    build.deleteFrom("reactions").where("account", "=", param<number>("id")),
    build.deleteFrom("records").where("account", "=", param<number>("id")),
  ].map((query) => statement(db, query));

  return {
    all: async () => all.all().map(toRecord),
    save: (account, credentials, first) =>
      commits.run(() => {
        const row = upsert.get({ ...account, now: clock.now() });
        if (row === undefined) throw new Error("an account was neither inserted nor found");
        if (credentials !== undefined) {
          seal.run({ id: row.id, sealed: vault.seal(place(row.id), JSON.stringify(credentials)) });
        }
        if (first !== undefined) begin.run({ id: row.id, cursor: JSON.stringify(first) });
        return toRecord(row);
      }),
    async credentials(id) {
      const sealed = secrets.get({ id })?.credentials;
      return sealed ? (JSON.parse(vault.open(place(id), sealed)) as Json) : undefined;
    },
    async cursor(id) {
      const text = cursor.get({ id })?.cursor;
      return text ? (JSON.parse(text) as Json) : undefined;
    },
    remove: (id) => commits.run(() => remove.forEach((query) => query.run({ id }))),
  };
}

function toRecord(row: {
  id: number;
  user: string;
  bridge: string;
  mode: string;
  self: string;
  created_at: number;
}): AccountRecord {
  return {
    id: row.id,
    user: row.user,
    bridge: row.bridge,
    mode: row.mode as AccountMode,
    self: row.self,
    createdAt: row.created_at,
  };
}
