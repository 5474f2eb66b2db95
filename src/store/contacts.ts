import type { ContactRecord, ContactStore } from "../gateway/ports.ts";
import { fromAvatar, toAvatar } from "./avatars.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";
import type { Tables } from "./tables.ts";

export function contactStore({ db, build, commits }: StoreContext): ContactStore {
  const of = build
    .selectFrom("contacts")
    .leftJoin("avatars", (join) =>
      join.onRef("avatars.account", "=", "contacts.account").onRef("avatars.id", "=", "contacts.avatar"),
    )
    .selectAll("contacts")
    .select("avatars.hash as picture")
    .where("contacts.account", "=", param<number>("account"));
  const get = statement(db, of.where("remote_id", "=", param<string>("id")));
  const page = statement(
    db,
    of.where("remote_id", ">", param<string>("after")).orderBy("remote_id").limit(param<number>("limit")),
  );
  const count = statement(
    db,
    build
      .selectFrom("contacts")
      .select((e) => e.fn.countAll<number>().as("n"))
      .where("account", "=", param<number>("account")),
  );
  const values = {
    name: param<string | null>("name"),
    subscribed: param<number>("subscribed"),
    introduced: param<number>("introduced"),
    named: param<number>("named"),
    avatar: param<string | null>("avatar"),
  };
  const save = statement(
    db,
    build
      .insertInto("contacts")
      .values({ account: param<number>("account"), remote_id: param<string>("id"), ...values })
      .onConflict((conflict) => conflict.columns(["account", "remote_id"]).doUpdateSet(values)),
  );

  const find = (account: number, id: string) => {
    const row = get.get({ account, id });
    return row && toRecord(row);
  };
  return {
    get: async (account, id) => find(account, id),
    change: (account, id, update) =>
      commits.run(() => {
        const contact = update(find(account, id));
        save.run({
          account: contact.account,
          id: contact.id,
          name: contact.name ?? null,
          subscribed: contact.subscribed ? 1 : 0,
          introduced: contact.introduced ? 1 : 0,
          named: contact.named ? 1 : 0,
          avatar: fromAvatar(contact.avatar),
        });
        // With the picture of what is the avatar now.
        return find(account, id) ?? contact;
      }),
    page: async (account, after, limit) => page.all({ account, after, limit }).map(toRecord),
    count: async (account) => count.get({ account })?.n ?? 0,
    knownBy: async (accounts, id) => accounts.filter((account) => find(account, id) !== undefined),
  };
}

function toRecord(row: Tables["contacts"] & { picture: string | null }): ContactRecord {
  return {
    account: row.account,
    id: row.remote_id,
    name: row.name ?? undefined,
    subscribed: row.subscribed !== 0,
    introduced: row.introduced !== 0,
    ...(row.named === 0 ? {} : { named: true }),
    avatar: toAvatar(row.avatar),
    picture: row.picture ?? undefined,
  };
}
