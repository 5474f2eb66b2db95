// People on a network as the users know them: when they are introduced, and who sees whose presence.
import type { Logger, RemoteId } from "#bridge";
import { GatewayError } from "./errors.ts";
import type { AccountId, Clock, ContactRecord, ContactStore } from "./ports.ts";
import type { XmppOutput } from "./xmpp-ports.ts";
import { RateLimit } from "./rate.ts";

/** Pairs of account and contact that need no look-up before the next message. */
const mostKnown = 20_000;
/** A user is asked about no more strangers than this: the mail of the others arrives all the same. */
const introductionsPerHour = 20;

export interface ContactsOptions {
  readonly store: ContactStore;
  readonly output: XmppOutput;
  readonly clock: Clock;
  readonly log: Logger;
  readonly mostPerAccount: number;
  readonly newPerHour: number;
}

export class Contacts {
  readonly #o: ContactsOptions;
  readonly #known = new Set<string>();
  readonly #introductions: RateLimit;
  readonly #additions: RateLimit;

  constructor(options: ContactsOptions) {
    this.#o = options;
    this.#introductions = new RateLimit(options.clock, introductionsPerHour / 60, introductionsPerHour);
    this.#additions = new RateLimit(options.clock, options.newPerHour / 60, options.newPerHour);
  }

  /** The user writes to somebody. Throws GatewayError above the quotas (security.md E09, X13). */
  async address(account: AccountId, user: string, id: RemoteId): Promise<void> {
    const key = knownKey(account, id);
    if (this.#known.has(key)) return;
    if ((await this.#o.store.get(account, id)) === undefined) {
      await this.#admit(account, user);
      await this.#o.store.change(account, id, (stored) => stored ?? fresh(account, id));
    }
    this.#remember(key);
  }

  /** Somebody writes to the user: a stranger is introduced, once. */
  async meet(
    account: AccountId,
    user: string,
    id: RemoteId,
    name: string | undefined,
    automatic: boolean,
  ): Promise<void> {
    const key = knownKey(account, id);
    if (this.#known.has(key)) return;
    const contact = await this.#o.store.get(account, id);
    if (contact) return this.#remember(key);
    // Machines are not people to have in a roster; they are looked at again when a human writes from there.
    if (automatic || this.#introductions.take(user) > 0) return;
    await this.#o.store.change(account, id, (stored) => stored ?? { ...fresh(account, id), name });
    this.#remember(key);
    this.#o.output
      .introduce(user, id, name)
      .catch((error: unknown) => this.#o.log.warn({ err: error, account }, "introduction failed"));
  }

  /** The user wants to see the contact's presence (RFC 6121 section 3.1). */
  async subscribe(account: AccountId, user: string, id: RemoteId): Promise<ContactRecord> {
    const contact = await this.#o.store.get(account, id);
    if (contact?.subscribed) return contact;
    if (contact === undefined) await this.#admit(account, user);
    return this.#o.store.change(account, id, (stored) => ({ ...(stored ?? fresh(account, id)), subscribed: true }));
  }

  /** The user asked for this contact by a command; `named`: under a name of the user's own. */
  async add(
    account: AccountId,
    user: string,
    id: RemoteId,
    { name, named }: Pick<ContactRecord, "name" | "named">,
  ): Promise<void> {
    const contact = await this.#o.store.get(account, id);
    if (contact === undefined) await this.#admit(account, user);
    const added = await this.#o.store.change(account, id, (stored = fresh(account, id)) => ({
      ...stored,
      name: name ?? stored.name,
      named: (named ?? false) || (stored.named ?? false),
    }));
    await this.#o.output.addToRoster(user, id, added.name);
  }

  /** A contact shows something else of themselves. The contact must exist. */
  describe(
    account: AccountId,
    id: RemoteId,
    update: (stored: ContactRecord) => Pick<ContactRecord, "name" | "avatar">,
  ): Promise<ContactRecord> {
    return this.#o.store.change(account, id, (stored = fresh(account, id)) => ({ ...stored, ...update(stored) }));
  }

  async unsubscribe(account: AccountId, id: RemoteId): Promise<void> {
    const contact = await this.#o.store.get(account, id);
    if (contact?.subscribed)
      await this.#o.store.change(account, id, (stored = contact) => ({ ...stored, subscribed: false }));
  }

  get(account: AccountId, id: RemoteId): Promise<ContactRecord | undefined> {
    return this.#o.store.get(account, id);
  }

  page(account: AccountId, after: RemoteId, limit: number): Promise<ContactRecord[]> {
    return this.#o.store.page(account, after, limit);
  }

  async *all(account: AccountId): AsyncGenerator<ContactRecord> {
    let after = "";
    for (;;) {
      const page = await this.#o.store.page(account, after, 100);
      yield* page;
      const last = page.at(-1);
      if (page.length < 100 || last === undefined) return;
      after = last.id;
    }
  }

  async #admit(account: AccountId, user: string): Promise<void> {
    const wait = this.#additions.take(user);
    if (wait > 0) {
      const minutes = Math.ceil(wait / 60_000);
      throw new GatewayError("policy-violation", `Too many new contacts at once; try again in ${minutes} min.`, {
        wait: true,
      });
    }
    if ((await this.#o.store.count(account)) >= this.#o.mostPerAccount) {
      throw new GatewayError(
        "resource-constraint",
        `You have ${this.#o.mostPerAccount} contacts here; remove some first.`,
      );
    }
  }

  #remember(key: string): void {
    if (this.#known.size >= mostKnown) this.#known.clear();
    this.#known.add(key);
  }
}

const fresh = (account: AccountId, id: RemoteId): ContactRecord => ({
  account,
  id,
  name: undefined,
  subscribed: false,
  introduced: true,
});

const knownKey = (account: AccountId, id: RemoteId) => `${account}/${id}`;
