// XEP-0313: Message Archive Management, asked: what was said in a chat since it was last heard.
import type { IqTracker } from "../iq.ts";
import { NS } from "../ns.ts";
import { attr, child, type Element, el } from "../stanza.ts";
import { timeOf } from "./hearing.ts";

export interface CatchUpOptions {
  readonly iq: Pick<IqTracker, "request">;
  readonly address: string;
  /** Full JID of who asks. */
  readonly from: string;
  /** Archive id of the newest message that is known. */
  readonly after: string;
  /** What the chat sends with the answer, in order; called when a page is whole. */
  readonly onPage: (messages: readonly ArchivedMessage[]) => Promise<void>;
}

export interface ArchivedMessage {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly stanza: Element;
}

const pageSize = 100;
/** Who was away for longer misses something. */
const mostPages = 200;
const timeoutMs = 30_000;

/** One query at a time: collects the results between the request and its answer. */
export class CatchUp {
  readonly #o: CatchUpOptions;
  readonly #id: string;
  #page: ArchivedMessage[] = [];

  constructor(options: CatchUpOptions, id: string) {
    this.#o = options;
    this.#id = id;
  }

  /** Resolves when all is heard. Throws StanzaError when the archive does not give it. */
  async run(): Promise<void> {
    let { after } = this.#o;
    for (let pages = 0; pages < mostPages; pages++) {
      this.#page = [];
      const fin = await this.#ask(after);
      const last = this.#page.at(-1)?.id;
      await this.#o.onPage(this.#page);
      if (last === undefined || (fin && attr(fin, "complete") === "true")) return;
      after = last;
    }
  }

  /** True: the message was a result of this query. */
  take(stanza: Element): boolean {
    const result = child(stanza, "result", NS.mam);
    if (result === undefined || attr(result, "queryid") !== this.#id) return false;
    const forwarded = child(result, "forwarded", NS.forward);
    const message = forwarded && child(forwarded, "message");
    const delay = forwarded && child(forwarded, "delay", NS.delay);
    const at = delay && timeOf(attr(delay, "stamp"));
    const id = attr(result, "id");
    if (message && id && at !== undefined && this.#page.length < pageSize) this.#page.push({ id, at, stanza: message });
    return true;
  }

  async #ask(after: string): Promise<Element | undefined> {
    const { iq, address, from } = this.#o;
    const set = el("set", { xmlns: NS.rsm }, el("max", {}, String(pageSize)), el("after", {}, after));
    const query = el("query", { xmlns: NS.mam, queryid: this.#id }, set);
    const answer = await iq.request(address, query, { from, type: "set", timeoutMs });
    return child(answer, "fin", NS.mam);
  }
}
