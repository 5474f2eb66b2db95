// What domain mode remembers, and the one way to change it: one change at a time, each one commit together with what it
// tells users. So a transaction of the homeserver is either done or not begun.
import type { Incoming, ServiceHost } from "#bridge";
import type { Portals, PortalsDraft } from "./portals.ts";
import type { RoomsDraft, SharedRooms } from "./shared-rooms.ts";
import type { Todo, Todos } from "./todos.ts";

/** A change that is being prepared; nothing of it holds before the commit. */
export interface Change {
  readonly rooms: RoomsDraft;
  readonly portals: PortalsDraft;
  /** What an account is told, in order. */
  tell(account: number, events: readonly Incoming[]): void;
  /** Work for later that must not get lost. */
  todo(todo: Todo): void;
  /** A record of the caller's own; undefined deletes. */
  record(key: string, value: Uint8Array | undefined): void;
  /** Called when all of it is on disk, before the next change begins. */
  after(callback: () => void): void;
}

export interface LedgerDeps {
  readonly host: Pick<ServiceHost<unknown>, "deliverAll">;
  readonly rooms: SharedRooms;
  readonly portals: Portals;
  readonly todos: Todos;
}

export class Ledger {
  readonly #deps: LedgerDeps;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = Promise.withResolvers<void>();

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
  }

  /** @throws what `work` or the store throws: then nothing has changed */
  change<T>(work: (change: Change) => Promise<T>): Promise<T> {
    const run = this.#last.then(() => this.#run(work));
    this.#last = run.catch(() => {});
    return run;
  }

  /** Resolves when the changes that were begun are made or given up. */
  async idle(): Promise<void> {
    await this.#last;
  }

  /** Resolves with the next commit, or after so many milliseconds. */
  async next(ms: number): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, ms);
    await Promise.race([this.#waiting.promise, late.promise]);
    clearTimeout(timer);
  }

  async #run<T>(work: (change: Change) => Promise<T>): Promise<T> {
    const { host, rooms, portals, todos } = this.#deps;
    const draft = rooms.draft();
    const places = portals.draft();
    const parcels = new Map<number, Incoming[]>();
    const records = new Map<string, Uint8Array | undefined>();
    const tasks = todos.draft();
    const callbacks: (() => void)[] = [];
    const result = await work({
      rooms: draft,
      portals: places,
      tell(account, events) {
        if (events.length === 0) return;
        const list = parcels.get(account);
        if (list) list.push(...events);
        else parcels.set(account, [...events]);
      },
      todo: (todo) => tasks.add(todo),
      record: (key, value) => void records.set(key, value),
      after: (callback) => void callbacks.push(callback),
    });
    const changes = new Map([...draft.records(), ...places.records(), ...tasks.records(), ...records]);
    const list = [...parcels].map(([account, events]) => ({ account, events }));
    if (list.length > 0 || changes.size > 0) await host.deliverAll(list, changes);
    draft.commit();
    places.commit();
    tasks.commit();
    for (const callback of callbacks) callback();
    this.#waiting.resolve();
    this.#waiting = Promise.withResolvers<void>();
    return result;
  }
}
