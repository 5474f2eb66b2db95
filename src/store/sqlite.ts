// SQLite behind the Store port: one writer, WAL, an fsync per commit, group commit.
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { Kysely, SqliteDialect } from "kysely";
import { Migrator } from "kysely/migration";
import { type Clock, type Store, StoreError } from "../gateway/ports.ts";
import { accountStore, keyFits } from "./accounts.ts";
import { avatarStore } from "./avatars.ts";
import { contactStore } from "./contacts.ts";
import { fileStore } from "./files.ts";
import { type CommitPoint, GroupCommit } from "./group-commit.ts";
import { laneStore } from "./lanes.ts";
import { messageStore } from "./messages.ts";
import { reactionStore } from "./reactions.ts";
import { recordStore } from "./records.ts";
import { roomStore, roomTables } from "./rooms.ts";
import { migrations } from "./migrations/index.ts";
import { pruner } from "./prune.ts";
import type { Vault } from "./secrets.ts";
import type { Tables } from "./tables.ts";
import { openWalSync } from "./wal-sync.ts";

/** What every query file gets. */
export interface StoreContext {
  readonly db: DatabaseSync;
  /** Builds SQL; runs none. */
  readonly build: Kysely<Tables>;
  readonly commits: GroupCommit;
  readonly clock: Clock;
  readonly vault: Vault;
  /** Throws StoreError `full` when nothing new may be taken. */
  readonly admit: () => void;
  /** Milliseconds that files of messages are kept readable; undefined: not at all. */
  readonly fileLifetime: number | undefined;
  /** Bytes of pictures that are kept. */
  readonly pictureBytes: number;
}

export interface SqliteOptions {
  /** ":memory:" for tests. */
  readonly path: string;
  readonly clock: Clock;
  readonly vault: Vault;
  /** Called around each COMMIT and after each fsync. */
  readonly onCommit?: (point: CommitPoint) => void;
  /** The disk lost a write: end the process. */
  readonly onBroken?: (error: StoreError) => void;
  /** False while there is too little disk for anything new. */
  readonly writable?: () => boolean;
  /** Milliseconds that a link to a file of a message works. Left out: nothing is kept for links. */
  readonly fileLifetime?: number | undefined;
  /** Bytes of pictures of people and rooms that are kept. Default 512 MiB: with 20 KiB for one 26,000 faces. */
  readonly pictureBytes?: number;
}

const pictureBytes = 536_870_912;

/** Opens or makes the database. Throws StoreError `busy` with a sentence when another process has it open. */
export async function openSqlite(options: SqliteOptions): Promise<Store> {
  const lock = options.path === ":memory:" ? undefined : lockDatabase(options.path);
  try {
    const db = new DatabaseSync(options.path);
    // NORMAL leaves the fsync of a commit to us: GroupCommit does it outside of the event loop, before anybody is told
    // that something is stored. Everything else (checkpoints, a restarted log) SQLite syncs as with FULL.
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;
      PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = FAST; PRAGMA journal_size_limit = 67108864;
      PRAGMA wal_autocheckpoint = 4000`);
    if (options.path !== ":memory:") chmodSync(options.path, 0o600);
    const build = new Kysely<Tables>({ dialect: new SqliteDialect({ database: forKysely(db) }) });
    await migrate(build);
    if (!keyFits({ db, build, vault: options.vault }))
      throw new StoreError(
        "broken",
        `the key does not open the passwords stored in ${options.path}: put the key file back that this database was made with, from your backup`,
      );
    const wal = options.path === ":memory:" ? undefined : walOf(db, options.path);
    const context: StoreContext = {
      db,
      build,
      commits: new GroupCommit({
        db,
        sync: async () => wal?.sync(),
        onPoint: options.onCommit ?? (() => {}),
        onBroken: options.onBroken ?? (() => {}),
      }),
      clock: options.clock,
      vault: options.vault,
      fileLifetime: options.fileLifetime,
      pictureBytes: options.pictureBytes ?? pictureBytes,
      admit() {
        if (options.writable?.() === false)
          throw new StoreError("full", "the disk that holds the database is almost full");
      },
    };
    const tables = roomTables(context);
    const { changeRooms, ...lanes } = laneStore(context, tables);
    return {
      accounts: accountStore(context),
      avatars: avatarStore(context),
      contacts: contactStore(context),
      lanes,
      messages: messageStore(context),
      reactions: reactionStore(context),
      records: recordStore(context),
      files: fileStore(context),
      rooms: roomStore(tables, changeRooms),
      prune: pruner(context),
      async close() {
        await context.commits.drain();
        wal?.close();
        await build.destroy();
        lock?.close();
      },
    };
  } catch (error) {
    lock?.close();
    if (error instanceof StoreError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new StoreError("broken", `the database ${options.path} cannot be opened: ${why}`, error);
  }
}

/** The log exists only after a write: a fresh database was just migrated, an old one may have been closed cleanly. */
function walOf(db: DatabaseSync, path: string) {
  db.exec(`PRAGMA user_version = ${programId}`);
  return openWalSync(path);
}

/**
 * One process per database. The lock is a second, empty database held in an exclusive transaction: the operating
 * system lets go of it however the process ends, and the real database stays readable for backups.
 */
function lockDatabase(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const lock = new DatabaseSync(`${path}-lock`);
  try {
    lock.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
    return lock;
  } catch (cause) {
    lock.close();
    throw new StoreError(
      "busy",
      `another viaduct is running on ${path}: stop it first, or give this one another store.path`,
      cause,
    );
  }
}

/** Whether another process has this database open. Makes no file. */
export function isInUse(path: string): boolean {
  if (!existsSync(`${path}-lock`)) return false;
  try {
    lockDatabase(path).close();
    return false;
  } catch (error) {
    if (error instanceof StoreError) return true;
    throw error;
  }
}

/** Marks the file as ours in tools that look at it. */
const programId = 1;

async function migrate(build: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db: build, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const text = error instanceof Error ? error.message : String(error);
  // kysely refuses when the database knows a migration that this version does not: an older program on a newer file.
  throw new StoreError("broken", `the database could not be brought up to this version: ${text}`, error);
}

/** node:sqlite in the shape kysely's SQLite driver expects; only migrations run through it. */
function forKysely(db: DatabaseSync) {
  return {
    close: () => db.close(),
    prepare(sql: string) {
      const statement = db.prepare(sql);
      return {
        reader: statement.columns().length > 0,
        all: (parameters: readonly unknown[]) => statement.all(...(parameters as SQLInputValue[])),
        run: (parameters: readonly unknown[]) => statement.run(...(parameters as SQLInputValue[])),
        iterate: (parameters: readonly unknown[]) =>
          statement.iterate(...(parameters as SQLInputValue[])) as IterableIterator<unknown>,
      };
    },
  };
}
