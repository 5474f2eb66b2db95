// The sync loop of one account (Client-Server API, "Syncing"): long polls, one after the other, each answer read, told and
// committed with its token before the next is asked for. Comes back whatever happens.
import { backoff, type BackoffTimes, BridgeError, type Host, type Incoming, type Json, pause } from "#bridge";
import { MatrixError, matrixError } from "./errors.ts";
import { type Reader, type Reading, readSync } from "./incoming.ts";
import { type JsonObject, textAt } from "./json.ts";
import { stateTypes } from "./room-state.ts";
import type { Successor } from "./upgrades.ts";

export interface SyncTimes extends BackoffTimes {
  /** How long the server may keep a poll without news (ms). */
  readonly poll: number;
}

export const syncTimes: SyncTimes = { first: 1000, most: 300_000, poll: 30_000 };

export interface SyncDeps {
  readonly host: Host;
  readonly reader: Omit<Reader, "emit" | "gapEnd">;
  readonly times: SyncTimes;
  /** What others see of the user while the loop runs. */
  readonly presence: () => string;
  /** Chats of two that `m.direct` has to learn of: person by room. Must not throw. */
  readonly onDirect: (chats: ReadonlyMap<string, string>) => void;
  /** Rooms to go into: see upgrades.ts. Must not throw. */
  readonly onSuccessors: (successors: ReadonlyMap<string, Successor>) => void;
  /** An answer was committed. Must not throw. */
  readonly onCommitted: () => void;
}

const timelineLimit = 50;
const historyLimit = 10;
/** After failures that come again and again: perhaps the answer is too big, or cut on its long way. */
const cautiousLimit = 5;
const cautiousAfter = 3;
/** Answers and connections need this much longer than the poll (ms). */
const slack = 30_000;
/** The first answer of an account in thousands of rooms. */
const maxBytes = 64 * 1024 * 1024;
/** So many events are handed over at once; an answer after a long absence may hold thousands. */
const chunk = 200;
/** A quiet account's token is written this often (ms): servers take long to answer to a very old one. */
const longestUnsaved = 15 * 60_000;
/** The server may repeat the first answer for some minutes: until then its events are remembered (ms). */
const historyKept = 10 * 60_000;

export class SyncLoop {
  readonly #deps: SyncDeps;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #since: string | undefined;
  /** The server does not know `#since`: ask for everything, and tell what lies behind the last event known. */
  #resync = false;
  #running: Promise<void> | undefined;
  #historyEnds = Number.POSITIVE_INFINITY;
  #savedAt = 0;
  #waiting: (() => void)[] = [];

  constructor(deps: SyncDeps) {
    this.#deps = deps;
    this.#signal = AbortSignal.any([deps.host.signal, this.#stop.signal]);
    this.#since = textAt(deps.host.cursor, "since");
  }

