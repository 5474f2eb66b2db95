// Pictures by the avatars of each account: they go with it (security.md S-09).
import { sql } from "kysely";
import type { AvatarStore } from "../gateway/ports.ts";
import type { RoomReads } from "../gateway/room-ports.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";

const day = 86_400_000;
/** Milliseconds after which the network is asked again: for what it gave, and for what it did not have. */
const kept = 90 * day;
const keptNothing = day;

/** How an avatar stands in a column: empty for one that was taken away. */
export const toAvatar = (text: string | null): string | null | undefined => (text === null ? undefined : text || null);
export const fromAvatar = (avatar: string | null | undefined): string | null =>
  avatar === null ? "" : (avatar ?? null);

export function avatarStore({ db, build, commits, clock }: StoreContext): AvatarStore {
  const of = { account: param<number>("account"), id: param<string>("id") };
  const find = statement(
    db,
    build.selectFrom("avatars").select("bytes").where("account", "=", of.account).where("id", "=", of.id),
  );
  const exists = statement(db, build.selectFrom("accounts").select("id").where("id", "=", of.account));
  const values = {
    hash: param<string | null>("hash"),
    bytes: param<Uint8Array | null>("bytes"),
    size: param<number>("size"),
    read_at: param<number>("now"),
  };
  const save = statement(
    db,
    build
      .insertInto("avatars")
      .values({ ...of, ...values })
      .onConflict((conflict) => conflict.columns(["account", "id"]).doUpdateSet(values)),
  );
  return {
    find: async (account, id) => find.get({ account, id })?.bytes,
    save: (account, id, picture) =>
      commits.run(() => {
        // The account was removed meanwhile, and its data must not come back (security.md S-09).
        if (exists.get({ account }) === undefined) return;
        const { hash = null, bytes = null } = picture ?? {};
        save.run({ account, id, hash, bytes, size: bytes?.length ?? 0, now: clock.now() });
      }),
  };
}

/** For looks at rooms. */
export function pictureHashes({ db, build }: StoreContext): Pick<RoomReads, "pictureHash"> {
  const find = statement(
    db,
    build
      .selectFrom("avatars")
      .select("hash")
      .where("account", "=", param<number>("account"))
      .where("id", "=", param<string>("avatar")),
  );
  return { pictureHash: (account, avatar) => find.get({ account, avatar })?.hash };
}

/**
 * Forgets what is old and the oldest of what is too much: it is read again when somebody sees it. Returns how much of each,
 * at most `limit`.
 */
export function avatarPruner({ db, build, clock, pictureBytes }: StoreContext): (limit: number) => readonly number[] {
  const rows = build
    .selectFrom("avatars")
    .select(["account", "id", "size"])
    .orderBy("read_at")
    .limit(param<number>("limit"));
  const old = statement(db, rows.where("read_at", "<", param<number>("before")));
  const nothing = statement(db, rows.where("hash", "is", null).where("read_at", "<", param<number>("before")));
  const oldest = statement(db, rows);
  const total = statement(db, build.selectFrom("avatars").select(sql<number>`coalesce(sum(size), 0)`.as("bytes")));
  const remove = statement(
    db,
    build.deleteFrom("avatars").where("account", "=", param<number>("account")).where("id", "=", param<string>("id")),
  );
  const forget = (list: readonly { readonly account: number; readonly id: string }[]): number => {
    for (const { account, id } of list) remove.run({ account, id });
    return list.length;
  };
  return (limit) => {
    const now = clock.now();
    const gone = forget(old.all({ before: now - kept, limit }));
    const empty = forget(nothing.all({ before: now - keptNothing, limit }));
    let tooMuch = (total.get({})?.bytes ?? 0) - pictureBytes;
    const crowded = (tooMuch > 0 ? oldest.all({ limit }) : []).filter(({ size }) => {
      const isOver = tooMuch > 0;
      tooMuch -= size;
      return isOver;
    });
    return [gone, empty, forget(crowded)];
  };
}
