// Who wrote a mail, as far as its header can be believed, and what about it deserves a word (E02, E03, email.md 39).
import { domainToUnicode } from "node:url";
import { cleanLabel } from "#bridge";
import { addressId, cleanName, displayAddress, looksAlike, namesAnotherAddress, parseAddress } from "../addressing.ts";
import { hiddenDirection } from "./characters.ts";
import { all, first, type Head, type NamedAddress, parseAddressField } from "./head.ts";

/** The contact of mails whose author cannot be told. Reserved name (RFC 2606): no answer can reach anybody. */
export const unknownSender = "unknown@sender.invalid";

export interface Sender {
  /** The contact id: canonical, lower case. */
  readonly id: string;
  /** The address in the case its owner writes it: where answers go. */
  readonly address: string;
  /** Display name, cleaned. */
  readonly name: string;
  /** Sentences for the user. */
  readonly warnings: readonly string[];
}

/** The author, or `unknownSender` with a warning when parsers could disagree on who that is. */
export function readSender(head: Head, mailFrom: string | undefined): Sender {
  const fields = all(head, "from");
  const field = fields[0];
  if (field === undefined) return fallback(mailFrom, []);
  const listed = parseAddressField(field);
  const claims = distinct(fields.flatMap(parseAddressField));
  if (fields.length > 1 && claims.length > 1)
    return unknown([`This mail names several senders (${namesOf(claims)}), so none of them can be believed.`]);
  const author = listed.find((entry) => entry.address !== "");
  const address = author === undefined ? undefined : parseAddress(author.address);
  const id = address === undefined ? undefined : addressId(address);
  if (author === undefined || address === undefined || id === undefined) {
    return fallback(mailFrom, [`The sender's address could not be read: ${cleanLabel(field, 120)}`]);
  }
  if (!hasOneReading(field))
    return unknown([`It cannot be told for certain who sent this mail: ${cleanLabel(field, 120)}`]);
  return {
    id,
    address,
    name: cleanName(author.name, address),
    warnings: warningsFor(head, author.name, address, claims),
  };
}

function unknown(warnings: readonly string[]): Sender {
  return { id: unknownSender, address: unknownSender, name: "Unknown sender", warnings };
}

/** No usable From: the envelope names at least a mailbox that the delivering server believed. */
function fallback(mailFrom: string | undefined, warnings: readonly string[]): Sender {
  const address = mailFrom === undefined ? undefined : parseAddress(mailFrom);
  const id = address === undefined ? undefined : addressId(address);
  if (address === undefined || id === undefined) return unknown(warnings);
  return { id, address, name: cleanName(undefined, address), warnings };
}

/**
 * Reliability finding 9: parsers disagree on fields that break the grammar, and each server shows another author.
 * Between commas stands at most one address in angle brackets, and nothing behind it (RFC 5322 section 3.4).
 */
function hasOneReading(field: string): boolean {
  const bare = withoutQuotesAndComments(field.slice(0, 20_000));
  return bare !== undefined && bare.split(/[,;]/).every((mailbox) => /^[^<>]*(?:<[^<>]*>\s*)?$/.test(mailbox));
}

/** Undefined when a quote or comment does not end. */
function withoutQuotesAndComments(field: string): string | undefined {
  let bare = "";
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < field.length; at += 1) {
    const character = field.charAt(at);
    if (character === "\\" && (quoted || depth > 0)) at += 1;
    else if (character === '"' && depth === 0) quoted = !quoted;
    else if (quoted) continue;
    else if (character === "(") depth += 1;
    else if (character === ")" && depth > 0) depth -= 1;
    else if (depth === 0) bare += character;
  }
  return quoted || depth > 0 ? undefined : bare;
}

function distinct(list: readonly NamedAddress[]): string[] {
  return [...new Set(list.map((entry) => addressId(entry.address) ?? entry.address.toLowerCase()))].filter(
    (address) => address !== "",
  );
}

function warningsFor(head: Head, name: string, address: string, claims: readonly string[]): string[] {
  const warnings: string[] = [];
  const shown = displayAddress(address);
  if (claims.length > 1) warnings.push(`This mail names several senders: ${namesOf(claims)}.`);
  if (namesAnotherAddress(name, address))
    warnings.push(`The sender's name shows another address (${cleanLabel(name, 80)}); the mail is from ${shown}.`);
  if (hiddenDirection.test(name)) warnings.push("The sender's name held hidden marks that turn text around.");
  const domain = domainOf(address);
  if (looksAlike(domainToUnicode(domain)))
    warnings.push(`The sender's domain uses letters that look like others (${domain}).`);
  const replyTo = first(head, "reply-to");
  const elsewhere =
    replyTo === undefined ? [] : parseAddressField(replyTo).flatMap((entry) => parseAddress(entry.address) ?? []);
  const target = elsewhere.find((other) => !related(domainOf(other), domain));
  // Lists set Reply-To to themselves as a matter of course.
  if (target !== undefined && first(head, "list-id") === undefined) {
    warnings.push(`The sender asks for answers to another address (${displayAddress(target)}); yours go to ${shown}.`);
  }
  return warnings;
}

function namesOf(addresses: readonly string[]): string {
  const shown = addresses.slice(0, 3).map((address) => cleanLabel(displayAddress(address), 60));
  return shown.join(", ") + (addresses.length > 3 ? ` and ${addresses.length - 3} more` : "");
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

/** The same domain or one below the other. */
function related(a: string, b: string): boolean {
  return a === b || a.endsWith(`.${b}`) || b.endsWith(`.${a}`);
}

/** Everyone in To and Cc but the user and the author: cleaned names, each once. */
export function otherRecipients(
  head: Head,
  except: readonly string[],
): { readonly id: string; readonly address: string; readonly name: string }[] {
  const seen = new Set(except);
  const others = [];
  for (const field of [...all(head, "to"), ...all(head, "cc")].slice(0, 20)) {
    for (const entry of parseAddressField(field)) {
      const address = parseAddress(entry.address);
      const id = address === undefined ? undefined : addressId(address);
      if (address === undefined || id === undefined || seen.has(id)) continue;
      seen.add(id);
      others.push({ id, address, name: cleanName(entry.name, address) });
    }
  }
  return others;
}

/** "also to: Bob, Carol +3", or nothing when the mail was for the user alone. */
export function alsoTo(others: readonly { readonly name: string }[]): string | undefined {
  if (others.length === 0) return undefined;
  const named = others.slice(0, 2).map((other) => cleanLabel(other.name, 40));
  return `also to: ${named.join(", ")}${others.length > 2 ? ` +${others.length - 2}` : ""}`;
}
