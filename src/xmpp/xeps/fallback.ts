// XEP-0428: Fallback Indication. Parts of a body that say again, for clients without an extension, what elements say.
import { NS } from "../ns.ts";
import { attr, children, type Element, el } from "../stanza.ts";

/** From one code point of the body to before another. */
export interface BodyRange {
  readonly start: number;
  readonly end: number;
}

/** Marks parts of the body as said for `ns`; no ranges: all of it. */
export function fallbackFor(ns: string, ranges: readonly BodyRange[] = []): Element {
  const bodies = ranges.length === 0 ? [el("body")] : ranges.map(({ start, end }) => el("body", { start, end }));
  return el("fallback", { xmlns: NS.fallback, for: ns }, ...bodies);
}

/** More are nobody's quote; thousands would cost a hostile sender nothing and us seconds. */
const mostRanges = 64;

/** The text without the parts that the stanza marks as said for `ns`. Ranges that cannot be are left alone. */
export function withoutFallback(text: string, stanza: Element, ns: string): string {
  const marks = children(stanza, "fallback", NS.fallback).filter((mark) => attr(mark, "for") === ns);
  const bodies = marks.flatMap((mark) => children(mark, "body")).slice(0, mostRanges);
  if (bodies.length === 0) return text;
  const points = [...text];
  const kept = new Uint8Array(points.length).fill(1);
  for (const body of bodies) {
    const start = Number(attr(body, "start") ?? 0);
    const end = Number(attr(body, "end") ?? points.length);
    if (start >= 0 && end > start && end <= points.length) kept.fill(0, start, end);
  }
  return points.filter((_, index) => kept[index]).join("");
}
