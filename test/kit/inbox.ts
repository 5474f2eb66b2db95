// What a test client received: every stanza once, in order, and an error that shows what did come when one does not.
import type { Element } from "ltx";

export interface NextOptions {
  /** Default 5,000. */
  readonly timeoutMs?: number;
  /** What the test waits for, for the error message. */
  readonly what?: string;
}

export type Predicate = (stanza: Element) => boolean;

export interface Inbox {
  /** Everything that came, consumed or not. */
  readonly stanzas: readonly Element[];
  /** The oldest unconsumed stanza that matches, waiting for it if need be. Each stanza is handed out once. */
  next(predicate?: Predicate, options?: NextOptions): Promise<Element>;
  /** Called for each stanza as it comes, before `next` sees it; returns a function that stops that. */
  onStanza(listener: (stanza: Element) => void): () => void;
}

interface Waiter {
  readonly predicate: Predicate;
  readonly resolve: (stanza: Element) => void;
  readonly reject: (error: Error) => void;
  readonly what: string;
}

export interface InboxControl extends Inbox {
  receive(stanza: Element): void;
  /** Nothing more comes: whoever waits, now or later, is told so. */
  end(reason: string): void;
}

/** `keep: false` remembers nothing (for load, with `onStanza`): `next` then sees only what comes while it waits. */
export function createInbox(name: string, { keep = true }: { readonly keep?: boolean } = {}): InboxControl {
  const stanzas: Element[] = [];
  const unread: Element[] = [];
  const waiters = new Set<Waiter>();
  const listeners = new Set<(stanza: Element) => void>();
  let ended: string | undefined;

  const explain = (problem: string, what: string): Error => {
    const came = stanzas
      .slice(-20)
      .map((stanza) => `  ${unread.includes(stanza) ? " " : "*"} ${shorten(stanza.toString())}`);
    const list =
      came.length > 0 ? `It did get (* = consumed, newest last):\n${came.join("\n")}` : "It got nothing at all.";
    return new Error(`${name}: ${problem} while waiting for ${what}. ${list}`);
  };

  return {
    stanzas,
    receive: (stanza) => {
      if (keep) stanzas.push(stanza);
      for (const listener of listeners) listener(stanza);
      for (const waiter of waiters) {
        if (!waiter.predicate(stanza)) continue;
        waiters.delete(waiter);
        waiter.resolve(stanza);
        return;
      }
      if (keep) unread.push(stanza);
    },
    end: (reason) => {
      ended = reason;
      for (const waiter of waiters) waiter.reject(explain(`the stream ended (${reason})`, waiter.what));
      waiters.clear();
    },
    next: (predicate = () => true, { timeoutMs = 5000, what = "a stanza" } = {}) => {
      const index = unread.findIndex(predicate);
      const [found] = index >= 0 ? unread.splice(index, 1) : [];
      if (found) return Promise.resolve(found);
      if (ended !== undefined) return Promise.reject(explain(`the stream had ended (${ended})`, what));
      return new Promise<Element>((resolve, reject) => {
        const timer = setTimeout(() => {
          waiters.delete(waiter);
          reject(explain(`nothing matched within ${timeoutMs} ms`, what));
        }, timeoutMs);
        const waiter: Waiter = {
          predicate,
          what,
          resolve: (stanza) => {
            clearTimeout(timer);
            resolve(stanza);
          },
          reject: (error) => {
            clearTimeout(timer);
            reject(error);
          },
        };
        waiters.add(waiter);
      });
    },
    onStanza: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

const shorten = (text: string): string => (text.length > 600 ? `${text.slice(0, 600)}...` : text);
