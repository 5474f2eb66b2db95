// Group commit: writes that arrive in the same turn of the event loop share one transaction and so one fsync. While a
// commit blocks, the next group gathers in the socket buffers, so groups grow with the load by themselves.
import type { DatabaseSync } from "node:sqlite";
import { StoreError } from "../gateway/ports.ts";

interface Pending {
  run(): unknown;
  resolve(value: never): void;
  reject(error: unknown): void;
}

export class GroupCommit {
  readonly #db: DatabaseSync;
  readonly #onCommit: (point: "before" | "after") => void;
  #pending: Pending[] = [];
  #scheduled = false;

  /** `onCommit` is called around each COMMIT: a place for fault injection. */
  constructor(db: DatabaseSync, onCommit: (point: "before" | "after") => void = () => {}) {
    this.#db = db;
    this.#onCommit = onCommit;
  }

  /**
   * Run `write` inside the next transaction; resolves with its result after the commit is on disk. `write` runs
   * synchronously and may run twice: alone again, when another write of its group failed.
   */
  run<T>(write: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ run: write, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#flush());
    });
  }

  /** Commit what waits, now. */
  flush(): void {
    if (this.#pending.length > 0) this.#flush();
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

  /** Resolves every write of the group, or returns the error with nothing written. */
  #commit(group: readonly Pending[]): StoreError | undefined {
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      const results = group.map((one) => one.run());
      this.#onCommit("before");
      this.#db.exec("COMMIT");
      this.#onCommit("after");
      group.forEach((one, index) => one.resolve(results[index] as never));
      return undefined;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      return toStoreError(error);
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
