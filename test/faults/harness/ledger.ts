// Ledgers of the drivers: JSON lines, each on disk before the driver goes on.
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";

/** What the driver did, and what it was told about it. */
export type SentEntry =
  | {
      readonly kind: "sent";
      readonly marker: string;
      readonly lane: string;
      readonly seq: number;
      /** Where it must arrive, and nowhere else. */
      readonly to: string;
      readonly at: number;
    }
  /** ok: accepted for good. error: refused, or come back. Nothing at all: unknown. */
  | {
      readonly kind: "saw";
      readonly marker: string;
      readonly outcome: "ok" | "error";
      readonly detail: string;
      readonly at: number;
    };

/** What came out at the far end. */
export interface ReceivedEntry {
  readonly marker: string;
  readonly lane: string;
  readonly seq: number;
  readonly intact: boolean;
  /** The far end's own id: Message-ID of a mail, id of a stanza. A repeat has the same one. */
  readonly id: string;
  /** The mailbox or JID that got it. */
  readonly to: string;
  readonly at: number;
}

export interface Ledger<T> {
  write(entry: T): void;
  /** From the file: what a crash of the driver would have left. */
  read(): T[];
  close(): void;
}

export function openLedger<T>(file: string): Ledger<T> {
  const descriptor = openSync(file, "a");
  return {
    write(entry) {
      writeSync(descriptor, `${JSON.stringify(entry)}\n`);
      fsyncSync(descriptor);
    },
    read: () =>
      readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as T),
    close: () => closeSync(descriptor),
  };
}
