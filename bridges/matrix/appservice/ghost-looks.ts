// What users of ours show of themselves on Matrix: the name and the picture that they show on XMPP. One after the other, and
// in the background: nobody's message waits for a face.
import { backoff, type BackoffTimes, type Logger, pause, type Picture, type RemoteId, type ServiceHost } from "#bridge";
import { upload } from "../media.ts";
import type { Ghosts } from "./ghosts.ts";
import type { Homeserver } from "./homeserver.ts";

export interface GhostLooksDeps {
  readonly ghosts: Ghosts;
  readonly homeserver: Homeserver;
  readonly profileOf: ServiceHost<unknown>["profileOf"];
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** What tests make shorter. */
  readonly times?: BackoffTimes;
}

/** Waiting; whoever comes beyond is looked at with their next presence. */
const mostWaiting = 2_000;
/** The XMPP server or the homeserver may be away for a while (ms). */
const usualTimes: BackoffTimes = { first: 5_000, most: 300_000 };
const mostAttempts = 8;

export class GhostLooks {
  readonly #deps: GhostLooksDeps;
  /** By ghost: the bare JID. In the order of asking. */
  readonly #waiting = new Map<RemoteId, { readonly user: string; readonly attempts: number }>();
  #running = false;

  constructor(deps: GhostLooksDeps) {
    this.#deps = deps;
  }

  /** The user shows something else, or was never looked at. */
  refresh(id: RemoteId, user: string, attempts = 0): void {
    if (this.#deps.signal.aborted || this.#waiting.size >= mostWaiting) return;
    this.#waiting.set(id, { user, attempts });
    if (!this.#running) void this.#run();
  }

  /** Presence names the user's picture ("": none). */
  told(id: RemoteId, user: string, hash: string): void {
    const ghost = this.#deps.ghosts.get(id);
    // Who is not there yet is looked at when they are made.
    if (ghost !== undefined && ghost.picture !== hash) this.refresh(id, user);
  }

  async #run(): Promise<void> {
    const { log, signal } = this.#deps;
    this.#running = true;
    for (const [id, { user, attempts }] of this.#waiting) {
      this.#waiting.delete(id);
      if (signal.aborted) break;
      try {
        await this.#dress(id, user);
      } catch (error) {
        log.debug({ err: error }, "a user's picture was not taken to Matrix");
        if (attempts + 1 < mostAttempts) void this.#later(id, user, attempts + 1);
      }
    }
    this.#running = false;
  }

  async #later(id: RemoteId, user: string, attempts: number): Promise<void> {
    const { times = usualTimes, signal } = this.#deps;
    await pause(backoff(attempts, times), signal);
    if (!this.#waiting.has(id)) this.refresh(id, user, attempts);
  }

  async #dress(id: RemoteId, user: string): Promise<void> {
    const { ghosts, profileOf } = this.#deps;
    const { name, picture } = await profileOf(user);
    if (ghosts.get(id) === undefined) return;
    if (name !== undefined) await ghosts.ensure(id, user, name);
    const hash = picture?.hash ?? "";
    const shown = ghosts.get(id)?.picture;
    if (shown === hash) return;
    if (picture !== undefined || shown !== undefined) await this.#show(id, picture);
    await ghosts.showed(id, hash);
  }

  async #show(id: RemoteId, picture: Picture | undefined): Promise<void> {
    const { homeserver, signal } = this.#deps;
    const api = homeserver.as(id);
    const url = picture === undefined ? "" : await upload({ api, signal }, Buffer.from(picture.bytes), picture.type);
    await api.request("PUT", ["v3", "profile", id, "avatar_url"], { body: { avatar_url: url } });
  }
}
