// What was said in a room before the gateway was there, or while it was away for too long: asked for when somebody wants to
// read it, page by page, and put into the archive at its place.
import type { HistoryRequest as NetworkRequest, LiveSession, Logger, RemoteId } from "#bridge";
import { inTime } from "./ask.ts";
import type { AccountId, Clock } from "./ports.ts";
import type { FoundRoom } from "./room-directory.ts";
import type { HistoryRequest } from "./room-events.ts";
import { usualStanzas } from "./room-history.ts";
import type { ArchiveEntry, ArchiveQuery, RoomReads, RoomStore } from "./room-ports.ts";

export interface RoomPastOptions {
  readonly store: RoomStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sessionOf: (account: AccountId) => LiveSession | undefined;
}

/** Where something is missing: before everything that is kept of a room, or before an entry that says so. */
interface Missing {
  /** The entry that says it; undefined: the beginning. */
  readonly gap: ArchiveEntry | undefined;
  readonly request: NetworkRequest;
}

/** Messages of one page, and pages for one request of a client. */
const pageSize = 100;
const mostPages = 10;
/** Entries looked at for one that is a message. */
const searched = 50;
/** Rooms whose beginning is known to be reached are remembered, so many of them. */
const mostComplete = 10_000;

export class RoomPast {
  readonly #o: RoomPastOptions;
  /** By account and room. */
  readonly #complete = new Set<string>();
  /** One page of a room at a time. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: RoomPastOptions) {
    this.#o = options;
  }

  /** Loads what the page is missing, as far as that is possible now. Never throws: what is there is shown. */
  async forPage(found: FoundRoom, query: ArchiveQuery): Promise<void> {
    await this.#load(found, mostPages, (rooms) => this.#missingIn(rooms, found, query));
  }

  /** For a client that comes in: one page, where it wants more than there is. */
  async forEntry(found: FoundRoom, { maxStanzas = usualStanzas, maxChars, since }: HistoryRequest): Promise<void> {
    if (maxStanzas === 0 || maxChars === 0) return;
    const limit = Math.min(maxStanzas, pageSize);
    await this.#load(found, 1, (rooms) => this.#missingIn(rooms, found, { from: since, newest: true, limit }));
  }

  /** Takes turns, so that no page is asked for twice. */
  async #load(found: FoundRoom, pages: number, look: (rooms: RoomReads) => Missing | undefined): Promise<void> {
    const { store, log } = this.#o;
    const key = keyOf(found);
    const before = this.#turns.get(key) ?? Promise.resolve();
    const turn = before.then(async () => {
      for (let page = 0; page < pages; page++) {
        const missing = await store.read(look);
        if (missing === undefined || !(await this.#ask(found, missing))) return;
      }
    });
    const done = turn.catch((error: unknown) =>
      log.info({ err: error, account: found.account.id }, "older messages of a room could not be read"),
    );
    this.#turns.set(key, done);
    await done;
    if (this.#turns.get(key) === done) this.#turns.delete(key);
  }

  /** False: there is nothing more to get. */
  async #ask(found: FoundRoom, { gap, request }: Missing): Promise<boolean> {
    const { store, clock, sessionOf } = this.#o;
    const { account, room } = found;
    const session = sessionOf(account.id);
    if (session?.history === undefined) return false;
    const { complete, oldest } = await inTime(session.history(room.id, request), clock);
    if (complete && gap === undefined) {
      if (this.#complete.size >= mostComplete) this.#complete.clear();
      this.#complete.add(keyOf(found));
    }
    // What it said is not true any more.
    if (complete && gap !== undefined)
      await store.change(account.id, (tables) => tables.erase(account.id, room.id, gap.id));
    return complete ? gap !== undefined : oldest !== undefined;
  }

  #missingIn(rooms: RoomReads, found: FoundRoom, query: ArchiveQuery): Missing | undefined {
    const { account, room } = found;
    const entries = rooms.archive(account.id, room.id, query);
    const gap = entries.findLast(isGap);
    if (gap !== undefined) return missingAt(rooms, found, gap);
    if (query.by !== undefined || this.#complete.has(keyOf(found))) return undefined;
    const [oldest] = rooms.archive(account.id, room.id, { newest: false, limit: 1 });
    // Forwards somebody reads from a time on, or from the beginning of what there is.
    const reaches = query.newest ? entries.length < query.limit : query.from !== undefined && query.after === undefined;
    const isBehind = oldest !== undefined && query.from !== undefined && oldest.sentAt <= query.from;
    return reaches && !isBehind ? missingAt(rooms, found, undefined) : undefined;
  }
}

const keyOf = ({ account, room }: FoundRoom): string => `${account.id}/${room.id}`;

const isGap = ({ body }: ArchiveEntry): boolean => body.kind === "message" && body.message.gap === true;

/** Between which messages it lies, by their ids on the network. */
function missingAt(rooms: RoomReads, { account, room }: FoundRoom, gap: ArchiveEntry | undefined): Missing {
  const near = (query: Pick<ArchiveQuery, "after" | "before" | "newest">): readonly RemoteId[] =>
    rooms
      .archive(account.id, room.id, { ...query, limit: searched })
      .flatMap((entry) => (entry.body.kind === "message" && !isGap(entry) ? [entry.body.message.id] : []));
  const before = near({ after: gap?.seq, newest: false })[0];
  const after = gap && near({ before: gap.seq, newest: true }).at(-1);
  return {
    gap,
    request: {
      limit: pageSize,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    },
  };
}
