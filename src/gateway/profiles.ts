// What contacts show of themselves: told by the network or looked up, kept with the contact, and shown to a user who sees
// them (security.md X10, M14).
import type { AvatarId, LiveSession, Logger, Picture, Profile, RemoteId } from "#bridge";
import { inTime } from "./ask.ts";
import type { Avatars } from "./avatars.ts";
import type { BriefAsks } from "./brief-asks.ts";
import type { Contacts } from "./contacts.ts";
import { cleanNick } from "./nicks.ts";
import type { AccountId, AccountRecord, Clock, ContactRecord } from "./ports.ts";
import type { XmppOutput } from "./xmpp-ports.ts";
import type { PresenceBook } from "./presence.ts";
import { RateLimit } from "./rate.ts";
import { Turns } from "./turns.ts";

/** Milliseconds before somebody is looked at again. */
const lookEvery = 86_400_000;
const mostLooks = 20_000;
/** Of one contact, in rosters: then one a minute. */
const renamesInARow = 3;
const turns = { atOnce: 8, perAccount: 2, waiting: 1_000 } as const;

/** What is new of a contact; what is absent has not changed. */
export interface ProfileNews {
  readonly name?: string;
  /** null: no picture. */
  readonly avatar?: AvatarId | null;
}

export interface ProfilesOptions {
  readonly avatars: Avatars;
  readonly asks: BriefAsks;
  readonly presence: PresenceBook;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bridge: (name: string) => { readonly contacts: Contacts; readonly output: XmppOutput } | undefined;
  /** Undefined while the account is not connected. */
  readonly sessionOf: (account: AccountId) => LiveSession | undefined;
}

export class Profiles {
  readonly #o: ProfilesOptions;
  readonly #turns = new Turns(turns);
  readonly #renames: RateLimit;
  /** By account and contact: when they were looked at last. */
  readonly #looked = new Map<string, number>();

  constructor(options: ProfilesOptions) {
    this.#o = options;
    this.#renames = new RateLimit(options.clock, 1, renamesInARow);
  }

  /** A network told something new of a contact. Of somebody who is none nothing is kept. */
  async changed(account: AccountRecord, id: RemoteId, news: ProfileNews): Promise<void> {
    const { avatar } = news;
    const name = cleanNick(news.name ?? "");
    const place = this.#o.bridge(account.bridge);
    const before = await place?.contacts.get(account.id, id);
    if (place === undefined || before === undefined) return;
    const after = await place.contacts.describe(account.id, id, (stored) => ({
      name: stored.named ? stored.name : name || stored.name,
      // That there is no picture is news only to who may have one of them.
      avatar: avatar === undefined || (avatar === null && stored.avatar === undefined) ? stored.avatar : avatar,
    }));
    const isNew = after.avatar !== before.avatar;
    if (after.name !== undefined && after.name !== before.name)
      this.#rename(place.output, account, id, before.name, after.name);
    if (after.name !== before.name || (isNew && after.avatar === null)) this.#o.presence.show(account, after);
    if (after.picture === undefined) this.#fetch(account, after);
    else if (isNew) this.#o.presence.show(account, after);
  }

  /** The user sees this contact: what the network knows of them is looked up in the background, now and then. */
  look(account: AccountRecord, contact: ContactRecord): void {
    const { clock, log } = this.#o;
    if (contact.picture === undefined) this.#fetch(account, contact);
    if (this.#isFresh(account, contact.id)) return;
    const key = keyOf(account, contact.id);
    const session = this.#o.sessionOf(account.id);
    if (session?.profile === undefined) return;
    if (this.#looked.size >= mostLooks) this.#looked.clear();
    this.#looked.set(key, clock.now());
    this.#turns
      .take(account.id, async () => {
        const profile = await inTime(session.profile?.(contact.id) ?? Promise.resolve(undefined), clock);
        if (profile) await this.changed(account, contact.id, { avatar: null, ...profile });
      })
      .catch((error: unknown) => {
        this.#looked.delete(key);
        log.debug({ err: error, account: account.id }, "somebody could not be looked up");
      });
  }

  /** For their card: who is no contact is looked up. Without a picture where there is none, or none to be had soon. */
  async card(
    account: AccountRecord,
    id: RemoteId,
  ): Promise<{ readonly name: string | undefined; readonly picture: Picture | undefined }> {
    const { avatars, bridge } = this.#o;
    const contact = await bridge(account.bridge)?.contacts.get(account.id, id);
    const isKnown = contact?.avatar !== undefined || this.#isFresh(account, id);
    if (contact) this.look(account, contact);
    const shown = isKnown ? undefined : await this.#lookUpSoon(account, id);
    const avatar = contact?.avatar ?? shown?.avatar;
    return {
      name: contact?.name ?? (cleanNick(shown?.name ?? "") || undefined),
      picture: avatar === undefined ? undefined : await avatars.pictureSoon(account.id, avatar),
    };
  }

  /** How the network calls somebody, who may be no contact yet; undefined when it does not say soon. */
  async nameOf(account: AccountRecord, id: RemoteId): Promise<string | undefined> {
    const contact = await this.#o.bridge(account.bridge)?.contacts.get(account.id, id);
    if (contact?.name !== undefined) return contact.name;
    return cleanNick((await this.#lookUpSoon(account, id))?.name ?? "") || undefined;
  }

  /** A card without what the network does not tell is better than none. */
  async #lookUpSoon(account: AccountRecord, id: RemoteId): Promise<Profile | undefined> {
    const { asks, log, sessionOf } = this.#o;
    const session = sessionOf(account.id);
    try {
      return await asks.ask(account.id, async () => session?.profile?.(id));
    } catch (error) {
      log.debug({ err: error, account: account.id }, "somebody could not be looked up");
      return undefined;
    }
  }

  /** In the background: a roster is the server's, which may take its time. Who changes names all day stays as they were. */
  #rename(output: XmppOutput, account: AccountRecord, id: RemoteId, was: string | undefined, name: string): void {
    if (this.#renames.take(keyOf(account, id)) > 0) return;
    output
      .rename(account.user, id, was, name)
      .catch((error: unknown) => this.#o.log.warn({ err: error, account: account.id }, "a roster has an old name"));
  }

  #isFresh(account: AccountRecord, id: RemoteId): boolean {
    const looked = this.#looked.get(keyOf(account, id));
    return looked !== undefined && looked + lookEvery > this.#o.clock.now();
  }

  /** Only of those whom the user sees: presence names the picture, so it has to be here first. */
  #fetch(account: AccountRecord, { id, avatar, subscribed }: ContactRecord): void {
    if (typeof avatar !== "string" || !subscribed) return;
    this.#o.avatars.want(account.id, avatar, id, async () => {
      const contact = await this.#o.bridge(account.bridge)?.contacts.get(account.id, id);
      if (contact?.avatar === avatar) this.#o.presence.show(account, contact);
    });
  }
}

const keyOf = (account: AccountRecord, id: RemoteId): string => `${account.id}/${id}`;
