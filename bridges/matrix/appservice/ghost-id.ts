// XMPP users as users of the homeserver: alice@example.org is @_xmpp_alice=40example.org:hs (appendices 4.2.1.2, "Mapping
// from other character sets"). One id for each user and one user for each id (security.md M09).
import { createHash } from "node:crypto";
import type { RemoteId } from "#bridge";
import { parseUserId } from "../ids.ts";

/** The part of the homeserver's user ids that is the gateway's. */
export interface GhostSpace {
  readonly prefix: string;
  readonly serverName: string;
  /** The XMPP domain, lower case. */
  readonly users: string;
}

/** Appendices 4.2: bytes of a whole user id. */
const longestId = 255;
/** No escape has a "z" behind its "=": such an id can only be a shortened one. */
const hashMark = "=z";

/** @param user a bare JID. @returns undefined for users of other domains, and for what is no prepared JID */
export function ghostOf(user: string, space: GhostSpace): RemoteId | undefined {
  const at = user.indexOf("@");
  const local = user.slice(0, at);
  if (at < 1 || !isPrepared(local) || user.slice(at + 1) !== space.users) return undefined;
  const escaped = escape(user);
  const free = longestId - Buffer.byteLength(`@${space.prefix}:${space.serverName}`);
  if (escaped.length <= free) return idOf(escaped, space);
  const tail = `${hashMark}${hashOf(user)}`;
  if (free < tail.length) return undefined;
  // The head is only there to be read: it may end in the middle of an escape.
  return idOf(escaped.slice(0, free - tail.length) + tail, space);
}

/** The user behind an id. Undefined: nobody's, or a shortened one that only the accounts know. */
export function userOf(id: RemoteId, space: GhostSpace): string | undefined {
  if (!isOurs(id, space)) return undefined;
  const user = unescape(parseUserId(id)?.localpart.slice(space.prefix.length) ?? "");
  return user !== undefined && ghostOf(user, space) === id ? user : undefined;
}

/** Whether an id is in the gateway's part, whoever it belongs to. */
export function isOurs(id: string, { prefix, serverName }: GhostSpace): boolean {
  return id.startsWith(`@${prefix}`) && id.endsWith(`:${serverName}`) && parseUserId(id)?.server === serverName;
}

/** The gateway itself. No JID of a user is as short: there is no "=40" in it. */
export function botOf(space: GhostSpace): RemoteId {
  return idOf("bot", space);
}

export function localpartOf(id: RemoteId): string {
  return parseUserId(id)?.localpart ?? "";
}

function idOf(escaped: string, { prefix, serverName }: GhostSpace): RemoteId {
  return `@${prefix}${escaped}:${serverName}`;
}

/** RFC 7622 section 3.3.1: none of these is in a local part. */
const forbidden = /["&'/:<>@\s\p{C}]/u;

/** What an XMPP server would change belongs to somebody else already. */
function isPrepared(local: string): boolean {
  return !forbidden.test(local) && local.isWellFormed() && local === local.normalize("NFKC").toLowerCase();
}

/** Any text in the letters of a user id or an alias. */
export function escape(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[a-z0-9._-]/.test(character) ? character : `=${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
}

/** Undefined for what `escape` does not make. */
export function unescape(escaped: string): string | undefined {
  if (!/^(?:[a-z0-9._-]|=[0-9a-f]{2})+$/.test(escaped)) return undefined;
  const bytes = escaped.replace(
    /=(..)|(.)/g,
    (_, hex?: string, plain = "") => hex ?? Buffer.from(plain).toString("hex"),
  );
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, "hex"));
  } catch {
    return undefined;
  }
}

/** 160 bits, in letters that a user id may have. */
function hashOf(user: string): string {
  return createHash("sha256").update(user).digest("hex").slice(0, 40);
}
