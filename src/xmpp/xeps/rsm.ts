// XEP-0059: Result Set Management.
import { NS } from "../ns.ts";
import { child, type Element, el, textOf } from "../stanza.ts";

/** The page that is asked for. */
export interface PageRequest {
  /** At most so many; undefined: as many as the service likes. */
  readonly max: number | undefined;
  /** The item that the page follows. */
  readonly after: string | undefined;
  /** The item that the page ends before; "" is the end of all (section 2.5). */
  readonly before: string | undefined;
}

/** Undefined `max` for anything that is no number. */
export function pageRequest(query: Element): PageRequest {
  const set = child(query, "set", NS.rsm);
  const max = set && textOf(set, "max")?.trim();
  return {
    max: max !== undefined && /^\d{1,6}$/.test(max) ? Number(max) : undefined,
    after: set && (textOf(set, "after") || undefined),
    before: set && textOf(set, "before"),
  };
}

/** Section 2.2: the ends of the page and how much there is in all. */
export function pageElement(first: string | undefined, last: string | undefined, count: number): Element {
  return el(
    "set",
    { xmlns: NS.rsm },
    first === undefined ? undefined : el("first", {}, first),
    last === undefined ? undefined : el("last", {}, last),
    el("count", {}, String(count)),
  );
}
