import type { IncomingAttachment, Json } from "#bridge";
import type { FileRecord, FileStore } from "../gateway/ports.ts";
import { linkedFiles, thumbnailOf } from "../gateway/web-ports.ts";
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";

const place = (key: string, position: number) => `files/${key}/${position}`;

/** The writes, for commits of other files. */
export function fileWrites({ db, build, vault, fileLifetime }: StoreContext) {
  const insert = statement(
    db,
    build
      .insertInto("files")
      .values({
        key: param<string>("key"),
        position: param<number>("position"),
        account: param<number>("account"),
        name: param<string>("name"),
        source: param<Uint8Array>("source"),
        expires_at: param<number>("expiresAt"),
        original: param<number | null>("original"),
      })
      .onConflict((conflict) =>
        conflict.columns(["key", "position"]).doUpdateSet({
          source: (e) => e.ref("excluded.source"),
          expires_at: (e) => e.ref("excluded.expires_at"),
          original: (e) => e.ref("excluded.original"),
        }),
      ),
  );
  return {
    /**
     * Keeps what the attachments of a row, or of an entry of an archive, can be read with. Nothing without links.
     * `original`: the intake row whose bytes they lie in.
     */
    keep(
      account: number,
      key: string,
      attachments: readonly IncomingAttachment[],
      now: number,
      original: number | null = null,
    ): void {
      if (fileLifetime === undefined) return;
      const expiresAt = now + fileLifetime;
      const write = (position: number, name: string, source: Json | undefined) => {
        if (source === undefined) return;
        const sealed = vault.seal(place(key, position), JSON.stringify(source));
        insert.run({ key, position, account, name, source: sealed, expiresAt, original });
      };
      for (const [position, { name, source, thumbnail }] of attachments.slice(0, linkedFiles).entries()) {
        write(position, name, source);
        write(thumbnailOf(position), name, thumbnail?.source);
      }
    },
  };
}

export function fileStore({ db, build, vault, clock }: StoreContext): FileStore {
  const select = statement(
    db,
    build
      .selectFrom("files")
      .select(["account", "name", "source", "original"])
      .where("key", "=", param<string>("key"))
      .where("position", "=", param<number>("position"))
      .where("expires_at", ">=", param<number>("now")),
  );
  return {
    async get(key, position): Promise<FileRecord | undefined> {
      const row = select.get({ key, position, now: clock.now() });
      if (row === undefined) return undefined;
      const source = JSON.parse(vault.open(place(key, position), row.source)) as Json;
      return { account: row.account, name: row.name, source, original: row.original ?? undefined };
    },
  };
}
