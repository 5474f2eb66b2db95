// What users see of the gateway and their contacts: presence after RFC 6121, paced so that a restart of the server is no storm.
import type { Hint, Logger, RemoteId, SessionState } from "#bridge";
import type { Contacts } from "./contacts.ts";
import type { AccountId, AccountRecord, Clock, ContactRecord, TimerHandle } from "./ports.ts";
import type { PresenceOut, XmppOutput } from "./xmpp-ports.ts";

/** Presence stanzas per second when many are due at once (reliability.md b.2). */
const pace = 200;
const tick = 100;
/** Contacts whose last presence is kept in memory; it is a hint, and comes again. */
const mostSeen = 50_000;

const seenKey = (account: AccountId, contact: RemoteId) => `${account}/${contact}`;

export interface PresenceOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly output: (bridge: string) => XmppOutput | undefined;
  readonly contacts: (bridge: string) => Contacts | undefined;
  readonly stateOf: (
    account: AccountId,
  ) => { readonly state: SessionState; readonly detail: string | undefined } | undefined;
  /** Whether a sign-in is to be had for this account. */
  readonly offersLogin: (account: AccountRecord) => boolean;
}

export class PresenceBook {
  readonly #o: PresenceOptions;
  readonly #states = new Map<AccountId, SessionState>();
  /** What networks said of contacts last; without news a contact counts as there. */
  readonly #seen = new Map<string, PresenceOut>();
  /** Announcements under way, by bridge; a new one replaces the old. */
  readonly #rounds = new Map<string, number>();
  readonly #timers = new Set<TimerHandle>();
  #stopped = false;

  constructor(options: PresenceOptions) {
    this.#o = options;
  }

  stateOf(account: AccountId): SessionState | undefined {
    return this.#states.get(account);
  }

  /** A session changed: the gateway's own presence tells the user. */
  sessionState(account: AccountRecord, state: SessionState, detail: string | undefined): void {
    if (this.#states.get(account.id) === state) return;
    this.#states.set(account.id, state);
    this.#o.output(account.bridge)?.presence(account.user, undefined, this.#gateway(account, state, detail));
  }

  /** What a probe or a fresh subscription is answered with. Undefined: the gateway itself. */
  of(account: AccountRecord, contact: ContactRecord | undefined): PresenceOut {
    const live = this.#o.stateOf(account.id);
    if (contact === undefined) return this.#gateway(account, live?.state ?? "connecting", live?.detail);
    const seen = this.#seen.get(seenKey(account.id, contact.id)) ?? { available: true };
    return { ...seen, ...looks(contact) };
  }

  /** To the user, if they see this contact (security.md X10). */
  show(account: AccountRecord, contact: ContactRecord): void {
    if (!contact.subscribed) return;
    this.#o.output(account.bridge)?.presence(account.user, contact.id, this.of(account, contact));
  }

  /** News of a contact: shown to a user who is subscribed (security.md X10), kept for the next probe. */
  async contactHint(account: AccountRecord, hint: Extract<Hint, { type: "presence" }>): Promise<void> {
    const shown: PresenceOut = {
      available: hint.show !== "offline",
      ...(hint.show === "away" ? { show: "away" as const } : {}),
      ...(hint.status ? { status: hint.status } : {}),
    };
    if (this.#seen.size >= mostSeen) this.#seen.clear();
    this.#seen.set(seenKey(account.id, hint.from), shown);
    const contact = await this.#o.contacts(account.bridge)?.get(account.id, hint.from);
    if (contact) this.show(account, contact);
  }

  /** After the link came up: everybody who is subscribed sees the gateway and their contacts again. */
  announce(bridge: string, accounts: readonly AccountRecord[]): void {
    const round = (this.#rounds.get(bridge) ?? 0) + 1;
    this.#rounds.set(bridge, round);
    this.#announce(bridge, round, accounts).catch((error: unknown) =>
      this.#o.log.warn({ err: error, bridge }, "the presence of contacts was not sent"),
    );
  }

  forget(bridge: string): void {
    this.#rounds.set(bridge, (this.#rounds.get(bridge) ?? 0) + 1);
  }

  /** The account goes: its contacts go offline and take their subscriptions along. */
  async farewell(account: AccountRecord): Promise<void> {
    this.#states.delete(account.id);
    const output = this.#o.output(account.bridge);
    const contacts = this.#o.contacts(account.bridge);
    if (output === undefined || contacts === undefined) return;
    for await (const contact of contacts.all(account.id)) {
      if (!contact.subscribed) continue;
      output.presence(account.user, contact.id, { available: false });
      output.subscription(account.user, contact.id, "unsubscribed");
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) this.#o.clock.clearTimeout(timer);
    this.#timers.clear();
  }

  async #announce(bridge: string, round: number, accounts: readonly AccountRecord[]): Promise<void> {
    const contacts = this.#o.contacts(bridge);
    let sent = 0;
    const still = () => !this.#stopped && this.#rounds.get(bridge) === round;
    for (const account of accounts) {
      if (!still()) return;
      this.#o.output(bridge)?.presence(account.user, undefined, this.of(account, undefined));
      sent++;
      if (contacts === undefined) continue;
      for await (const contact of contacts.all(account.id)) {
        if (!contact.subscribed) continue;
        if (!still()) return;
        this.#o.output(bridge)?.presence(account.user, contact.id, this.of(account, contact));
        if (++sent % ((pace * tick) / 1000) === 0) await this.#pause(tick);
      }
      if (sent % ((pace * tick) / 1000) === 0) await this.#pause(tick);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#o.clock.setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, ms);
      this.#timers.add(timer);
    });
  }

  #gateway(account: AccountRecord, state: SessionState, detail: string | undefined): PresenceOut {
    switch (state) {
      case "online":
        return { available: true };
      case "connecting":
        return { available: true, show: "away", status: "Connecting" };
      case "retrying":
        return { available: true, show: "away", status: detail ?? "Connecting again" };
      case "login-required": {
        const status = this.#o.offersLogin(account) ? 'Sign in again: send "login"' : "Signed out";
        return { available: true, show: "xa", status };
      }
      default:
        return state satisfies never;
    }
  }
}

/** Name and picture. What has no picture yet says nothing of one: clients would take it for none. */
function looks({ name, avatar, picture }: ContactRecord): Pick<PresenceOut, "name" | "picture"> {
  const shown = avatar === null ? "" : picture;
  return { ...(name ? { name } : {}), ...(shown === undefined ? {} : { picture: shown }) };
}
