// Contacts as JIDs of one component: the bridge's addressing, XEP-0106 and RFC 7622 in one place, both ways.
import type { Addressing, RemoteId } from "#bridge";
import { contactLocal } from "../gateway/room-names.ts";
import { escapeLocal, type Jid, parseJid, unescapeLocal } from "./jid.ts";

export type Address =
  | { readonly kind: "gateway" }
  | { readonly kind: "contact"; readonly id: RemoteId }
  /** What the bridge reads as a room. */
  | { readonly kind: "room"; readonly local: string }
  /** The bridge knows nobody there; the core may have given it to somebody. */
  | { readonly kind: "unclaimed"; readonly local: string }
  /** Not the canonical form of any address (security.md X25). */
  | { readonly kind: "malformed" };

/** With which resource contacts are present: without one some clients show them as offline. */
export const resource = "viaduct";
const mostCached = 10_000;

export class Addresses {
  readonly domain: string;
  readonly #contacts: Addressing;
  readonly #rooms: Addressing | undefined;
  readonly #byLocal = new Map<string, Address>();
  readonly #byId = new Map<RemoteId, string | undefined>();

  constructor(domain: string, contacts: Addressing, rooms?: Addressing) {
    this.domain = domain;
    this.#contacts = contacts;
    this.#rooms = rooms;
  }

  resolve(to: Jid): Address {
    if (to.local === undefined) return { kind: "gateway" };
    const known = this.#byLocal.get(to.local);
    if (known) return known;
    const address = this.#resolve(to.local);
    remember(this.#byLocal, to.local, address);
    return address;
  }

  /** The bare JID of a contact; undefined when no JID can stand for the id. */
  jidOf(id: RemoteId): string | undefined {
    if (this.#byId.has(id)) return this.#byId.get(id);
    const naming = { contacts: this.#contacts, rooms: this.#rooms, fits: (text: string) => this.fits(text) };
    const local = contactLocal(id, naming);
    const escaped = local === undefined ? undefined : escapeLocal(local);
    const jid = escaped === undefined ? undefined : parseJid(`${escaped}@${this.domain}`)?.bare;
    remember(this.#byId, id, jid);
    return jid;
  }

  /** The component's own JID, or a contact's. Throws when the id has none: bridges must not deliver from such ids. */
  speaker(contact: RemoteId | undefined): string {
    if (contact === undefined) return this.domain;
    const jid = this.jidOf(contact);
    if (jid === undefined) throw new RangeError("this id has no JID");
    return jid;
  }

  /** A JID can be made of this text, and reads as this text again. */
  fits(local: string): boolean {
    const escaped = escapeLocal(local);
    return escaped !== undefined && unescapeLocal(prepared(escaped, this.domain) ?? "") === local;
  }

  /** The bare JID of a room whose local part, unescaped, `fits`. */
  roomJid(local: string): string {
    const jid = parseJid(`${escapeLocal(local)}@${this.domain}`)?.bare;
    if (jid === undefined) throw new RangeError("this room has no JID");
    return jid;
  }

  #resolve(local: string): Address {
    const text = unescapeLocal(local);
    if (text === undefined) return { kind: "malformed" };
    const id = this.#contacts.fromLocal(text);
    if (id !== undefined) return { kind: "contact", id };
    const room = this.#rooms?.fromLocal(text);
    if (room === undefined) return { kind: "unclaimed", local: text };
    // Clients wait for answers from the very JID they joined: only the one that the room has is an address.
    return this.#rooms?.toLocal(room) === text ? { kind: "room", local: text } : { kind: "malformed" };
  }
}

const prepared = (escaped: string, domain: string) => parseJid(`${escaped}@${domain}`)?.local;

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size >= mostCached) map.clear();
  map.set(key, value);
}
