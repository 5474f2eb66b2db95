// Transactions of the homeserver, each with all of its effects in one commit.
import type { Hint } from "#bridge";
import type { JsonObject } from "../json.ts";
import type { Ledger } from "./ledger.ts";
import { eventsOf, readTransaction } from "./reading.ts";
import type { ReadDeps } from "./telling.ts";
import { mostTodos, type Todos } from "./todos.ts";
import type { Transactions } from "./transactions.ts";

export interface IntakeDeps {
  readonly ledger: Ledger;
  readonly transactions: Transactions;
  readonly todos: Todos;
  readonly reader: ReadDeps;
  readonly hint: (account: number, hint: Hint) => void;
}

/** So long the homeserver may be asked something while it waits for the answer (ms). */
const asking = 4000;

/** @returns takes a transaction: resolves when it is on disk, at once when it was before */
export function createIntake(deps: IntakeDeps): (id: string, body: JsonObject) => Promise<void> {
  /** A homeserver that got no answer in time asks again and again: of the same transaction only one body waits in memory. */
  const running = new Map<string, Promise<void>>();

  async function take(id: string, ids: readonly string[], body: JsonObject): Promise<void> {
    const { ledger, transactions, todos, reader, hint } = deps;
    if (todos.size > mostTodos) throw new Error("there is too much to do for the homeserver already");
    await ledger.change(async (change) => {
      if (transactions.has(id, ids)) return;
      const counted = new Set<string>();
      const reading = { ...reader, change, counted, hints: [], deadline: performance.now() + asking, now: Date.now() };
      const read = await readTransaction(body, (eventId) => transactions.hasEvent(eventId), reading);
      transactions.note(id, read, change);
      change.after(() => {
        for (const one of reading.hints as { account: number; hint: Hint }[]) hint(one.account, one.hint);
      });
    });
  }

  return (id, body) => {
    const ids = eventsOf(body).map(({ event }) => event.event_id);
    if (deps.transactions.has(id, ids)) return Promise.resolve();
    const key = JSON.stringify([id, ids]);
    const before = running.get(key);
    if (before !== undefined) return before;
    const run = take(id, ids, body).finally(() => running.delete(key));
    running.set(key, run);
    return run;
  };
}
