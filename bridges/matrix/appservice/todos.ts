// Work that answers an event and needs the homeserver: accept an invitation, decline one, say something. It is written down
// in the commit of the event, done afterwards, and tried again until it is done, so that the homeserver never waits for it.
import { backoff, type Logger, type RecordChanges, type Records, type RemoteId } from "#bridge";
import { matrixError } from "../errors.ts";
import { field, parseBytes, textAt, toBytes } from "../json.ts";

export type Todo = { readonly room: string; readonly user: RemoteId } & (
  | { readonly do: "accept" }
  | { readonly do: "refuse"; readonly text: string }
  /** Put somebody out of a room of the gateway's own. */
  | { readonly do: "kick"; readonly who: RemoteId; readonly text: string }
  /** Ask what the room is like. */
  | { readonly do: "look" }
  /** Say it as a notice, which no program answers (M05). `key` makes a repeat recognisable. */
  | { readonly do: "tell"; readonly text: string; readonly key: string }
  /** A line that somebody wrote to the bot. */
  | { readonly do: "answer"; readonly sender: RemoteId; readonly text: string; readonly key: string }
);

const prefix = "todo/";
/** More than this is a flood, or a homeserver that sends and does not answer. */
export const mostTodos = 10_000;
const atOnce = 4;
const mostAttempts = 12;
const times = { first: 500, most: 300_000 };

export interface TodosDeps {
  readonly records: Records;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

interface Entry {
  readonly key: string;
  readonly todo: Todo;
  attempts: number;
  notBefore: number;
  running: boolean;
}

export class Todos {
  readonly #deps: TodosDeps;
  /** Oldest first. */
  readonly #entries: Map<string, Entry>;
  readonly #running = new Set<Promise<void>>();
  #next: number;
  #work: ((todo: Todo) => Promise<void>) | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(deps: TodosDeps, entries: Map<string, Entry>) {
    this.#deps = deps;
    this.#entries = entries;
    this.#next = 1 + Math.max(0, ...[...entries.keys()].map((key) => Number.parseInt(key.slice(prefix.length), 36)));
  }

  static async load(deps: TodosDeps): Promise<Todos> {
    const entries = new Map<string, Entry>();
    for (const [key, bytes] of await deps.records.load(prefix)) {
      const todo = parseTodo(parseBytes(bytes));
      if (todo !== undefined) entries.set(key, entryOf(key, todo));
    }
    return new Todos(deps, entries);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** From now on the work is done. */
  start(work: (todo: Todo) => Promise<void>): void {
    this.#work = work;
    this.#wake();
  }

  /** Resolves when nothing runs any more; what is left is done after the next start. */
  async stop(): Promise<void> {
    this.#work = undefined;
    clearTimeout(this.#timer);
    await Promise.all(this.#running);
  }

  draft(): { add(todo: Todo): void; records(): RecordChanges; commit(): void } {
    const added: Entry[] = [];
    return {
      add: (todo) => {
        added.push(entryOf(`${prefix}${(this.#next++).toString(36).padStart(9, "0")}`, todo));
      },
      records: () => new Map(added.map(({ key, todo }) => [key, toBytes(todo)])),
      commit: () => {
        for (const entry of added) this.#entries.set(entry.key, entry);
        if (added.length > 0) this.#wake();
      },
    };
  }

  /** Starts what can be started: in one room one after the other, several rooms at once. */
  #wake(): void {
    const work = this.#work;
    if (work === undefined || this.#deps.signal.aborted) return;
    clearTimeout(this.#timer);
    const busy = new Set<string>();
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      const { room } = entry.todo;
      if (this.#running.size >= atOnce) break;
      if (busy.has(room)) continue;
      busy.add(room);
      const wait = entry.notBefore - performance.now();
      if (entry.running) continue;
      if (wait > 0) next = Math.min(next, wait);
      else this.#start(entry, work);
    }
    if (next < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#wake(), next);
  }

  #start(entry: Entry, work: (todo: Todo) => Promise<void>): void {
    entry.running = true;
    const run = this.#attempt(entry, work).finally(() => {
      entry.running = false;
      this.#running.delete(run);
      this.#wake();
    });
    this.#running.add(run);
  }

  async #attempt(entry: Entry, work: (todo: Todo) => Promise<void>): Promise<void> {
    const { log, records } = this.#deps;
    const { todo, key } = entry;
    try {
      await work(todo);
    } catch (cause) {
      const error = matrixError(cause);
      entry.attempts += 1;
      if (error.kind === "retry" && entry.attempts < mostAttempts) {
        entry.notBefore = performance.now() + (error.retryAfter ?? backoff(entry.attempts, times));
        log.debug({ err: error, do: todo.do, attempt: entry.attempts }, "the homeserver did not do it yet");
        return;
      }
      log.warn({ err: error, do: todo.do }, "the homeserver did not do it");
    }
    this.#entries.delete(key);
    // When the disk refuses it is done once more after the next start: each of them may be.
    await records.save(new Map([[key, undefined]])).catch((error: unknown) => {
      log.warn({ err: error }, "work that is done could not be crossed out");
    });
  }
}

function entryOf(key: string, todo: Todo): Entry {
  return { key, todo, attempts: 0, notBefore: 0, running: false };
}

const kinds: readonly unknown[] = ["accept", "refuse", "kick", "look", "tell", "answer"];

/** @returns undefined for what this file did not write. */
function parseTodo(json: unknown): Todo | undefined {
  const isWhole = textAt(json, "room") !== undefined && textAt(json, "user") !== undefined;
  return isWhole && kinds.includes(field(json, "do")) ? (json as Todo) : undefined;
}
