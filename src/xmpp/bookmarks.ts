// XEP-0402: PEP Native Bookmarks, in the user's name where the server grants that (XEP-0356 section 7, security.md X08):
// rooms that the user came into by another program appear in their clients, and go when they left.
import type { Logger } from "#bridge";
import type { IqTracker } from "./iq.ts";
import { NS } from "./ns.ts";
import type { Privileges } from "./privileges.ts";
import { attr, child, el, type Element } from "./stanza.ts";
import { StanzaError } from "./stanza-error.ts";

export interface BookmarksOptions {
  readonly iq: IqTracker;
  readonly privileges: Privileges;
  readonly log: Logger;
}

export interface Bookmark {
  /** Bare JID of the room. */
  readonly jid: string;
  readonly name: string | undefined;
  readonly nick: string;
}

/** Rows of all users wait meanwhile. */
const timeoutMs = 5_000;

export class Bookmarks {
  readonly #o: BookmarksOptions;
  /** The server grants it and does not do it (ejabberd 24.12): it is not asked again before the next stream. */
  #isBroken = false;

  constructor(options: BookmarksOptions) {
    this.#o = options;
  }

  /** The stream is gone: perhaps the server is another one afterwards. */
  reset(): void {
    this.#isBroken = false;
  }

  /** False: the user has to be told in another way. One that is there is written over: the user came in just now. */
  add(user: string, { jid, name, nick }: Bookmark): Promise<boolean> {
    const conference = el("conference", { xmlns: NS.bookmarks, name, autojoin: "true" }, el("nick", {}, nick));
    const publish = el("publish", { node: NS.bookmarks }, el("item", { id: jid }, conference));
    return this.#change(user, publish, publishOptions());
  }

  async remove(user: string, jid: string): Promise<void> {
    await this.#change(user, el("retract", { node: NS.bookmarks, notify: "true" }, el("item", { id: jid })));
  }

  async #change(user: string, ...children: readonly Element[]): Promise<boolean> {
    const { iq, privileges, log } = this.#o;
    if (!privileges.pubsub(user) || this.#isBroken) return false;
    const inner = el(
      "iq",
      { xmlns: NS.client, type: "set", id: "bookmark", from: user, to: user },
      el("pubsub", { xmlns: NS.pubsub }, ...children),
    );
    try {
      const wrapped = el("privileged_iq", { xmlns: NS.privilege }, inner);
      const answer = child(await iq.request(user, wrapped, { type: "set", timeoutMs }), "privilege", NS.privilege);
      const forwarded = answer && child(answer, "forwarded", NS.forward);
      const result = forwarded && child(forwarded, "iq", NS.client);
      return result !== undefined && attr(result, "type") === "result";
    } catch (error) {
      // No answer at all is the server's fault, an error may be this user's alone.
      if (error instanceof StanzaError && error.condition === "remote-server-timeout") this.#isBroken = true;
      log.warn({ err: error }, "the server did not let the gateway change a bookmark");
      return false;
    }
  }
}

/** XEP-0402 section 4: kept, all of them, and for nobody else's eyes. */
function publishOptions(): Element {
  const field = (name: string, value: string, type?: string) =>
    el("field", { var: name, type }, el("value", {}, value));
  return el(
    "publish-options",
    {},
    el(
      "x",
      { xmlns: NS.dataForms, type: "submit" },
      field("FORM_TYPE", "http://jabber.org/protocol/pubsub#publish-options", "hidden"),
      field("pubsub#persist_items", "true"),
      field("pubsub#max_items", "max"),
      field("pubsub#send_last_published_item", "never"),
      field("pubsub#access_model", "whitelist"),
    ),
  );
}
