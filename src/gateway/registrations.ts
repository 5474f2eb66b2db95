// How users come to an account, and how they leave it with all that hangs on it.
import type { Json, Logger, RemoteId, SignedIn } from "#bridge";
import type { Accounts } from "./accounts.ts";
import type { Bridges } from "./bridges.ts";
import { GatewayError } from "./errors.ts";
import type { Lanes } from "./lanes.ts";
import type { AccountRecord, Clock } from "./ports.ts";
import type { PresenceBook } from "./presence.ts";
import type { Rooms } from "./rooms.ts";
import type { Sessions } from "./sessions.ts";

/** Milliseconds that a network has to take note of a sign-out. */
const signOutPatience = 10_000;

export interface RegistrationsOptions {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly lanes: Lanes;
  readonly presence: PresenceBook;
  readonly bridges: Bridges;
  readonly clock: Clock;
  readonly log: Logger;
  readonly rooms: Rooms;
}

export class Registrations {
  readonly #o: RegistrationsOptions;

  constructor(options: RegistrationsOptions) {
    this.#o = options;
  }

  /** The account a user's conversation with a contact belongs to; made if domain mode gives one. Throws GatewayError. */
  async accountFor(bridge: string, user: string, contact: RemoteId): Promise<AccountRecord> {
    const account = (await this.#o.accounts.forContact(bridge, user, contact)) ?? (await this.enrol(bridge, user));
    if (account) return account;
    if (!this.#o.bridges.get(bridge).accountMode)
      throw new GatewayError("not-allowed", "There is no address for you here.");
    throw new GatewayError("registration-required", 'Sign in first: send "login" to the gateway.');
  }

  /** The account that domain mode gives this user; undefined without domain mode. */
  async enrol(bridge: string, user: string): Promise<AccountRecord | undefined> {
    const account = await this.#o.accounts.enrol(bridge, user);
    if (account) this.#o.sessions.start(account);
    return account;
  }

  /** The network has let the user in. */
  async signIn(bridge: string, user: string, signedIn: SignedIn<Json>): Promise<AccountRecord> {
    const { accounts, sessions, bridges } = this.#o;
    const first = accounts.of(bridge, user).length === 0;
    const account = await accounts.signIn(bridge, user, signedIn);
    // A session with the old credentials may be there.
    await sessions.end(account.id);
    sessions.start(account);
    // XEP-0100 section 4.1.1: the gateway asks to be in the roster, where its presence shows how the account is.
    if (first) await bridges.get(bridge).output.introduce(user, undefined, undefined);
    return account;
  }

  async signOut(account: AccountRecord): Promise<void> {
    const { accounts, sessions, lanes, presence, rooms } = this.#o;
    await this.#giveBack(account);
    await sessions.end(account.id);
    await presence.farewell(account);
    await rooms.farewell(account);
    lanes.drop(account.id);
    await accounts.remove(account);
  }

  /** A network that does not answer keeps nobody from leaving. */
  async #giveBack(account: AccountRecord): Promise<void> {
    const { sessions, clock, log } = this.#o;
    const over = new Promise<void>((resolve) => void clock.setTimeout(resolve, signOutPatience));
    try {
      await Promise.race([sessions.sessionOf(account.id)?.signOut?.(), over]);
    } catch (error) {
      log.warn({ err: error, account: account.id }, "the network was not told of a sign-out");
    }
  }
}
