// Group commit: writes that arrive in the same turn of the event loop share one transaction, and transactions that are
// committed while the disk is busy share one fsync. The fsync runs outside of the event loop, so a slow disk makes groups
// larger and delays nobody who does not wait for it (docs/decisions/0002-fsync-outside-the-event-loop.md).
import type { DatabaseSync } from "node:sqlite";
import { StoreError } from "../gateway/ports.ts";

interface Pending {
  run(): unknown;
  resolve(value: never): void;
  reject(error: unknown): void;
  stored?: ((result: never) => void) | undefined;
  result?: unknown;
}

export type CommitPoint = "before" | "after" | "synced";

export interface GroupCommitOptions {
  readonly db: DatabaseSync;
  /** Resolves when everything committed before the call is on disk. A rejection is fatal: see `onBroken`. */
  readonly sync: () => Promise<void>;
  /** Called around each COMMIT and after each fsync: a place for fault injection. */
  readonly onPoint: (point: CommitPoint) => void;
  /**
   * Runs a commit that follows close on another a moment later, so that more writes share it. A busy gateway commits
   * about a thousand times a second then, however fast the disk; where writes come one by one none waits. Left out:
   * every turn of the event loop commits.
   */
  readonly gather?: (commit: () => void) => void;
  /**
   * The disk did not take what SQLite believes to be stored. What an fsync reports once it does not report again, so the
   * process must end and start over from what is really there.
   */
  readonly onBroken: (error: StoreError) => void;
}

/** What "close" means for `gather`, and how many writes a commit has while the gateway is busy. */
const closeMs = 1;
const busyGroup = 4;

export class GroupCommit {
  readonly #o: GroupCommitOptions;
  #pending: Pending[] = [];
  #scheduled = false;
  /** Committed, not known to be on disk. */
  #unsynced: Pending[] = [];
  #syncing: Promise<void> | undefined;
  #broken: StoreError | undefined;
  #committedAt = Number.NEGATIVE_INFINITY;
  #lastGroup = 0;

  constructor(options: GroupCommitOptions) {
    this.#o = options;
  }

  /**
   * Run `write` inside the next transaction; resolves with its result when the commit is on disk. `write` runs
   * synchronously and may run twice: alone again, when another write of its group failed. Rejects with StoreError.
   * `stored` hears the result in the same moment, before anybody who waits for a promise of this commit goes on.
   */
  run<T>(write: () => T, stored?: (result: T) => void): Promise<T> {
    if (this.#broken) return Promise.reject(this.#broken);
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ run: write, resolve, reject, stored });
      if (this.#scheduled) return;
      this.#scheduled = true;
      const { gather } = this.#o;
      if (gather && this.#lastGroup >= busyGroup && performance.now() - this.#committedAt < closeMs)
        gather(() => this.#flush());
      else setImmediate(() => this.#flush());
    });
  }

  /** Commits what waits; resolves when everything is on disk. */
  async drain(): Promise<void> {
    this.#flush();
    // A gathering commit finds nothing left to do.
    while (this.#syncing) await this.#syncing;
  }

  #flush(): void {
    const group = this.#pending;
    this.#pending = [];
    this.#scheduled = false;
    if (group.length === 0) return;
    const error = this.#commit(group);
    if (error === undefined) return;
    // One write that cannot be done must not take its neighbours along.
    if (group.length > 1) for (const one of group) this.#commitAlone(one);
    else group[0]?.reject(error);
  }

  #commitAlone(one: Pending): void {
    const error = this.#commit([one]);
    if (error !== undefined) one.reject(error);
  }

  /** Commits the group and lets it wait for the disk, or returns the error with nothing written. */
  #commit(group: readonly Pending[]): StoreError | undefined {
    const { db, onPoint } = this.#o;
    try {
      db.exec("BEGIN IMMEDIATE");
      for (const one of group) one.result = one.run();
      onPoint("before");
      db.exec("COMMIT");
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      return toStoreError(error);
    }
    this.#committedAt = performance.now();
    this.#lastGroup = group.length;
    onPoint("after");
    this.#unsynced.push(...group);
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined;
    });
    return undefined;
  }

  async #sync(): Promise<void> {
    while (this.#unsynced.length > 0) {
      const group = this.#unsynced;
      this.#unsynced = [];
      try {
        await this.#o.sync();
      } catch (cause) {
        this.#broken = new StoreError("broken", "the disk did not store what was written to it", cause);
        for (const one of [...group, ...this.#unsynced]) one.reject(this.#broken);
        this.#unsynced = [];
        return this.#o.onBroken(this.#broken);
      }
      this.#o.onPoint("synced");
      for (const one of group) one.resolve(one.result as never);
      for (const one of group) one.stored?.(one.result as never);
    }
  }
}

// SQLite result codes (https://sqlite.org/rescode.html): 5 BUSY, 6 LOCKED, 10 IOERR, 13 FULL.
export function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = (error as { errcode?: number }).errcode ?? 0;
  const text = error instanceof Error ? error.message : String(error);
  const primary = code & 0xff;
  if (primary === 13) return new StoreError("full", "the disk that holds the database is full", error);
  if (primary === 5 || primary === 6) return new StoreError("busy", "another program holds the database locked", error);
  return new StoreError("broken", `the database refused a write: ${text}`, error);
}
