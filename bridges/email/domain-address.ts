// Domain mode's addresses: alice@users-domain on XMPP has alice@mail-domain (email.md 3).
import { addressId, parseAddress } from "./addressing.ts";
import type { DomainOptions } from "./options.ts";

export interface Recipient {
  readonly id: string;
  /** Without a "+tag"; the same as `id` when there is none. */
  readonly untagged: string;
}

/** The recipient an envelope names: `foreign` for another domain, undefined for what can be nobody's address. */
export function recipientId(address: string, mailDomain: string): Recipient | "foreign" | undefined {
  const own = addressId(`x@${mailDomain}`)?.slice(2);
  const id = addressId(address);
  const domain = id?.slice(id.lastIndexOf("@") + 1);
  if (id === undefined || domain !== own) {
    // Also what does not parse: source routes, percent hacks and quoted tricks all point elsewhere (E08).
    return id !== undefined || !address.toLowerCase().endsWith(`@${mailDomain.toLowerCase()}`) ? "foreign" : undefined;
  }
  const at = id.lastIndexOf("@");
  const plus = id.indexOf("+");
  const untagged = plus > 0 && plus < at ? id.slice(0, plus) + id.slice(at) : id;
  return { id, untagged };
}

/** The address of an XMPP user, or undefined: another domain, or a name that no mail address can have. */
export function addressOfUser(user: string, options: DomainOptions): string | undefined {
  const at = user.indexOf("@");
  if (at < 1 || user.slice(at + 1).toLowerCase() !== options.users.toLowerCase()) return undefined;
  const local = user.slice(0, at);
  // XEP-0106 escapes stand for characters that a dot-atom cannot have, and "+" would read as somebody else's tag.
  if (local.includes("\\") || local.includes("+")) return undefined;
  const address = parseAddress(`${local}@${options.name}`);
  return address === undefined ? undefined : addressId(address);
}
