// The lanes in memory: what is loaded of each ordered durable queue. The database holds all rows; memory holds the heads,
// at most `maxLoaded` rows in all, so that 100,000 waiting rows cost no more than 2,000.
import type { Logger } from "#bridge";
import type { LaneHead, LaneRow, LaneStore } from "./lane-ports.ts";
import type { Clock, TimerHandle } from "./ports.ts";

/** Rows loaded for one lane at a time. */
const pageSize = 32;
/** `loadedTo` of a lane of which nothing was read. */
const fromStart = -1;
/** While memory is full, a lane that has not moved for this long gives up its rows to those that could. */
const patience = 500;

/** One conversation in one direction. Owned by `Lanes`; workers keep what they need to know in the fields below. */
export interface Lane {
  readonly key: string;
  readonly head: LaneHead;
  /** Loaded and not taken, in order. */
  readonly rows: LaneRow[];
  /** The last id that was loaded. */
  loadedTo: number;
  /** The database has rows after `loadedTo`. */
  more: boolean;
  loading: boolean;
  /** Rows were committed while a page was being read. */
  grew: boolean;
  /** Rows taken out and not finished. */
  taken: number;
  /** When its first row changed last. */
  movedAt: number;
  /** A worker is on it, or it stands in a worker's queue. */
  busy: boolean;
}

export interface LanesOptions {
  readonly store: LaneStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly maxLoaded: number;
  /** A lane has something to do. Called again whenever that may have changed. */
  readonly onReady: (lane: Lane) => void;
}

export const laneKey = (head: LaneHead): string => `${head.account}/${head.direction}/${head.peer}`;

export class Lanes {
  readonly #store: LaneStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #maxLoaded: number;
  readonly #onReady: (lane: Lane) => void;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes that want a page while memory is full. */
  readonly #hungry = new Set<Lane>();
  /** Rows in memory, and places kept for pages that are being read. */
  #loaded = 0;
  #started = false;
  #stopped = false;
  #sharing: TimerHandle | undefined;

  constructor(options: LanesOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#maxLoaded = options.maxLoaded;
    this.#onReady = options.onReady;
  }

  /** Rows in memory, for metrics and tests. */
  get loaded(): number {
    return this.#loaded;
  }

  get lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** Learn from the database which lanes wait. */
  async start(): Promise<void> {
    for (const head of await this.#store.heads()) {
      const lane = this.find(head) ?? this.#open(head, fromStart);
      lane.more ||= lane.loadedTo === fromStart;
      this.#onReady(lane);
    }
    this.#started = true;
  }

  /** Reads nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#clock.clearTimeout(this.#sharing);
  }

  /** Rows that were just committed, in the order of their ids. */
  add(rows: readonly LaneRow[]): void {
    for (const row of rows) {
      // Before the start nobody knows whether older rows wait in front of this one.
      const lane = this.find(row) ?? this.#open(row, this.#started ? row.id - 1 : fromStart);
      if (lane.loadedTo === fromStart) lane.more = true;
      if (lane.loading) lane.grew = true;
      else if (!lane.more && this.#loaded < this.#maxLoaded) this.#push(lane, row);
      else lane.more = true;
      this.#onReady(lane);
    }
  }

  find(head: LaneHead): Lane | undefined {
    return this.#lanes.get(laneKey(head));
  }

  /** The first row that is not taken; undefined when there is none in memory: `onReady` follows if there will be one. */
  peek(lane: Lane): LaneRow | undefined {
    const row = lane.rows[0];
    if (row === undefined && lane.more) this.#load(lane);
    return row;
  }

  /** Removes the first row from memory for the caller to work on. */
  take(lane: Lane): LaneRow | undefined {
    const row = this.peek(lane);
    if (row === undefined) return undefined;
    lane.rows.shift();
    lane.taken++;
    lane.movedAt = this.#clock.now();
    return row;
  }

  /** The caller is done with a row it took. */
  finished(lane: Lane): void {
    lane.taken--;
    this.#release(1);
    this.#closeIfIdle(lane);
  }

  /** Rows that were taken and must be handled again, in order, before all others of the lane. */
  restore(lane: Lane, rows: readonly LaneRow[]): void {
    lane.taken -= rows.length;
    if (this.find(lane.head) !== lane) return this.#release(rows.length);
    lane.rows.unshift(...rows);
    lane.movedAt = this.#clock.now();
    this.#onReady(lane);
  }

  /** Forget the loaded rows of a lane that has to wait: they are in the database. Nothing of it may be taken. */
  unload(lane: Lane): void {
    const first = lane.rows[0];
    if (first === undefined) return;
    const count = lane.rows.length;
    lane.loadedTo = first.id - 1;
    lane.rows.length = 0;
    lane.more = true;
    this.#release(count);
  }

  /** Nothing to do for now: the lane's object goes when nothing is left of it. */
  idle(lane: Lane): void {
    lane.busy = false;
    this.#closeIfIdle(lane);
  }

  /** Forget the lanes of an account that is gone. */
  drop(account: number): void {
    for (const lane of [...this.#lanes.values()]) {
      if (lane.head.account !== account) continue;
      this.#release(lane.rows.length);
      lane.rows.length = 0;
      lane.more = false;
      this.#hungry.delete(lane);
      this.#lanes.delete(lane.key);
    }
  }

  #open(head: LaneHead, loadedTo: number): Lane {
    const lane: Lane = {
      key: laneKey(head),
      head: { account: head.account, direction: head.direction, peer: head.peer },
      rows: [],
      loadedTo,
      more: false,
      loading: false,
      grew: false,
      taken: 0,
      movedAt: this.#clock.now(),
      busy: false,
    };
    this.#lanes.set(lane.key, lane);
    return lane;
  }

  #push(lane: Lane, row: LaneRow): void {
    lane.rows.push(row);
    lane.loadedTo = row.id;
    this.#loaded++;
  }