  /** The token of the last answer that was committed. */
  get position(): string | undefined {
    return this.#since;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Returns when nothing runs any more. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Resolves when the next answer was committed, or after `ms`. */
  async next(ms: number): Promise<void> {
    const committed = new Promise<void>((resolve) => this.#waiting.push(resolve));
    const timer = new AbortController();
    await Promise.race([committed, pause(ms, AbortSignal.any([timer.signal, this.#signal]))]);
    timer.abort();
  }

  async #run(): Promise<void> {
    const { host, times } = this.#deps;
    let failures = 0;
    let online = false;
    host.status("connecting");
    while (!this.#signal.aborted) {
      try {
        // The first answer comes at once, so that being online is known at once.
        await this.#round(online ? times.poll : 0, failures >= cautiousAfter ? cautiousLimit : timelineLimit);
        if (!online) host.status("online");
        online = true;
        failures = 0;
      } catch (cause) {
        if (this.#signal.aborted) return;
        if (this.#startOver(cause)) continue;
        const error = matrixError(cause);
        host.log.debug({ error: error.message }, "sync failed");
        if (error.kind === "login-required") return host.status("login-required", error.message);
        const wait = Math.max(backoff(failures, times), error.retryAfter ?? 0);
        failures += 1;
        online = false;
        host.status("retrying", error.message);
        await pause(wait, this.#signal);
      }
    }
  }

  /** A token that the server refuses will not become better: its database may have been put back. */
  #startOver(cause: unknown): boolean {
    const refused = cause instanceof MatrixError && cause.status === 400 && cause.code !== "";
    if (!refused || this.#resync || this.#since === undefined) return false;
    this.#deps.host.log.warn({ code: cause.code }, "the sync token is not known any more, starting over");
    this.#resync = true;
    return true;
  }

  async #round(timeout: number, limit: number): Promise<void> {
    const { reader, presence } = this.#deps;
    const since = this.#resync ? undefined : this.#since;
    const answer = await reader.api.request("GET", ["v3", "sync"], {
      query: {
        // Of the past only a little is wanted: enough to know it again.
        filter: filterFor(since === undefined && !this.#resync ? historyLimit : limit),
        since,
        timeout: String(since === undefined ? 0 : timeout),
        set_presence: presence(),
        "org.matrix.msc4222.use_state_after": "true",
      },
      timeout: timeout + slack,
      maxBytes,
      signal: this.#signal,
    });
    const next = textAt(answer, "next_batch");
    if (next === undefined || next.length > 1000)
      throw new BridgeError("retry", "The Matrix server's answer has no token.");
    await reader.rooms.exclusive(() => this.#take(answer, next));
    this.#deps.onCommitted();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Reads, tells and commits one answer. */
  async #take(answer: JsonObject, next: string): Promise<void> {
    const { host, reader, onDirect, onSuccessors } = this.#deps;
    let waiting: Incoming[] = [];
    // Without the token: a crash in between brings the same events again, and the core knows them.
    const emit = async (events: readonly Incoming[]): Promise<void> => {
      waiting.push(...events);
      if (waiting.length < chunk) return;
      const full = waiting;
      waiting = [];
      await this.#deliver(full);
    };
    const gapEnd = this.#resync ? undefined : this.#since;
    const reading: Reading = await readSync(answer, this.#since, { ...reader, emit, gapEnd });
    this.#signal.throwIfAborted();
    const unread = reader.unreadable.change(reading.unread);
    // A token alone is not worth a write each time somebody types or what we sent comes back: an older one tells the same
    // again, and the core knows the user's own messages.
    const news = waiting.length > 0 || unread.records.size > 0 || reading.draft.changed;
    const changed = news || this.#since === undefined || this.#resync;
    if (changed || Date.now() - this.#savedAt > longestUnsaved) {
      await this.#deliver(waiting, { since: next }, new Map([...reading.draft.records(), ...unread.records]));
      this.#savedAt = Date.now();
    }
    reading.draft.commit();
    unread.commit();
    if (this.#since === undefined) this.#historyEnds = Date.now() + historyKept;
    if (Date.now() > this.#historyEnds) reader.history.clear();
    this.#since = next;
    this.#resync = false;
    if (reading.newDirect.size > 0) onDirect(reading.newDirect);
    if (reading.successors.size > 0) onSuccessors(reading.successors);
    host.log.debug({ events: waiting.length }, "sync");
  }

  async #deliver(
    events: readonly Incoming[],
    cursor?: Json,
    records?: ReadonlyMap<string, Uint8Array | undefined>,
  ): Promise<void> {
    try {
      await this.#deps.host.deliver(events, cursor, records);
    } catch (cause) {
      throw new BridgeError("retry", "The gateway cannot store what came at the moment.", { cause });
    }
  }
}

function filterFor(limit: number): string {
  return JSON.stringify({
    room: {
      state: { lazy_load_members: true, types: stateTypes },
      timeline: { limit, lazy_load_members: true },
      ephemeral: { types: ["m.typing", "m.receipt"] },
      account_data: { types: [] },
    },
    account_data: { types: ["m.direct"] },
    presence: { types: ["m.presence"] },
  });
}
