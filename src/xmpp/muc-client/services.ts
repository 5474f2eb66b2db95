// Which group chats there are: on services that the operator allows, or that the XMPP server names itself (XEP-0030,
// XEP-0045 section 6). A chat that is not there is never made by entering it.
import { BridgeError, type FoundGroupChat } from "#bridge";
import type { Clock } from "../../gateway/ports.ts";
import type { IqTracker } from "../iq.ts";
import { parseJid } from "../jid.ts";
import { NS } from "../ns.ts";
import { attr, child, children, type Element, el } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";

export interface ServicesOptions {
  readonly iq: Pick<IqTracker, "request">;
  readonly clock: Clock;
  /** The component's own JID: its rooms are the network's already. */
  readonly jid: string;
  readonly serverDomain: string;
}

/** What a chat says of itself. */
export interface ChatFacts {
  readonly name: string | undefined;
  readonly features: ReadonlySet<string>;
}

const timeoutMs = 10_000;
/** Services come and go with the server's configuration. */
const keptFor = 10 * 60_000;
/** A server names a handful; what is more is not asked. */
const mostServices = 50;

export class Services {
  readonly #o: ServicesOptions;
  #found: { readonly at: number; readonly domains: Promise<ReadonlySet<string>> } | undefined;

  constructor(options: ServicesOptions) {
    this.#o = options;
  }

  /** Undefined: there is no such chat, it is not open to everybody, or its service is not allowed. */
  async find(address: string, services: readonly string[] | undefined): Promise<FoundGroupChat | undefined> {
    const jid = parseJid(address);
    if (jid?.local === undefined || jid.resource !== undefined || jid.domain === this.#o.jid) return undefined;
    const allowed = services ?? [...(await this.#named())];
    if (!allowed.includes(jid.domain)) return undefined;
    const facts = await this.facts(jid.bare);
    if (facts === undefined) return undefined;
    const isClosed = facts.features.has("muc_membersonly") || facts.features.has("muc_passwordprotected");
    if (isClosed) return undefined;
    return { address: jid.bare, ...(facts.name ? { name: facts.name } : {}) };
  }

  /** Undefined: there is no such chat. Throws BridgeError `retry`. */
  async facts(address: string): Promise<ChatFacts | undefined> {
    const query = await this.#info(address);
    if (query === undefined || !hasIdentity(query, "conference")) return undefined;
    const identity = children(query, "identity").find((one) => attr(one, "category") === "conference");
    const features = children(query, "feature").map((feature) => attr(feature, "var") ?? "");
    return { name: identity && attr(identity, "name"), features: new Set(features) };
  }

  #named(): Promise<ReadonlySet<string>> {
    const now = this.#o.clock.now();
    if (this.#found === undefined || now - this.#found.at > keptFor) {
      const domains = this.#discover();
      this.#found = { at: now, domains };
      domains.catch(() => {
        this.#found = undefined;
      });
    }
    return this.#found.domains;
  }

  async #discover(): Promise<ReadonlySet<string>> {
    const { serverDomain, jid } = this.#o;
    const answer = await this.#ask(serverDomain, NS.discoItems);
    const items = answer === undefined ? [] : children(answer, "item").slice(0, mostServices);
    const domains = items.flatMap((item) => {
      const found = parseJid(attr(item, "jid") ?? "");
      return found && found.local === undefined && found.domain !== jid ? [found.domain] : [];
    });
    const infos = await Promise.all(
      domains.map((domain) =>
        this.#info(domain).then(
          (query) => [domain, query] as const,
          () => undefined,
        ),
      ),
    );
    const chats = infos.flatMap((one) => {
      const [domain = "", query] = one ?? [];
      // Rooms of a gateway are another network's.
      return query !== undefined && hasIdentity(query, "conference") && !hasIdentity(query, "gateway") ? [domain] : [];
    });
    return new Set(chats);
  }

  #info(to: string): Promise<Element | undefined> {
    return this.#ask(to, NS.discoInfo);
  }

  /** Undefined: the answer is that there is nothing. */
  async #ask(to: string, ns: string): Promise<Element | undefined> {
    try {
      const answer = await this.#o.iq.request(to, el("query", { xmlns: ns }), { timeoutMs });
      return child(answer, "query", ns);
    } catch (cause) {
      const isAnswer = cause instanceof StanzaError && nothing.has(cause.condition);
      if (isAnswer) return undefined;
      throw new BridgeError("retry", "The service of the group chat does not answer.", { cause });
    }
  }
}

const nothing: ReadonlySet<string> = new Set([
  "item-not-found",
  "gone",
  "forbidden",
  "not-allowed",
  "service-unavailable",
  "remote-server-not-found",
  "registration-required",
]);

const hasIdentity = (query: Element, category: string): boolean =>
  children(query, "identity").some((identity) => attr(identity, "category") === category);
