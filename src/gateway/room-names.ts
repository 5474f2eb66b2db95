// Local parts for rooms, and for contacts whose id has none: readable where that is possible, and never two for one
// (security.md M09, docs/decisions/0009-local-parts-of-rooms.md).
import type { AnyBridge, RemoteId } from "#bridge";
import { derivedKey } from "./keys.ts";
import type { AccountId, XmppOutput } from "./ports.ts";
import type { NamedPeer, RoomTables } from "./room-ports.ts";

/** What decides whether a text can be a local part. */
export interface Naming {
  readonly contacts: AnyBridge["contacts"];
  readonly rooms: AnyBridge["rooms"];
  /** The text comes back from its JID as it was (XEP-0106, RFC 7622). */
  readonly fits: XmppOutput["fits"];
}

/** The readable part of an allocated name, in characters. */
const longestSlug = 40;

/** The local part of a peer, allocated and stored when it has none yet. */
export function localFor(
  tables: RoomTables,
  account: AccountId,
  peer: NamedPeer,
  naming: Naming,
  hints: { readonly address?: RemoteId | undefined; readonly name?: string | undefined },
): string {
  const known = tables.localOf(account, peer);
  if (known !== undefined) return known;
  const local = choose(tables, account, peer, naming, hints);
  tables.saveName(account, peer, local);
  return local;
}

function choose(
  tables: RoomTables,
  account: AccountId,
  peer: NamedPeer,
  naming: Naming,
  { address, name }: { readonly address?: RemoteId | undefined; readonly name?: string | undefined },
): string {
  const free = (local: string) => tables.named(account, local) === undefined;
  if (peer.kind === "room") {
    for (const id of [address, peer.id]) {
      const faithful = id === undefined ? undefined : naming.rooms?.toLocal(id);
      if (faithful !== undefined && isFaithful(faithful, naming) && free(faithful)) return faithful;
    }
  }
  // What the bridge reads as an address of its own can be nobody else's: then the second mark makes it another.
  const marks = peer.kind === "room" ? ["#", "~"] : ["", "~"];
  // The same id gives the same name to everybody; the readable part is what it was called when it came.
  const tail = derivedKey(peer.kind, peer.id).slice(0, 8);
  const slug = slugOf(name ?? peer.id);
  for (let count = 0; ; count++) {
    const name = `${slug}-${tail}${count === 0 ? "" : `-${count}`}`;
    const local = marks.map((mark) => mark + name).find((one) => isAllocatable(one, naming) && free(one));
    if (local !== undefined) return local;
  }
}

/** A contact's address is the contact's, whatever a room calls itself. */
const isFaithful = (local: string, { contacts, fits }: Naming): boolean =>
  fits(local) && contacts.fromLocal(local) === undefined;

const isAllocatable = (local: string, naming: Naming): boolean =>
  isFaithful(local, naming) && naming.rooms?.fromLocal(local) === undefined;

/** Lower-case ASCII letters and digits with single hyphens; "room" when the name has none. */
function slugOf(name: string): string {
  const slug = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, longestSlug)
    .replace(/^-+|-+$/g, "");
  return slug || "room";
}
