// Which transactions and events were had before. The homeserver repeats a transaction until it gets a 200, and an event
// may come in several. What is remembered is written in the commit of the transaction's effects (security.md M02).
//
// COMPAT(Synapse on SQLite, which counts its transactions from 1 again after a restart; any server whose database was put
// back): an id alone says nothing. A transaction was had when its id and all of its events were.
import type { Records } from "#bridge";
import { listAt, parseBytes, textAt, toBytes } from "../json.ts";
import type { Change } from "./ledger.ts";

const prefix = "txn/";
/** A homeserver repeats the newest one; the others are for their events. */
const mostKept = 100;

interface Kept {
  readonly key: string;
  readonly id: string;
  readonly events: readonly string[];
}

export class Transactions {
  /** Oldest first. */
  readonly #kept: Kept[];
  readonly #ids: Set<string>;
  readonly #events: Set<string>;
  #next: number;

  private constructor(kept: Kept[]) {
    this.#kept = kept;
    this.#ids = new Set(kept.map(({ id }) => id));
    this.#events = new Set(kept.flatMap(({ events }) => events));
    this.#next = 1 + Number.parseInt(kept.at(-1)?.key.slice(prefix.length) ?? "0", 36);
  }

  static async load(records: Records): Promise<Transactions> {
    const kept: Kept[] = [];
    for (const [key, bytes] of await records.load(prefix)) {
      const json = parseBytes(bytes);
      const events = listAt(json, "events").filter((event) => typeof event === "string");
      kept.push({ key, id: textAt(json, "id") ?? "", events });
    }
    return new Transactions(kept);
  }

  /** @param events ids of all events in it; without any it only passes on who types and reads, which may be told again */
  has(id: string, events: readonly string[]): boolean {
    return this.#ids.has(id) && events.length > 0 && events.every((event) => this.#events.has(event));
  }

  hasEvent(eventId: string): boolean {
    return this.#events.has(eventId);
  }

  /** Writes it down in the change. */
  note(id: string, events: readonly string[], change: Change): void {
    const key = `${prefix}${(this.#next++).toString(36).padStart(9, "0")}`;
    const entry: Kept = { key, id, events };
    const dropped = this.#kept.slice(0, Math.max(0, this.#kept.length + 1 - mostKept));
    change.record(key, toBytes({ id, events }));
    for (const old of dropped) change.record(old.key, undefined);
    change.after(() => {
      for (const old of this.#kept.splice(0, dropped.length)) {
        this.#ids.delete(old.id);
        for (const event of old.events) this.#events.delete(event);
      }
      this.#kept.push(entry);
      this.#ids.add(id);
      for (const event of events) this.#events.add(event);
    });
  }
}