  #load(lane: Lane): void {
    if (lane.loading || this.#stopped) return;
    const room = Math.min(pageSize, this.#maxLoaded - this.#loaded);
    if (room <= 0) {
      this.#hungry.add(lane);
      this.#sharing ??= this.#clock.setTimeout(() => this.#share(), patience / 2);
      return;
    }
    lane.loading = true;
    lane.grew = false;
    this.#loaded += room;
    this.#store.page(lane.head, lane.loadedTo, room).then(
      (rows) => {
        lane.loading = false;
        if (this.find(lane.head) !== lane) return this.#release(room);
        lane.more = rows.length === room || lane.grew;
        lane.movedAt = this.#clock.now();
        lane.rows.push(...rows);
        lane.loadedTo = rows.at(-1)?.id ?? lane.loadedTo;
        this.#release(room - rows.length);
        if (rows.length > 0 || lane.more) this.#onReady(lane);
        else this.#closeIfIdle(lane);
      },
      (error: unknown) => {
        lane.loading = false;
        this.#release(room);
        this.#log.error({ err: error, account: lane.head.account }, "a lane could not be read");
        this.#clock.setTimeout(() => this.#onReady(lane), 1_000);
      },
    );
  }

  #release(count: number): void {
    this.#loaded -= count;
    // Pages of a row or two would cost more than they bring: the timer of `#share` sees to the rest.
    if (this.#maxLoaded - this.#loaded >= Math.min(pageSize, this.#maxLoaded / 2)) this.#feed();
  }

  #feed(): void {
    while (this.#hungry.size > 0 && this.#loaded < this.#maxLoaded) {
      const [lane] = this.#hungry;
      if (lane === undefined) return;
      this.#hungry.delete(lane);
      this.#load(lane);
    }
  }

  /** Memory was full: rows behind a head that does not move make room. They are in the database. */
  #share(): void {
    this.#sharing = undefined;
    const still = this.#clock.now() - patience;
    for (const lane of this.#lanes.values()) {
      const [head, ...behind] = lane.rows;
      if (head === undefined || behind.length === 0 || lane.loading || lane.movedAt > still) continue;
      lane.rows.length = 1;
      lane.loadedTo = head.id;
      lane.more = true;
      this.#loaded -= behind.length;
    }
    this.#feed();
    if (this.#hungry.size > 0) this.#sharing ??= this.#clock.setTimeout(() => this.#share(), patience / 2);
  }

  #closeIfIdle(lane: Lane): void {
    if (lane.busy || lane.loading || lane.more || lane.taken > 0 || lane.rows.length > 0) return;
    if (this.#lanes.get(lane.key) === lane) this.#lanes.delete(lane.key);
  }
}
