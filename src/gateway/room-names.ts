// Local parts for rooms, and for contacts whose id has none: readable where that is possible, and never two for one
// (security.md M09, docs/decisions/0009-local-parts-of-rooms.md).
import type { AnyBridge, RemoteId } from "#bridge";
import { derivedKey } from "./keys.ts";
import type { AccountId } from "./ports.ts";
import type { XmppOutput } from "./xmpp-ports.ts";
import type { RoomTables } from "./room-ports.ts";

/** What decides whether a text can be a local part. */
export interface Naming {
  readonly contacts: AnyBridge["contacts"];
  readonly rooms: AnyBridge["rooms"];
  /** The text comes back from its JID as it was (XEP-0106, RFC 7622). */
  readonly fits: XmppOutput["fits"];
}

/** Ids that end alike are rare; a bridge that takes every text for an address of its own leaves no room for others. */
const attempts = 20;
/** The readable part of an allocated name, in characters. */
const longestSlug = 40;
/** Characters of 5 bits behind it. What is stored needs few; what is worked out must be found by nobody else's id. */
const roomTail = 8;
const contactTail = 20;

/**
 * The local part of a contact. It follows from the id alone, so that it needs no look-up; what has to be stored is the
 * way back, where the bridge does not know it: see `keepContact`. Undefined where the bridge claims every text.
 */
export function contactLocal(id: RemoteId, naming: Naming): string | undefined {
  const faithful = faithfulLocal(id, naming);
  if (faithful !== undefined) return faithful;
  const name = `${slugOf(id)}-${derivedKey("contact", id).slice(0, contactTail)}`;
  return ["", "~"].map((mark) => mark + name).find((local) => isUnclaimed(local, naming));
}

/** What the bridge calls the contact, unless no JID can hold it: a part of one has 1,023 bytes (security.md X27). */
export function faithfulLocal(id: RemoteId, { contacts, fits }: Naming): string | undefined {
  const local = contacts.toLocal(id);
  return local !== undefined && fits(local) ? local : undefined;
}

/** Makes the way back from the local part of a contact whose id has no faithful one. */
export function keepContact(tables: RoomTables, account: AccountId, id: RemoteId, naming: Naming): void {
  if (faithfulLocal(id, naming) !== undefined) return;
  const local = contactLocal(id, naming);
  if (local !== undefined && tables.named(account, local) === undefined)
    tables.saveName(account, { kind: "contact", id }, local);
}

/** The local part of a room, allocated and stored when it has none yet. Undefined where the bridge claims every text. */
export function roomLocal(
  tables: RoomTables,
  account: AccountId,
  id: RemoteId,
  naming: Naming,
  hints: { readonly address?: RemoteId | undefined; readonly name?: string | undefined },
): string | undefined {
  const peer = { kind: "room", id } as const;
  const known = tables.localOf(account, peer);
  if (known !== undefined) return known;
  const local = choose(tables, account, id, naming, hints);
  if (local !== undefined) tables.saveName(account, peer, local);
  return local;
}

function choose(
  tables: RoomTables,
  account: AccountId,
  room: RemoteId,
  naming: Naming,
  { address, name }: { readonly address?: RemoteId | undefined; readonly name?: string | undefined },
): string | undefined {
  const free = (local: string) => tables.named(account, local) === undefined;
  for (const id of [address, room]) {
    const faithful = id === undefined ? undefined : naming.rooms?.toLocal(id);
    if (faithful !== undefined && isFaithful(faithful, naming) && free(faithful)) return faithful;
  }
  // What the bridge reads as an address of its own can be nobody else's: then the second mark makes it another.
  const marks = ["#", "~"];
  // The same id has the same end for everybody; the readable part is what it was called when it came.
  const tail = derivedKey("room", room).slice(0, roomTail);
  const slug = slugOf(name ?? room);
  for (let count = 0; count < attempts; count++) {
    const name = `${slug}-${tail}${count === 0 ? "" : `-${count}`}`;
    const local = marks.map((mark) => mark + name).find((one) => isAllocatable(one, naming) && free(one));
    if (local !== undefined) return local;
  }
  return undefined;
}

/** A contact's address is the contact's, whatever a room calls itself. */
const isFaithful = (local: string, { contacts, fits }: Naming): boolean =>
  fits(local) && contacts.fromLocal(local) === undefined;

const isAllocatable = (local: string, naming: Naming): boolean => naming.fits(local) && isUnclaimed(local, naming);

const isUnclaimed = (local: string, { contacts, rooms }: Pick<Naming, "contacts" | "rooms">): boolean =>
  contacts.fromLocal(local) === undefined && rooms?.fromLocal(local) === undefined;

/** Lower-case ASCII letters and digits with single hyphens; "x" when the name has none. */
function slugOf(name: string): string {
  const slug = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, longestSlug)
    .replace(/^-+|-+$/g, "");
  return slug || "x";
}
