// Contacts as JIDs of one component: the bridge's addressing, XEP-0106 and RFC 7622 in one place, both ways.
import type { Addressing, RemoteId } from "#bridge";
import { escapeLocal, type Jid, parseJid, unescapeLocal } from "./jid.ts";

export type Address =
  | { readonly kind: "gateway" }
  | { readonly kind: "contact"; readonly id: RemoteId }
  /** Not the canonical form of any address (security.md X25). */
  | { readonly kind: "malformed" }
  /** Well-formed, but nobody can be there. */
  | { readonly kind: "nobody" };

/** With which resource contacts are present: without one some clients show them as offline. */
export const resource = "viaduct";
const mostCached = 10_000;

export class Addresses {
  readonly domain: string;
  readonly #addressing: Addressing;
  readonly #byLocal = new Map<string, Address>();
  readonly #byId = new Map<RemoteId, string | undefined>();

  constructor(domain: string, addressing: Addressing) {
    this.domain = domain;
    this.#addressing = addressing;
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
    const local = this.#addressing.toLocal(id);
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

  #resolve(local: string): Address {
    const text = unescapeLocal(local);
    if (text === undefined) return { kind: "malformed" };
    const id = this.#addressing.fromLocal(text);
    return id === undefined ? { kind: "nobody" } : { kind: "contact", id };
  }
}

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size >= mostCached) map.clear();
  map.set(key, value);
}
