// What the user does in passing: typing, being there.
import type { Logger, Peer } from "#bridge";
import type { Api } from "./api.ts";

export type Show = "online" | "away" | "offline";

export interface PassingDeps {
  readonly api: Api;
  readonly self: string;
  readonly roomOf: (peer: Peer) => string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** How long the server shows somebody typing, when it is told again, and when we stop telling it (ms). */
const typingFor = 30_000;
const typingAgain = 25_000;
const typingMost = 120_000;
/** Rooms in which somebody types at one time. */
const mostTyping = 20;
/** Clients come and go in pairs: only what lasts is told (ms). */
const presenceAfter = 500;

const presenceOf = { online: "online", away: "unavailable", offline: "offline" } as const;

export class Passing {
  readonly #deps: PassingDeps;
  readonly #typing = new Map<string, { timer: NodeJS.Timeout; readonly until: number }>();
  #presence: { show: Show; status: string | undefined } = { show: "offline", status: undefined };
  #presenceTimer: NodeJS.Timeout | undefined;

  constructor(deps: PassingDeps) {
    this.#deps = deps;
    deps.signal.addEventListener("abort", () => this.#end(), { once: true });
  }

  /** For `set_presence` of the sync: without it the server forgets after a minute that the user is online. */
  get presence(): string {
    return presenceOf[this.#presence.show];
  }

  async setTyping(peer: Peer, active: boolean): Promise<void> {
    const roomId = this.#deps.roomOf(peer);
    this.#forget(roomId);
    if (active && this.#typing.size < mostTyping && !this.#deps.signal.aborted)
      this.#repeat(roomId, Date.now() + typingMost);
    await this.#tellTyping(roomId, active);
  }

  /** A message was sent: with it the typing is over. */
  messageSent(roomId: string): void {
    if (!this.#typing.has(roomId)) return;
    this.#forget(roomId);
    void this.#tellTyping(roomId, false);
  }

  #forget(roomId: string): void {
    clearTimeout(this.#typing.get(roomId)?.timer);
    this.#typing.delete(roomId);
  }

  async setPresence(show: Show, status: string | undefined): Promise<void> {
    this.#presence = { show, status };
    clearTimeout(this.#presenceTimer);
    if (this.#deps.signal.aborted) return;
    this.#presenceTimer = setTimeout(() => void this.#tellPresence(), presenceAfter);
  }

  #repeat(roomId: string, until: number): void {
    const timer = setTimeout(() => {
      if (Date.now() >= until) return this.#forget(roomId);
      this.#repeat(roomId, until);
      void this.#tellTyping(roomId, true);
    }, typingAgain);
    this.#typing.set(roomId, { timer, until });
  }

  async #tellTyping(roomId: string, active: boolean): Promise<void> {
    const { self } = this.#deps;
    const body = active ? { typing: true, timeout: typingFor } : { typing: false };
    await this.#tell(["v3", "rooms", roomId, "typing", self], body);
  }

  async #tellPresence(): Promise<void> {
    const { show, status } = this.#presence;
    const body = { presence: presenceOf[show], ...(status === undefined ? {} : { status_msg: status }) };
    await this.#tell(["v3", "presence", this.#deps.self, "status"], body);
  }

  /** It is of no use later: what fails is forgotten. */
  async #tell(path: readonly string[], body: object): Promise<void> {
    const { api, log } = this.#deps;
    await api
      .request("PUT", path, { body })
      .catch((error: unknown) => log.debug({ err: error }, "a passing notice was lost"));
  }

  #end(): void {
    clearTimeout(this.#presenceTimer);
    for (const { timer } of this.#typing.values()) clearTimeout(timer);
    this.#typing.clear();
  }
}
