// Which transactions and events were had before. The homeserver repeats a transaction until it gets a 200, and an event
// may come in several. What is remembered is written in the commit of the transaction's effects (security.md M02).
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

  has(id: string): boolean {
    return this.#ids.has(id);
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
