// What a user's clients tell in passing: typing and presence. Fleeting: lost where there is no session, or no such thing on
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

export class UserHints {
  readonly #o: UserHintsOptions;

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

  #fleeting(bridge: string, work: () => Promise<unknown>): void {
    work().catch((error: unknown) => this.#o.log.debug({ err: error, bridge }, "a hint was lost"));
  }
}
