// XEP-0356: Privileged Entity. What the server said we may do; used only for what is listed here (security.md X08), and only
// for users of the server that said it: it has no say about others, whose servers would be asked in vain.
import type { Logger } from "#bridge";
import { NS } from "./ns.ts";
import { attr, child, children, type Element } from "./stanza.ts";

export class Privileges {
  readonly #serverDomain: string;
  readonly #log: Logger;
  #roster = false;
  #messages = false;
  #pubsub = false;

  /** `serverDomain`: that of the server on whose word this stands. */
  constructor(serverDomain: string, log: Logger) {
    this.#serverDomain = serverDomain;
    this.#log = log;
  }

  /** Roster items of this user, a bare JID, may be written. */
  roster(user: string): boolean {
    return this.#roster && this.#isLocal(user);
  }

  /** Messages may be sent in this user's name. */
  messages(user: string): boolean {
    return this.#messages && this.#isLocal(user);
  }

  /** What this user keeps in nodes of their own (XEP-0163) may be written. */
  pubsub(user: string): boolean {
    return this.#pubsub && this.#isLocal(user);
  }

  /** The stream is gone: the server will say again what it grants. */
  reset(): void {
    this.#roster = false;
    this.#messages = false;
    this.#pubsub = false;
  }

  /** The advertisement that follows the handshake. The caller has checked that the server itself sent it. */
  learn(stanza: Element): void {
    const privilege = child(stanza, "privilege", NS.privilege);
    // Prosody sends an empty one for each user session: nothing is taken back by it.
    const perms = privilege ? children(privilege, "perm") : [];
    if (perms.length === 0) return;
    const granted = Object.fromEntries(perms.map((perm) => [attr(perm, "access") ?? "", attr(perm, "type") ?? ""]));
    this.#roster = mayWrite(granted.roster);
    this.#messages = granted.message === "outgoing";
    this.#pubsub = perms.some((perm) => mayWrite(namespacesOf(perm).get(NS.pubsub)));
    const detail = Object.entries(granted)
      .map(([access, type]) => `${access} ${type}`)
      .join(", ");
    this.#log.info({ detail }, "the server granted privileges (XEP-0356)");
  }

  #isLocal(user: string): boolean {
    return user.slice(user.indexOf("@") + 1) === this.#serverDomain;
  }
}

const mayWrite = (type: string | undefined) => type === "both" || type === "set";

/** Section 7: what may be asked by IQ, by namespace. COMPAT(Prosody 0.12): there each element stands in the one before it. */
function namespacesOf(perm: Element): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const left = children(perm, "namespace");
  for (let one = left.pop(); one !== undefined && found.size < mostNamespaces; one = left.pop()) {
    found.set(attr(one, "ns") ?? "", attr(one, "type") ?? "");
    left.push(...children(one, "namespace"));
  }
  return found;
}

const mostNamespaces = 100;
