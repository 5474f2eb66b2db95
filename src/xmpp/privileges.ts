// XEP-0356: Privileged Entity. What the server said we may do; used only for what is listed here (security.md X08).
import type { Logger } from "#bridge";
import { NS } from "./ns.ts";
import { attr, child, children, type Element } from "./stanza.ts";

export class Privileges {
  readonly #log: Logger;
  #roster = false;
  #pubsub = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Roster items of local users may be written. */
  get roster(): boolean {
    return this.#roster;
  }

  /** Local users' own nodes may be changed (section 7). */
  get pubsub(): boolean {
    return this.#pubsub;
  }

  /** The stream is gone: the server will say again what it grants. */
  reset(): void {
    this.#roster = false;
    this.#pubsub = false;
  }

  /** The advertisement that follows the handshake. The caller has checked that the server itself sent it. */
  learn(stanza: Element): void {
    const privilege = child(stanza, "privilege", NS.privilege);
    // Prosody sends an empty one for each user session: nothing is taken back by it.
    const perms = privilege ? children(privilege, "perm") : [];
    if (perms.length === 0) return;
    const granted = Object.fromEntries(perms.map((perm) => [attr(perm, "access") ?? "", attr(perm, "type") ?? ""]));
    this.#roster = granted.roster === "both" || granted.roster === "set";
    this.#pubsub = perms.some((perm) => attr(perm, "access") === "iq" && namespaces(perm).includes(NS.pubsub));
    const detail = Object.entries(granted)
      .map(([access, type]) => `${access} ${type}`)
      .join(", ");
    this.#log.info({ detail }, "the server granted privileges (XEP-0356)");
  }
}

/** Those whose requests may be of type set. Prosody 0.12 nests them in each other. */
function namespaces(perm: Element): readonly string[] {
  return children(perm, "namespace").flatMap((one) => {
    const type = attr(one, "type");
    const own = type === "both" || type === "set" ? [attr(one, "ns") ?? ""] : [];
    return [...own, ...namespaces(one)];
  });
}
