import { closeSync, fdatasync, openSync } from "node:fs";

export interface WalSync {
  /** Resolves when everything written to the write-ahead log so far is on disk. */
  sync(): Promise<void>;
  close(): void;
}

/**
 * fdatasync of the write-ahead log, on libuv's threads. SQLite keeps its POSIX locks on the database and the -shm file,
 * never on the -wal file, so a descriptor of our own on that one may be closed without dropping them. The file exists
 * after the first write in WAL mode and stays the same inode while the database is open
 * (https://sqlite.org/walformat.html section 1.2).
 */
export function openWalSync(database: string): WalSync {
  const file = openSync(`${database}-wal`, "r");
  return {
    sync: () =>
      new Promise((resolve, reject) => {
        fdatasync(file, (error) => (error ? reject(error) : resolve()));
      }),
    close: () => closeSync(file),
  };
}
