// Group commit: writes that arrive in the same turn of the event loop, or while the disk is busy, share one transaction and
// one fsync. The fsync runs outside of the event loop, so a slow disk makes groups larger and delays nobody who does not
// wait for it (docs/decisions/0002-fsync-outside-the-event-loop.md).
import type { DatabaseSync } from "node:sqlite";
import { StoreError } from "../gateway/ports.ts";

interface Pending {
  run(): unknown;
  resolve(value: never): void;
  reject(error: unknown): void;
  listen?: ((result: never, point: "committed" | "synced") => void) | undefined;
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
   * The disk did not take what SQLite believes to be stored. What an fsync reports once it does not report again, so the
   * process must end and start over from what is really there.
   */
  readonly onBroken: (error: StoreError) => void;
}

export class GroupCommit {
  readonly #o: GroupCommitOptions;
  #pending: Pending[] = [];
  #scheduled = false;
  /** Committed, not known to be on disk. */
  #unsynced: Pending[] = [];
  #syncing: Promise<void> | undefined;
  #broken: StoreError | undefined;

  constructor(options: GroupCommitOptions) {
    this.#o = options;
  }

  /**
   * Run `write` inside the next transaction; resolves with its result when the commit is on disk. `write` runs
   * synchronously and may run twice: alone again, when another write of its group failed. Rejects with StoreError.
   * `listen` hears the result twice, in the order of the writes: right after the COMMIT, and when it is on disk, before
   * anybody who waits for a promise of this commit goes on.
   */
  run<T>(write: () => T, listen?: (result: T, point: "committed" | "synced") => void): Promise<T> {
    if (this.#broken) return Promise.reject(this.#broken);
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ run: write, resolve, reject, listen });
      if (this.#scheduled) return;
      // While the disk is busy the next commit gathers: it could not be on disk any earlier.
      if (this.#syncing === undefined) this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  /** Commits what waits; resolves when everything is on disk. */
  async drain(): Promise<void> {
    this.#flush();
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
    onPoint("after");
    for (const one of group) one.listen?.(one.result as never, "committed");
    this.#unsynced.push(...group);
    if (this.#syncing === undefined) this.#sync();
    return undefined;
  }

  #sync(): void {
    const group = this.#unsynced;
    this.#unsynced = [];
    this.#syncing = this.#o.sync().then(
      () => this.#onSynced(group),
      (cause: unknown) => this.#onLost(group, cause),
    );
  }

  #onSynced(group: readonly Pending[]): void {
    this.#syncing = undefined;
    this.#o.onPoint("synced");
    // What gathered meanwhile first: the disk works on it while those who waited go on.
    this.#flush();
    if (this.#syncing === undefined && this.#unsynced.length > 0) this.#sync();
    for (const one of group) one.resolve(one.result as never);
    for (const one of group) one.listen?.(one.result as never, "synced");
  }

  #onLost(group: readonly Pending[], cause: unknown): void {
    this.#syncing = undefined;
    this.#broken = new StoreError("broken", "the disk did not store what was written to it", cause);
    for (const one of [...group, ...this.#unsynced, ...this.#pending]) one.reject(this.#broken);
    this.#unsynced = [];
    this.#pending = [];
    this.#o.onBroken(this.#broken);
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
