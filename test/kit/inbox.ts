// What an XMPP test client received: arrivals of stanzas.
import type { Element } from "ltx";
import { type ArrivalsControl, createArrivals, type WaitOptions } from "./arrivals.ts";

export type NextOptions = WaitOptions;
export type Predicate = (stanza: Element) => boolean;

export interface Inbox {
  /** Everything that came, consumed or not. */
  readonly stanzas: readonly Element[];
  /** The oldest unconsumed stanza that matches, waiting for it if need be. Each stanza is handed out once. */
  next(predicate?: Predicate, options?: NextOptions): Promise<Element>;
  /** Called for each stanza as it comes, before `next` sees it; returns a function that stops that. */
  onStanza(listener: (stanza: Element) => void): () => void;
}

export interface InboxControl extends Inbox, Pick<ArrivalsControl<Element>, "receive" | "end"> {}

/** `keep: false` remembers nothing (for load, with `onStanza`): `next` then sees only what comes while it waits. */
export function createInbox(name: string, { keep }: { readonly keep?: boolean } = {}): InboxControl {
  const { all, next, receive, end, onArrival } = createArrivals<Element>({
    name,
    keep,
    show: (stanza) => stanza.toString(),
  });
  return { stanzas: all, next, receive, end, onStanza: onArrival };
}
