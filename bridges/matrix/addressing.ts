// Matrix ids as local parts. A JID folds case and width (RFC 7622): only ids that survive that unchanged have a local
// part of their own, for all others the core allocates one. So no two ids ever share a local part (security.md M09).
import type { Addressing, RemoteId } from "#bridge";
import { isRoomAlias, parseMatrixLink, parseUserId } from "./ids.ts";

/** Appendices 4.2.1.1: the letters of a user id made today; its server may have no capitals either. */
const todaysUserId = /^@[a-z0-9._=/+-]+:[a-z0-9.:[\]-]+$/;

/** `@alice:example.org` is `alice:example.org`; XEP-0106 makes `alice\3aexample.org` of it. */
export const contacts: Addressing = {
  toLocal(id) {
    return userId(id) === id ? id.slice(1) : undefined;
  },
  fromLocal(local) {
    return userId(linked(local, "@") ?? withSigil(local));
  },
};

/** `#room:example.org` is its own local part. Room ids have capitals that matter, so they have none. */
export const rooms: Addressing = {
  toLocal(id) {
    return alias(id) === id ? id : undefined;
  },
  fromLocal(local) {
    return alias(linked(local, "#") ?? local);
  },
};

/** The id that people may write with capitals: keyboards begin with one, and JIDs cannot tell the difference. */
function userId(text: string): RemoteId | undefined {
  const id = text.toLowerCase();
  return todaysUserId.test(id) && parseUserId(id) !== undefined ? id : undefined;
}

function alias(text: string): RemoteId | undefined {
  const id = text.toLowerCase();
  // What changes under NFKC (full-width letters, ligatures) would fold into another room's JID.
  return isRoomAlias(id) && id.normalize("NFKC") === id && id.toLowerCase() === id ? id : undefined;
}

/** What people paste: `https://matrix.to/#/@alice:example.org`, `matrix:u/alice:example.org`. */
function linked(text: string, sigil: string): string | undefined {
  const link = parseMatrixLink(text);
  return link?.id.startsWith(sigil) && link.event === undefined ? link.id : undefined;
}

function withSigil(local: string): string {
  if (local.startsWith("@")) return local;
  if (local.includes(":")) return `@${local}`;
  // COMPAT(older Matrix gateways): alice%example.org.
  const percent = local.lastIndexOf("%");
  return percent < 0 ? "" : `@${local.slice(0, percent)}:${local.slice(percent + 1)}`;
}
