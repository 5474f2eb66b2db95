// Those who speak in group chats of XMPP, as users of the homeserver. They come into the room with their first word.
import type { Occupant, Records, RemoteId } from "#bridge";
import type { Api } from "../api.ts";
import { MatrixError } from "../errors.ts";
import { parseBytes, textAt, toBytes } from "../json.ts";
import { cleanName } from "../text/characters.ts";
import type { GhostSpace } from "./ghost-id.ts";
import type { Ghosts } from "./ghosts.ts";
import { occupantIdOf } from "./group-chat-id.ts";
import type { Homeserver } from "./homeserver.ts";
import type { Portal } from "./portals.ts";

export interface OccupantsDeps {
  readonly homeserver: Homeserver;
  readonly records: Records;
  readonly space: GhostSpace;
  /** Makes users not faster than the operator allows. */
  readonly ghosts: Pick<Ghosts, "register">;
}

const prefix = "occupant/";
/** Who were seen in their rooms by this process; whoever is forgotten comes in once more, which changes nothing. */
const mostPresent = 10_000;

export class Occupants {
  readonly #deps: OccupantsDeps;
  /** Names by id, of all that were made. */
  readonly #names: Map<RemoteId, string>;
  readonly #present = new Set<RemoteId>();

  private constructor(deps: OccupantsDeps, names: Map<RemoteId, string>) {
    this.#deps = deps;
    this.#names = names;
  }

  static async load(deps: OccupantsDeps): Promise<Occupants> {
    const names = new Map<RemoteId, string>();
    for (const [key, bytes] of await deps.records.load(prefix))
      names.set(key.slice(prefix.length), textAt(parseBytes(bytes), "name") ?? "");
    return new Occupants(deps, names);
  }

  idOf(portal: Portal, occupant: Occupant): RemoteId {
    return occupantIdOf(portal.address, occupant, this.#deps.space);
  }

  /** Requests of somebody who is in the room with the first of them. @throws as `Api.request` */
  apiFor(portal: Portal, occupant: Occupant): Api {
    const id = this.idOf(portal, occupant);
    const api = this.#deps.homeserver.as(id);
    const inside = async <T>(run: () => Promise<T>): Promise<T> => {
      await this.#enter(id, occupant.nick, portal);
      try {
        return await run();
      } catch (error) {
        if (!(error instanceof MatrixError) || error.code !== "M_FORBIDDEN" || !this.#present.delete(id)) throw error;
        // Put out of the room, or the homeserver was put back to an older state.
        await this.#enter(id, occupant.nick, portal);
        return run();
      }
    };
    return {
      request: (method, path, request) => inside(() => api.request(method, path, request)),
      raw: (path, init) => inside(() => api.raw(path, init)),
    };
  }

  /** Takes somebody out of the room who may never have come. */
  async leave(portal: Portal, occupant: Occupant): Promise<void> {
    const id = this.idOf(portal, occupant);
    if (!this.#names.has(id)) return;
    this.#present.delete(id);
    try {
      await this.#deps.homeserver.as(id).request("POST", ["v3", "rooms", portal.roomId, "leave"], { body: {} });
    } catch (error) {
      if (!(error instanceof MatrixError) || error.code !== "M_FORBIDDEN") throw error;
    }
  }

  async #enter(id: RemoteId, nick: string, { roomId }: Portal): Promise<void> {
    const { homeserver, records, ghosts } = this.#deps;
    const name = cleanName(nick, id);
    const api = homeserver.as(id);
    if (!this.#names.has(id)) await ghosts.register(id);
    if (this.#names.get(id) !== name) {
      await api.request("PUT", ["v3", "profile", id, "displayname"], { body: { displayname: name } });
      await records.save(new Map([[prefix + id, toBytes({ name })]]));
      this.#names.set(id, name);
    }
    if (this.#present.has(id)) return;
    await api.request("POST", ["v3", "rooms", roomId, "join"], { body: {} });
    if (this.#present.size >= mostPresent) this.#present.clear();
    this.#present.add(id);
  }
}
