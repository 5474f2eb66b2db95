// XEP-0356: Privileged Entity. What the server said we may do; used only for what is listed here (security.md X08).
import type { Logger } from "#bridge";
import { NS } from "./ns.ts";
import { attr, child, children, type Element } from "./stanza.ts";

export class Privileges {
  readonly #log: Logger;
  #roster = false;
  #messages = false;
  #pubsub = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Roster items of local users may be written. */
  get roster(): boolean {
    return this.#roster;
  }

  /** Messages may be sent in the name of local users. */
  get messages(): boolean {
    return this.#messages;
  }

  /** What local users keep in nodes of their own (XEP-0163) may be written. */
  get pubsub(): boolean {
    return this.#pubsub;
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
