// XEP-0372: References, of the type "mention". Places in a body are counted in Unicode code points.
import { type Jid, parseJid } from "../jid.ts";
import { NS } from "../ns.ts";
import { attr, children, type Element, el } from "../stanza.ts";
import type { BodyRange } from "./fallback.ts";

/** Somebody that a client mentions, and where: in UTF-16 code units of the text that is left of the body. */
export interface Reference {
  readonly jid: Jid;
  readonly at?: { readonly start: number; readonly end: number };
}

const mostReferences = 50;

/** `body` is the stanza's, `text` what is left of it when its fallbacks are gone. */
export function mentionsIn(stanza: Element, body: string, text: string): readonly Reference[] {
  const mentions = children(stanza, "reference", NS.reference).filter((one) => attr(one, "type") === "mention");
  if (mentions.length === 0) return [];
  const points = [...body];
  // What clients put before a text are quotes; of anything else taken out the places are not known.
  const cut = body.endsWith(text) ? body.length - text.length : Number.NaN;
  const place = (index: string | undefined) => {
    const count = index !== undefined && /^\d{1,6}$/.test(index) ? Number(index) : Number.NaN;
    return count <= points.length ? points.slice(0, count).join("").length - cut : Number.NaN;
  };
  return mentions.slice(0, mostReferences).flatMap((one): readonly Reference[] => {
    const jid = jidOfUri(attr(one, "uri") ?? "");
    if (jid === undefined) return [];
    const [start, end] = [place(attr(one, "begin")), place(attr(one, "end"))];
    return [start >= 0 && end > start ? { jid, at: { start, end } } : { jid }];
  });
}

/** RFC 5122 section 2.2, of the kind that names an address. */
function jidOfUri(uri: string): Jid | undefined {
  const [, address] = /^xmpp:(?:\/\/[^/]*\/)?([^?#]{1,3000})/.exec(uri) ?? [];
  try {
    return address === undefined ? undefined : parseJid(decodeURIComponent(address));
  } catch {
    return undefined;
  }
}

/** RFC 5122 section 2.7.2: each part of a JID, with what a URI reserves escaped. */
export function uriOf(jid: string): string {
  return `xmpp:${jid.split("/").map(encoded).join("/")}`;
}

const encoded = (part: string) => part.split("@").map(encodeURIComponent).join("@");

/** `name` as it stands in the body; it is mentioned all the same where it does not. */
export function mention(uri: string, body: string, name: string): Element {
  const { start, end } = placeOf(name, body) ?? {};
  return el("reference", { xmlns: NS.reference, type: "mention", begin: start, end, uri });
}

/** Where a name stands in a text as a word of its own, in code points. */
export function placeOf(name: string, text: string): BodyRange | undefined {
  if (name === "") return undefined;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const after = at + name.length;
    if (endsInWord.test(text.slice(Math.max(0, at - 2), at)) || beginsWithWord.test(text.slice(after, after + 2)))
      continue;
    const start = [...text.slice(0, at)].length;
    return { start, end: start + [...name].length };
  }
  return undefined;
}

const endsInWord = /[\p{L}\p{N}_]$/u;
const beginsWithWord = /^[\p{L}\p{N}_]/u;
