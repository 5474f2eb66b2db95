// Registrations: several per user and bridge, from a sign-in (account mode) or by being a user of this server (domain mode).
import type { Json, RemoteId, SignedIn } from "#bridge";
import { GatewayError } from "./errors.ts";
import type { AccountId, AccountRecord, AccountStore, ContactStore } from "./ports.ts";

export interface AccountsOptions {
  readonly store: AccountStore;
  readonly contacts: ContactStore;
  /** The address a user has in domain mode; undefined without domain mode. */
  readonly domainAddress: (bridge: string, user: string) => RemoteId | undefined;
  /** False: it stays stored, but nothing is sent through it. */
  readonly isInUse: (account: AccountRecord) => boolean;
  /** Over all bridges. */
  readonly mostPerUser: number;
}

export class Accounts {
  readonly #o: AccountsOptions;
  readonly #byId = new Map<AccountId, AccountRecord>();
  readonly #byUser = new Map<string, AccountRecord[]>();
  readonly #bySelf = new Map<string, AccountRecord>();

  constructor(options: AccountsOptions) {
    this.#o = options;
  }

  /** Those of earlier runs. Group chats are no accounts of users: see group-chats.ts. */
  async load(): Promise<AccountRecord[]> {
    const all = (await this.#o.store.all()).filter(({ mode }) => mode !== "groupchat");
    for (const account of all) this.#index(account);
    return all;
  }

  get(id: AccountId): AccountRecord | undefined {
    return this.#byId.get(id);
  }

  get size(): number {
    return this.#byId.size;
  }

  all(bridge: string): AccountRecord[] {
    return [...this.#byId.values()].filter((account) => account.bridge === bridge);
  }

  of(bridge: string, user: string): readonly AccountRecord[] {
    return this.#byUser.get(userKey(bridge, user)) ?? [];
  }

  /** The domain account that receives for this id. */
  bySelf(bridge: string, self: RemoteId): AccountRecord | undefined {
    return this.#bySelf.get(userKey(bridge, self));
  }

  /** The account by its id on the network, or the only one. Throws GatewayError that names the choices. */
  pick(bridge: string, user: string, self: string | undefined): AccountRecord {
    const accounts = this.of(bridge, user);
    const found =
      self === undefined && accounts.length === 1 ? accounts[0] : accounts.find((account) => account.self === self);
    if (found) return found;
    if (accounts.length === 0) throw new GatewayError("registration-required", "You are not signed in here.");
    throw new GatewayError(
      "bad-request",
      `Which account? One of: ${accounts.map((account) => account.self).join(", ")}.`,
    );
  }

  /**
   * The account a conversation belongs to: the one that knows the contact, else the one the user signed in with last,
   * else the domain account. Undefined: the user has none that is in use.
   */
  async forContact(bridge: string, user: string, contact: RemoteId): Promise<AccountRecord | undefined> {
    const accounts = this.of(bridge, user).filter(this.#o.isInUse);
    if (accounts.length > 1) {
      const [known] = await this.#o.contacts.knownBy(
        accounts.map((account) => account.id),
        contact,
      );
      if (known !== undefined) return this.#byId.get(known);
      return accounts.findLast((account) => account.mode === "account") ?? accounts[0];
    }
    return accounts[0];
  }

  /** Makes the account that domain mode gives this user; undefined without domain mode. */
  async enrol(bridge: string, user: string): Promise<AccountRecord | undefined> {
    const self = this.#o.domainAddress(bridge, user);
    if (self === undefined) return undefined;
    return (
      this.of(bridge, user).find((account) => account.mode === "domain") ??
      this.#save({ bridge, user, mode: "domain", self }, undefined)
    );
  }

  /** Stores a sign-in. The same id again replaces its credentials. */
  async signIn(bridge: string, user: string, signedIn: SignedIn<Json>): Promise<AccountRecord> {
    const { self, credentials, cursor } = signedIn;
    const accounts = this.of(bridge, user);
    const known = accounts.some((account) => account.self === self && account.mode === "account");
    const count = known ? 0 : [...this.#byId.values()].filter((account) => account.user === user).length;
    if (count >= this.#o.mostPerUser)
      throw new GatewayError("resource-constraint", `You have ${count} accounts here; sign out of one first.`);
    return this.#save({ bridge, user, mode: "account", self }, credentials, cursor);
  }

  async remove(account: AccountRecord): Promise<void> {
    await this.#o.store.remove(account.id);
    this.#byId.delete(account.id);
    const key = userKey(account.bridge, account.user);
    const rest = (this.#byUser.get(key) ?? []).filter((one) => one.id !== account.id);
    if (rest.length > 0) this.#byUser.set(key, rest);
    else this.#byUser.delete(key);
    if (account.mode === "domain") this.#bySelf.delete(userKey(account.bridge, account.self));
  }

  async #save(
    account: Omit<AccountRecord, "id" | "createdAt">,
    credentials: Json | undefined,
    cursor?: Json,
  ): Promise<AccountRecord> {
    const record = await this.#o.store.save(account, credentials, cursor);
    if (!this.#byId.has(record.id)) this.#index(record);
    return this.#byId.get(record.id) ?? record;
  }

  #index(account: AccountRecord): void {
    this.#byId.set(account.id, account);
    const key = userKey(account.bridge, account.user);
    this.#byUser.set(key, [...(this.#byUser.get(key) ?? []), account]);
    if (account.mode === "domain") this.#bySelf.set(userKey(account.bridge, account.self), account);
  }
}

const userKey = (bridge: string, user: string) => `${bridge}/${user}`;
