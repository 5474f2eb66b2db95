// Contacts in the user's roster. XEP-0356 where the server grants it, else XEP-0144 where the client knows it, else a
// subscription request.
import type { Logger, RemoteId } from "#bridge";
import type { Addresses } from "./addresses.ts";
import type { IqTracker } from "./iq.ts";
import { NS } from "./ns.ts";
import type { Privileges } from "./privileges.ts";
import { attr, child, children, el, type Element } from "./stanza.ts";

export interface RosterOptions {
  readonly addresses: Addresses;
  readonly iq: IqTracker;
  readonly privileges: Privileges;
  readonly send: (stanza: Element) => unknown;
  /** A full JID of the user's that is online, as far as the gateway was told. */
  readonly onlineResource: (user: string) => string | undefined;
  /** The roster group for items that the gateway writes. */
  readonly group: string;
  /** An item was written, subscribed both ways: no subscription request will come. */
  readonly onSubscribed: (user: string, contact: RemoteId) => Promise<void>;
  readonly log: Logger;
}

export class Roster {
  readonly #o: RosterOptions;

  constructor(options: RosterOptions) {
    this.#o = options;
  }

  /** Somebody the user did not choose: a subscription request, which every client knows how to ask about. */
  async introduce(user: string, contact: RemoteId | undefined, name: string | undefined): Promise<void> {
    const nick = name ? el("nick", { xmlns: NS.nick }, name) : undefined;
    this.#o.send(el("presence", { type: "subscribe", from: this.#o.addresses.speaker(contact), to: user }, nick));
  }

  /** Somebody the user asked for. */
  async add(user: string, contact: RemoteId, name: string | undefined): Promise<void> {
    const jid = this.#o.addresses.speaker(contact);
    if (this.#o.privileges.roster(user) && (await this.#write(user, jid, name)))
      return this.#o.onSubscribed(user, contact);
    const client = this.#o.onlineResource(user);
    if (client && (await this.#knowsExchange(client))) this.#suggest(client, jid, name);
    else await this.introduce(user, contact, name);
  }

  /**
   * The roster belongs to the user: a name that they gave stays. Where the gateway may not look, presence tells the new one
   * (XEP-0172).
   */
  async rename(user: string, contact: RemoteId, was: string | undefined, name: string): Promise<void> {
    if (!this.#o.privileges.roster(user)) return;
    const jid = this.#o.addresses.speaker(contact);
    const answer = await this.#o.iq.request(user, el("query", { xmlns: NS.roster }), { timeoutMs: 5_000 });
    const query = child(answer, "query", NS.roster);
    const item = query && children(query, "item", NS.roster).find((one) => attr(one, "jid") === jid);
    const current = item && attr(item, "name");
    if (item === undefined || (current && current !== was)) return;
    const groups = children(item, "group").map((group) => el("group", {}, group.getText()));
    const changed = el("item", { jid, name, subscription: attr(item, "subscription") }, ...groups);
    await this.#o.iq.request(user, el("query", { xmlns: NS.roster }, changed), { type: "set", timeoutMs: 5_000 });
  }

  /** XEP-0356 section 4.2. False when the server did not do it. */
  async #write(user: string, jid: string, name: string | undefined): Promise<boolean> {
    const item = el("item", { jid, name, subscription: "both" }, el("group", {}, this.#o.group));
    try {
      await this.#o.iq.request(user, el("query", { xmlns: NS.roster }, item), { type: "set", timeoutMs: 5_000 });
      return true;
    } catch (error) {
      this.#o.log.warn({ err: error }, "the server did not let the gateway write a roster item");
      return false;
    }
  }

  async #knowsExchange(client: string): Promise<boolean> {
    try {
      const answer = await this.#o.iq.request(client, el("query", { xmlns: NS.discoInfo }), { timeoutMs: 3_000 });
      const query = child(answer, "query", NS.discoInfo);
      return (
        query !== undefined && children(query, "feature").some((feature) => attr(feature, "var") === NS.rosterExchange)
      );
    } catch {
      return false;
    }
  }

  /** XEP-0144 section 3. */
  #suggest(client: string, jid: string, name: string | undefined): void {
    const item = el("item", { action: "add", jid, name }, el("group", {}, this.#o.group));
    this.#o.send(
      el("message", { from: this.#o.addresses.domain, to: client }, el("x", { xmlns: NS.rosterExchange }, item)),
    );
  }
}
