// RFC 7622: addresses. XEP-0106: JID Escaping.
//
// @xmpp/jid is not used: it lower-cases instead of preparing, takes a@b@c, NUL and empty local parts, and escapes every
// backslash.
import { isIPv6 } from "node:net";
import { domainToASCII, domainToUnicode } from "node:url";
import { opaqueString, usernameCaseMapped } from "./precis.ts";

export interface Jid {
  /** As it stands in the address, XEP-0106 escapes included; undefined when the address is a domain. */
  readonly local: string | undefined;
  readonly domain: string;
  readonly resource: string | undefined;
  /** The address without its resource. */
  readonly bare: string;
  /** The whole address. */
  toString(): string;
}

/** RFC 7622 sections 3.2 to 3.4: octets of each part. */
const maxPartBytes = 1023;
/** Three full parts and two separators; anything longer is refused before it is looked at or cached. */
const maxLength = 3 * maxPartBytes + 2;
/** Addresses come from outside: the cache is bounded, at about 4 MB. */
const maxCached = 10_000;

// A pure function's memo: an address stands in every stanza several times, preparing it costs ten times a look-up.
const cache = new Map<string, Jid | undefined>();

/** Parses and prepares an address (RFC 7622); undefined when the text is none. Two addresses are one exactly when
 * their `toString()` are equal. */
export function parseJid(text: string): Jid | undefined {
  if (text.length > maxLength) return undefined;
  const known = cache.get(text);
  if (known !== undefined || cache.has(text)) {
    cache.delete(text);
    cache.set(text, known);
    return known;
  }
  const jid = parse(text);
  if (cache.size >= maxCached) {
    const oldest = cache.keys().next();
    if (!oldest.done) cache.delete(oldest.value);
  }
  cache.set(text, jid);
  return jid;
}

function parse(text: string): Jid | undefined {
  // RFC 7622 section 3.1: the resource begins at the first "/", the domain after the first "@" before it.
  const slash = text.indexOf("/");
  const address = slash === -1 ? text : text.slice(0, slash);
  const at = address.indexOf("@");
  const local = at === -1 ? undefined : prepareLocal(address.slice(0, at));
  const domain = prepareDomain(address.slice(at + 1));
  const resource = slash === -1 ? undefined : opaqueString(text.slice(slash + 1));
  if (domain === undefined || (at !== -1 && local === undefined)) return undefined;
  if (slash !== -1 && (resource === undefined || !fits(resource))) return undefined;
  const bare = local === undefined ? domain : `${local}@${domain}`;
  const full = resource === undefined ? bare : `${bare}/${resource}`;
  return Object.freeze({ local, domain, resource, bare, toString: () => full });
}

const fits = (part: string): boolean =>
  part.length <= maxPartBytes && (part.length * 3 <= maxPartBytes || Buffer.byteLength(part) <= maxPartBytes);

/** RFC 7622 section 3.3.1: what a local part must not hold even though the IdentifierClass would let it. */
const notInLocal = /["&'/:<>@]/;

function prepareLocal(text: string): string | undefined {
  const local = usernameCaseMapped(text);
  return local === undefined || notInLocal.test(local) || !fits(local) ? undefined : local;
}

// The underscore is no host name character, but names of containers have it and servers take it.
const plainDomain = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
const notInDomain = /[\u0000-\u002c\u002f\u003a-\u0040\u005b-\u005e\u0060\u007b-\u007f]/;

/** RFC 7622 section 3.2: a domain name in its Unicode form, or an IP literal. */
function prepareDomain(text: string): string | undefined {
  if (text.startsWith("[")) {
    const address = text.endsWith("]") ? text.slice(1, -1) : "";
    return isIPv6(address) && !address.includes("%") ? new URL(`http://[${address}]`).hostname : undefined;
  }
  const lower = text.toLowerCase();
  // Section 3.2: a final dot is not part of the address.
  const name = lower.endsWith(".") ? lower.slice(0, -1) : lower;
  if (plainDomain.test(name) && !name.includes("xn--")) return fits(name) ? name : undefined;
  // domainToASCII reads its argument as the host of a URL: everything that means something there goes first.
  if (notInDomain.test(text)) return undefined;
  const encoded = domainToASCII(text.endsWith(".") ? text.slice(0, -1) : text);
  if (!plainDomain.test(encoded)) return undefined;
  const unicode = domainToUnicode(encoded);
  return unicode === "" || domainToASCII(unicode) !== encoded || !fits(unicode) ? undefined : unicode;
}

/** XEP-0106 section 4.2: the ten characters, in the order of their codes. */
const escapes: ReadonlyMap<string, string> = new Map([
  [" ", "\\20"],
  ['"', "\\22"],
  ["&", "\\26"],
  ["'", "\\27"],
  ["/", "\\2f"],
  [":", "\\3a"],
  ["<", "\\3c"],
  [">", "\\3e"],
  ["@", "\\40"],
  ["\\", "\\5c"],
]);
const unescapes: ReadonlyMap<string, string> = new Map([...escapes].map(([character, escape]) => [escape, character]));

// A backslash is escaped only where it would read as an escape. Either case of the digits: parseJid folds case.
const toEscape = /[ "&'/:<>@]|\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)/gi;
const escapeSequence = /\\(?:20|22|26|27|2f|3a|3c|3e|40|5c)/g;

/**
 * XEP-0106: writes text as a local part. Undefined when no local part can hold it: it begins or ends with a space, is
 * empty, too long, or holds characters that RFC 7622 forbids. Case stays as it is; `parseJid` folds it.
 */
export function escapeLocal(text: string): string | undefined {
  if (text.startsWith(" ") || text.endsWith(" ")) return undefined;
  const local = text.replace(toEscape, (character) => escapes.get(character) ?? character);
  return prepareLocal(local) === undefined ? undefined : local;
}

/**
 * XEP-0106: reads a local part as text. Undefined unless the local part is the canonical escaping of that text (X25):
 * the one form that `escapeLocal` gives. Answer such an address with jid-malformed.
 */
export function unescapeLocal(local: string): string | undefined {
  const text = local.includes("\\")
    ? local.replace(escapeSequence, (escape) => unescapes.get(escape) ?? escape)
    : local;
  return escapeLocal(text) === local ? text : undefined;
}

/** True for the one form of a local part that is accepted (X25). */
export function isCanonical(local: string): boolean {
  return unescapeLocal(local) !== undefined;
}
