// Users of the homeserver for users of XMPP: made when they are first needed, and not faster than the operator allows.
import { BridgeError, type Records, type RemoteId } from "#bridge";
import { MatrixError, matrixError } from "../errors.ts";
import { parseBytes, textAt, toBytes } from "../json.ts";
import { cleanName } from "../text/characters.ts";
import { localpartOf } from "./ghost-id.ts";
import type { Homeserver } from "./homeserver.ts";

export interface Ghost {
  readonly id: RemoteId;
  /** Bare JID. */
  readonly user: string;
  readonly name: string;
  /** The hash of the picture that was taken from XMPP, "" for none; undefined when nobody has looked yet. */
  readonly picture?: string;
}

export interface GhostsDeps {
  readonly homeserver: Homeserver;
  readonly records: Records;
  /** New ones in an hour (M22). */
  readonly perHour: number;
  /** A user was made. Must not throw. */
  readonly onMade: (ghost: Ghost) => void;
}

const prefix = "ghost/";
const hour = 3_600_000;

export class Ghosts {
  readonly #deps: GhostsDeps;
  readonly #known: Map<RemoteId, Ghost>;
  readonly #working = new Map<RemoteId, Promise<void>>();
  /** Those of the last hour and when they were admitted, oldest first (ms, monotonic). */
  readonly #admitted = new Map<RemoteId, number>();

  private constructor(deps: GhostsDeps, known: Map<RemoteId, Ghost>) {
    this.#deps = deps;
    this.#known = known;
  }

  static async load(deps: GhostsDeps): Promise<Ghosts> {
    const known = new Map<RemoteId, Ghost>();
    for (const [key, bytes] of await deps.records.load(prefix)) {
      const id = key.slice(prefix.length);
      const json = parseBytes(bytes);
      const user = textAt(json, "user");
      const picture = textAt(json, "picture");
      if (user === undefined) continue;
      known.set(id, { id, user, name: textAt(json, "name") ?? "", ...(picture === undefined ? {} : { picture }) });
    }
    return new Ghosts(deps, known);
  }

  get(id: RemoteId): Ghost | undefined {
    return this.#known.get(id);
  }

  /** Whether this one may be made now; if so it is counted. */
  admit(id: RemoteId): boolean {
    if (this.#known.has(id) || this.#admitted.has(id)) return true;
    if (this.#wait() > 0) return false;
    this.#admitted.set(id, performance.now());
    return true;
  }

  /** Those whose name or address has these letters, at most `limit`. */
  find(text: string, limit: number): Ghost[] {
    const wanted = text.toLowerCase();
    const found: Ghost[] = [];
    for (const ghost of this.#known.values()) {
      if (found.length >= limit) break;
      if (ghost.user.includes(wanted) || ghost.name.toLowerCase().includes(wanted)) found.push(ghost);
    }
    return found;
  }

  /**
   * The user exists on the homeserver afterwards. `name` is how their client calls them.
   * @throws BridgeError `retry` when too many were made in the last hour, or what the homeserver makes of it
   */
  ensure(id: RemoteId, user: string, name?: string): Promise<void> {
    const known = this.#known.get(id);
    const wanted = name === undefined ? undefined : cleanName(name, id);
    if (known !== undefined && (wanted === undefined || wanted === known.name)) return Promise.resolve();
    const before = this.#working.get(id) ?? Promise.resolve();
    const run = before
      .catch(() => {})
      .then(() => this.#make(id, user, wanted))
      .finally(() => {
        if (this.#working.get(id) === run) this.#working.delete(id);
      });
    this.#working.set(id, run);
    return run;
  }

  /** The user shows this picture on Matrix now. */
  async showed(id: RemoteId, picture: string): Promise<void> {
    const known = this.#known.get(id);
    if (known !== undefined) await this.#save({ ...known, picture });
  }

  /** The homeserver does not know the user any more: its database is an older one. */
  async forget(id: RemoteId): Promise<void> {
    this.#known.delete(id);
    await this.#deps.records.save(new Map([[`${prefix}${id}`, undefined]]));
  }

  async #make(id: RemoteId, user: string, wanted: string | undefined): Promise<void> {
    const known = this.#known.get(id);
    const name = wanted ?? known?.name ?? cleanName(user.slice(0, user.indexOf("@")), id);
    if (known?.name === name) return;
    try {
      if (known === undefined) await this.register(id);
      const path = ["v3", "profile", id, "displayname"];
      await this.#deps.homeserver.as(id).request("PUT", path, { body: { displayname: name } });
    } catch (error) {
      throw matrixError(error);
    }
    await this.#save({ ...this.#known.get(id), id, user, name });
    if (known === undefined) this.#deps.onMade({ id, user, name });
  }

  async #save(ghost: Ghost): Promise<void> {
    const { id, ...rest } = ghost;
    // First, so that of two changes at a time the later one has both.
    this.#known.set(id, ghost);
    await this.#deps.records.save(new Map([[`${prefix}${id}`, toBytes(rest)]]));
  }

  /** Makes the user, of whom nothing is remembered. @throws BridgeError `retry` when there are too many, or what the homeserver says */
  async register(id: RemoteId): Promise<void> {
    if (!this.admit(id)) {
      const text = "Too many people came to Matrix at once; it will be tried again.";
      throw new BridgeError("retry", text, { condition: "resource-constraint", retryAfter: this.#wait() });
    }
    await registerUser(this.#deps.homeserver, id);
  }

  /** Milliseconds until another one may be made. */
  #wait(): number {
    const now = performance.now();
    for (const [id, at] of this.#admitted) {
      if (at > now - hour) break;
      this.#admitted.delete(id);
    }
    const [oldest = now] = this.#admitted.values();
    return this.#admitted.size < this.#deps.perHour ? 0 : Math.ceil(oldest + hour - now);
  }
}

/** Client-Server API, "Server admin style permissions": no password, and no device that nobody would use. */
export async function registerUser({ bot }: Homeserver, id: RemoteId): Promise<void> {
  const body = { type: "m.login.application_service", username: localpartOf(id), inhibit_login: true };
  try {
    await bot.request("POST", ["v3", "register"], { body });
  } catch (error) {
    if (!(error instanceof MatrixError) || error.code !== "M_USER_IN_USE") throw error;
  }
}
