// Lines from the gateway itself.
import type { Accounts } from "./accounts.ts";
import type { Bridges } from "./bridges.ts";
import { newKey } from "./keys.ts";
import { gatewayPeer, type LaneStore, type NewRow } from "./lane-ports.ts";
import type { AccountId, AccountRecord, Clock } from "./ports.ts";

/** As durable as any message. */
export const notice = (account: AccountId, text: string, now: number): NewRow => ({
  direction: "incoming",
  account,
  peer: gatewayPeer,
  key: newKey(now),
  body: { kind: "notice", text },
});

export interface NoticesOptions {
  readonly store: LaneStore;
  readonly clock: Clock;
  readonly accounts: Accounts;
  readonly bridges: Bridges;
}

export class Notices {
  readonly #o: NoticesOptions;

  constructor(options: NoticesOptions) {
    this.#o = options;
  }

  /** To the user of an account. Resolves once it is on disk. */
  async toAccount(account: AccountRecord, text: string): Promise<void> {
    await this.#o.store.append([notice(account.id, text, this.#o.clock.now())]);
  }

  /** To anybody. Users without an account get it only while the link is up. */
  async toUser(bridge: string, user: string, text: string): Promise<void> {
    const [account] = this.#o.accounts.of(bridge, user);
    if (account === undefined) return this.#o.bridges.get(bridge).output.tell(user, text);
    await this.toAccount(account, text);
  }
}
