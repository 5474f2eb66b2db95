// What a test client received: everything once, in order, and an error that shows what did come when something does not.

export interface WaitOptions {
  /** Default 5,000. */
  readonly timeoutMs?: number;
  /** What the test waits for, for the error message. */
  readonly what?: string;
}

export interface Arrivals<Item> {
  /** Everything that came, consumed or not. */
  readonly all: readonly Item[];
  /** The oldest unconsumed item that matches, waiting for it if need be. Each item is handed out once. */
  next(predicate?: (item: Item) => boolean, options?: WaitOptions): Promise<Item>;
  /** Resolves with what `condition` returns as soon as that is truthy. It is tried now and after each arrival. */
  until<T>(condition: () => T, options?: WaitOptions): Promise<T>;
  /** Called for each item as it comes, before `next` sees it; returns a function that stops that. */
  onArrival(listener: (item: Item) => void): () => void;
}

export interface ArrivalsControl<Item> extends Arrivals<Item> {
  receive(item: Item): void;
  /** Nothing more comes: whoever waits, now or later, is told so. */
  end(reason: string): void;
}

export interface ArrivalsOptions<Item> {
  /** Whose they are, for error messages. */
  readonly name: string;
  /** How they look there. */
  readonly show: (item: Item) => string;
  /** False remembers nothing (for load, with `onArrival`): `next` then sees only what comes while it waits. Default true. */
  readonly keep?: boolean | undefined;
}

interface Waiter<Item> {
  /** Whether it consumes the item. */
  readonly offer: (item: Item) => boolean;
  readonly fail: (problem: string) => void;
}

export function createArrivals<Item>({ name, show, keep = true }: ArrivalsOptions<Item>): ArrivalsControl<Item> {
  const all: Item[] = [];
  const unread: Item[] = [];
  const waiters = new Set<Waiter<Item>>();
  const listeners = new Set<(item: Item) => void>();
  let ended: string | undefined;

  const explain = (problem: string, what: string): Error => {
    const came = all.slice(-20).map((item) => `  ${unread.includes(item) ? " " : "*"} ${shorten(show(item))}`);
    const list =
      came.length > 0 ? `It did get (* = consumed, newest last):\n${came.join("\n")}` : "It got nothing at all.";
    return new Error(`${name}: ${problem} while waiting for ${what}. ${list}`);
  };

  const wait = <T>(
    { timeoutMs = 5000, what = "something" }: WaitOptions,
    offer: (item: Item, found: (value: T) => void) => boolean,
  ): Promise<T> => {
    if (ended !== undefined) return Promise.reject(explain(`the stream had ended (${ended})`, what));
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        waiters.delete(waiter);
      };
      const found = (value: T): void => {
        leave();
        resolve(value);
      };
      const fail = (problem: string): void => {
        leave();
        reject(explain(problem, what));
      };
      const timer = setTimeout(() => fail(`nothing matched within ${timeoutMs} ms`), timeoutMs);
      const waiter = { offer: (item: Item) => offer(item, found), fail };
      waiters.add(waiter);
    });
  };

  return {
    all,
    receive: (item) => {
      if (keep) all.push(item);
      for (const listener of listeners) listener(item);
      for (const waiter of waiters) if (waiter.offer(item)) return;
      if (keep) unread.push(item);
    },
    end: (reason) => {
      ended = reason;
      for (const waiter of waiters) waiter.fail(`the stream ended (${reason})`);
    },
    next: (predicate = () => true, options = {}) => {
      const index = unread.findIndex(predicate);
      const [found] = index >= 0 ? unread.splice(index, 1) : [];
      if (found !== undefined) return Promise.resolve(found);
      return wait(options, (item, take) => {
        const matches = predicate(item);
        if (matches) take(item);
        return matches;
      });
    },
    until: (condition, options = {}) => {
      const now = condition();
      if (now) return Promise.resolve(now);
      return wait(options, (_item, found) => {
        const value = condition();
        if (value) found(value);
        return false;
      });
    },
    onArrival: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

const shorten = (text: string): string => (text.length > 600 ? `${text.slice(0, 600)}...` : text);
