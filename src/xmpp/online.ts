// Which clients of a user are online, as far as their presence reached the component. Only a hint: for asking a client what
// it can do (XEP-0144), and for telling in words what nobody may be there to hear.
import type { Jid } from "./jid.ts";

const mostUsers = 10_000;

export class Online {
  readonly #byUser = new Map<string, string>();

  here(jid: Jid): void {
    if (jid.resource === undefined) return;
    if (this.#byUser.size >= mostUsers) this.#byUser.clear();
    this.#byUser.set(jid.bare, jid.toString());
  }

  gone(jid: Jid): void {
    if (this.#byUser.get(jid.bare) === jid.toString()) this.#byUser.delete(jid.bare);
  }

  /** Whether this full JID is the one that `clientOf` gives. */
  isHere(client: string): boolean {
    const bare = client.split("/", 1)[0] ?? "";
    return this.#byUser.get(bare) === client;
  }

  clientOf(user: string): string | undefined {
    return this.#byUser.get(user);
  }
}
