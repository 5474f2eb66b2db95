// What a user's clients tell in passing: typing, presence, and that they show another picture. Fleeting: lost where there is no session, or no such thing on
// the network.
import type { Logger, Peer, RemoteId } from "#bridge";
import type { Accounts } from "./accounts.ts";
import type { AccountRecord } from "./ports.ts";
import type { Sessions } from "./sessions.ts";

export interface UserHintsOptions {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly log: Logger;
}

const mostPictures = 10_000;

export class UserHints {
  readonly #o: UserHintsOptions;
  /** By bridge and user. */
  readonly #pictures = new Map<string, string>();

  constructor(options: UserHintsOptions) {
    this.#o = options;
  }

  typing(bridge: string, user: string, contact: RemoteId, active: boolean): void {
    const { accounts, sessions } = this.#o;
    this.#fleeting(bridge, async () => {
      const account = await accounts.forContact(bridge, user, contact);
      const session = account && sessions.sessionOf(account.id);
      await session?.setTyping?.({ kind: "contact", id: contact }, active);
    });
  }

  typingIn(account: AccountRecord, peer: Peer, active: boolean): void {
    this.#fleeting(account.bridge, async () => this.#o.sessions.sessionOf(account.id)?.setTyping?.(peer, active));
  }

  /** The user's own presence, for all of their accounts behind this bridge. */
  presence(bridge: string, user: string, show: "online" | "away" | "offline", status: string | undefined): void {
    const { accounts, sessions } = this.#o;
    for (const account of accounts.of(bridge, user))
      this.#fleeting(bridge, async () => sessions.sessionOf(account.id)?.setPresence?.(show, status));
  }

  /**
   * The hash of the user's picture, as their presence names it ("": none), for all of their accounts behind this bridge.
   * Presence comes once for each contact and again and again: only what is new goes on.
   */
  picture(bridge: string, user: string, hash: string): void {
    const { accounts, sessions } = this.#o;
    const place = `${bridge}/${user}`;
    if (this.#pictures.get(place) === hash) return;
    const live = accounts.of(bridge, user).flatMap(({ id }) => sessions.sessionOf(id) ?? []);
    if (live.length === 0) return;
    if (this.#pictures.size >= mostPictures) this.#pictures.clear();
    this.#pictures.set(place, hash);
    for (const session of live) this.#fleeting(bridge, async () => session.updateProfile?.(hash));
  }

  #fleeting(bridge: string, work: () => Promise<unknown>): void {
    work().catch((error: unknown) => this.#o.log.debug({ err: error, bridge }, "a hint was lost"));
  }
}
