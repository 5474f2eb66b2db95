// Mail addresses as ids. An id is the address in lower case with an A-label domain, because JIDs fold case
// (RFC 7622): two ids are equal exactly when the JIDs are. The original case travels in the message context.
import { domainToASCII, domainToUnicode } from "node:url";
import { type Addressing, cleanLabel } from "#bridge";

/** RFC 5321 section 4.5.3.1. */
const longestAddress = 254;
const longestLocal = 64;

/** RFC 5322 atext, and RFC 6532 letters, marks and digits beyond ASCII. */
const atom = "[A-Za-z0-9!#$%&'*+\\-/=?^_`{|}~\\p{L}\\p{M}\\p{N}]+";
const dotAtom = new RegExp(`^${atom}(?:\\.${atom})*$`, "u");
const domainLetters = /^[\p{L}\p{M}\p{N}.-]+$/u;
const asciiLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * A strict addr-spec (E05): dot-atom local part, domain name. Returns the address with the local part as written and
 * the domain as lower-case A-labels; undefined for everything else: comments, folding, literals, routes, quoted local
 * parts that need their quotes.
 */
export function parseAddress(text: string): string | undefined {
  if (text.length > longestAddress * 2) return undefined;
  const at = text.lastIndexOf("@");
  if (at < 1) return undefined;
  const local = parseLocal(text.slice(0, at));
  const domain = parseDomain(text.slice(at + 1));
  if (local === undefined || domain === undefined) return undefined;
  const address = `${local}@${domain}`;
  return Buffer.byteLength(address) <= longestAddress ? address : undefined;
}

function parseLocal(text: string): string | undefined {
  // RFC 5321 section 4.1.2: quotes around what needs none mean the same mailbox.
  const local = text.startsWith('"') && text.endsWith('"') && text.length > 2 ? text.slice(1, -1) : text;
  if (Buffer.byteLength(local) > longestLocal || !dotAtom.test(local)) return undefined;
  // Characters that change under NFKC (full-width, ligatures) would fold into somebody else's JID.
  return local.normalize("NFKC") === local ? local : undefined;
}

function parseDomain(text: string): string | undefined {
  if (text.length > 253 || !domainLetters.test(text)) return undefined;
  const domain = domainToASCII(text);
  const labels = domain.split(".");
  if (domain === "" || domain.length > 253 || labels.length !== text.split(".").length) return undefined;
  if (!labels.every((label) => asciiLabel.test(label))) return undefined;
  // An IP address is not a mail domain.
  return /^\d+$/.test(labels.at(-1) ?? "") ? undefined : domain;
}

/** The id of an address: what `parseAddress` accepts, in lower case. */
export function addressId(text: string): string | undefined {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  const id = address.toLowerCase().normalize("NFC");
  // "İ" grows under folding: the result must be an address again, and the same one.
  return parseAddress(id) === id && id.toLowerCase() === id ? id : undefined;
}

/** Same mailbox as far as a JID can tell. False when either is no address. */
export function sameAddress(a: string, b: string): boolean {
  const id = addressId(a);
  return id !== undefined && id === addressId(b);
}

/** For people: the domain in its own script, unless that script could pass for another (email.md 2, 39). */
export function displayAddress(address: string): string {
  const at = address.lastIndexOf("@");
  if (at < 0) return address;
  const domain = address.slice(at + 1);
  const shown = domainToUnicode(domain);
  return shown === "" || looksAlike(shown) ? address : `${address.slice(0, at)}@${shown}`;
}

const scripts = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
];
/** Cyrillic and Greek letters that look like Latin ones: a label of nothing else is a disguise. */
const latinDoubles = /^[асԁеһіјӏорԛѕԝхуүѵαικνορτυχω0-9-]+$/u;

/** Whether a label of the domain (U-labels) mixes alphabets, or is Cyrillic or Greek that reads as Latin. */
export function looksAlike(domain: string): boolean {
  return domain.split(".").some((label) => {
    if (/^[ -~]*$/.test(label)) return false;
    return scripts.filter((script) => script.test(label)).length > 1 || latinDoubles.test(label);
  });
}

/** Contact ids and local parts: the local part is the id itself; XEP-0106 is the core's. */
export const contacts: Addressing = {
  toLocal(id) {
    return addressId(id) === id ? id : undefined;
  },
  fromLocal(local) {
    if (local.includes("@")) return addressId(local);
    // COMPAT(older mail gateways): user%example.com.
    const percent = local.lastIndexOf("%");
    return percent < 1 ? undefined : addressId(`${local.slice(0, percent)}@${local.slice(percent + 1)}`);
  },
};

/** Anything that reads as an address, also with look-alikes of "@". */
const addressLike = /[^\s<>()[\],;:"@＠﹫]*[@＠﹫][^\s<>()[\],;:"]*/gu;
const marks = /[@＠﹫<>＜＞﹤﹥‹›〈〉"“”„]/gu;

/** Whether a display name holds something that reads as an address other than the sender's own (E02). */
export function namesAnotherAddress(name: string, address: string): boolean {
  const own = addressId(address);
  return [...cleanLabel(name, 500).matchAll(addressLike)].some(([found]) => {
    const claimed = found.replace(/[＠﹫]/gu, "@").replace(/^[.']+|[.']+$/g, "");
    return claimed.length > 2 && (own === undefined || addressId(claimed) !== own);
  });
}

/**
 * A display name that cannot look like an address (email.md 4, E02): addresses in it are dropped whole, and so are
 * quotes, angle brackets, controls and invisible characters. The local part stands in when nothing is left.
 */
export function cleanName(name: string | undefined, address: string): string {
  const cleaned = cleanLabel(name ?? "", 500)
    .replace(addressLike, " ")
    .replace(marks, " ")
    .replace(/\(\s*\)|\[\s*\]/g, " ");
  const label = cleanLabel(cleaned, 100).replace(/^[\s,;:'|-]+|[\s,;:'|-]+$/g, "");
  if (/[\p{L}\p{N}]/u.test(label)) return label;
  const local = cleanLabel(address.slice(0, Math.max(0, address.lastIndexOf("@"))), 100)
    .replace(marks, " ")
    .trim();
  return local === "" ? "unknown" : local;
}
