// Mentions as pills (Client-Server API, "User and room mentions"): links to people in `formatted_body`. Their places are marked
// in the text before it becomes HTML, by Unicode noncharacters, which no text may hold.
import type { Mention } from "#bridge";
import { isUserId, matrixLink } from "../ids.ts";

const open = "\ufdd0";
const close = "\ufdd1";
const marks = /[\ufdd0\ufdd1]/g;

/** A text with the places of its mentions marked. */
export interface MarkedText {
  readonly text: string;
  /** Of the marks, in their order. */
  readonly ids: readonly string[];
}

export function markMentions(plain: string, mentions: readonly Mention[]): MarkedText {
  const clean = plain.replace(marks, "\ufffd");
  const ids: string[] = [];
  let text = "";
  let done = 0;
  for (const { id, at } of mentions) {
    if (at === undefined || at.start < done || at.end > clean.length || !isUserId(id)) continue;
    text += clean.slice(done, at.start) + open + clean.slice(at.start, at.end) + close;
    done = at.end;
    ids.push(id);
  }
  return { text: text + clean.slice(done), ids };
}

export function withoutPills(text: string): string {
  return text.replace(marks, "");
}

/** The HTML of a marked text with its links. A name that runs over an element is not linked: elements must nest. */
export function pillsIn(html: string, ids: readonly string[]): string {
  const left = [...ids];
  const linked = html.replace(/\ufdd0([^\ufdd0\ufdd1]*)\ufdd1/g, (_, name: string) => {
    const id = left.shift();
    return id === undefined || name.includes("<") ? name : `<a href="${matrixLink(id)}">${name}</a>`;
  });
  return withoutPills(linked);
}
