// Rooms of the homeserver that stand for group chats of XMPP, and who of Matrix is in them. As with the shared rooms,
// changes are made on a draft and become true when they are committed.
import type { RecordChanges, Records, RemoteId } from "#bridge";
import { entriesOf, field, numberAt, parseBytes, textAt, toBytes } from "../json.ts";

const prefix = "portal/";

/** In the content of m.room.create: the chat that the room was made for. It comes before everything else of the room. */
export const groupChatKey = "org.viaduct.group_chat";

export interface Portal {
  readonly roomId: string;
  /** Bare JID of the group chat. */
  readonly address: string;
  /** Under which its events are delivered. */
  readonly account: number;
  /** Who of Matrix is in it, by their name in the room. */
  readonly people: ReadonlyMap<RemoteId, string>;
}

export class Portals {
  readonly #byRoom = new Map<string, Portal>();
  readonly #byAddress = new Map<string, Portal>();

  static async load(records: Records): Promise<Portals> {
    const portals = new Portals();
    for (const [key, bytes] of await records.load(prefix)) {
      const portal = fromJson(key.slice(prefix.length), parseBytes(bytes));
      if (portal !== undefined) portals.#put(portal);
    }
    return portals;
  }

  get size(): number {
    return this.#byRoom.size;
  }

  get(roomId: string): Portal | undefined {
    return this.#byRoom.get(roomId);
  }

  of(address: string): Portal | undefined {
    return this.#byAddress.get(address);
  }

  /** Oldest first. */
  all(): Iterable<Portal> {
    return this.#byRoom.values();
  }

  draft(): PortalsDraft {
    return new PortalsDraft(this, (roomId, portal) => {
      if (portal !== undefined) return this.#put(portal);
      const before = this.#byRoom.get(roomId);
      this.#byRoom.delete(roomId);
      if (before !== undefined) this.#byAddress.delete(before.address);
    });
  }

  /** Of two rooms for one chat the first stays: the other was made when an answer got lost. */
  #put(portal: Portal): void {
    const before = this.#byAddress.get(portal.address);
    if (before !== undefined && before.roomId !== portal.roomId) return;
    this.#byRoom.set(portal.roomId, portal);
    this.#byAddress.set(portal.address, portal);
  }
}

export class PortalsDraft {
  readonly #base: Portals;
  readonly #commit: (roomId: string, portal: Portal | undefined) => void;
  /** By room; undefined: it is none any more. */
  readonly #changes = new Map<string, Portal | undefined>();

  constructor(base: Portals, commit: (roomId: string, portal: Portal | undefined) => void) {
    this.#base = base;
    this.#commit = commit;
  }

  /** As it is after the changes so far. */
  peek(roomId: string): Portal | undefined {
    return this.#changes.has(roomId) ? this.#changes.get(roomId) : this.#base.get(roomId);
  }

  save(portal: Portal): void {
    this.#changes.set(portal.roomId, portal);
  }

  remove(roomId: string): void {
    this.#changes.set(roomId, undefined);
  }

  records(): RecordChanges {
    return new Map([...this.#changes].map(([roomId, portal]) => [prefix + roomId, portal && toBytes(toJson(portal))]));
  }

  commit(): void {
    for (const [roomId, portal] of this.#changes) this.#commit(roomId, portal);
  }
}

function toJson({ address, account, people }: Portal): unknown {
  return { address, account, people: Object.fromEntries(people) };
}

/** @returns undefined for what `toJson` did not make. */
function fromJson(roomId: string, json: unknown): Portal | undefined {
  const [address, account] = [textAt(json, "address"), numberAt(json, "account")];
  if (address === undefined || account === undefined) return undefined;
  const people = new Map<RemoteId, string>();
  for (const [id, name] of entriesOf(field(json, "people"))) if (typeof name === "string") people.set(id, name);
  return { roomId, address, account, people };
}
