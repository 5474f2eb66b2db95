// RFC 6120 section 8.2.3: requests and their answers.
import { randomUUID } from "node:crypto";
import type { Clock, TimerHandle } from "../gateway/ports.ts";
import { parseJid } from "./jid.ts";
import { readError, StanzaError } from "./stanza-error.ts";
import { attr, type Element, el } from "./stanza.ts";

export interface IqTrackerOptions {
  /** The component's own JID. */
  readonly jid: string;
  /** Writes to the stream; throws when it is down. */
  readonly send: (stanza: Element) => void;
  readonly clock: Clock;
  /** More open requests than this are refused at once (resource-constraint). Default 1,000. */
  readonly maxPending?: number;
}

export interface IqRequestOptions {
  /** Default 15,000. */
  readonly timeoutMs?: number;
  /** Default: the component's own JID. */
  readonly from?: string;
  /** Default: get. */
  readonly type?: "get" | "set";
  /** Resolve with an error stanza too: for pings, where any answer will do. */
  readonly anyAnswer?: boolean;
  /** Asked when the time is over: true begins it anew, because the answer may wait unread. */
  readonly again?: () => boolean;
}

interface Pending {
  readonly anyAnswer: boolean;
  readonly to: string;
  readonly from: string;
  readonly resolve: (answer: Element) => void;
  readonly reject: (error: Error) => void;
  timer: TimerHandle | undefined;
}

/** Matches answers to requests by id AND peer: anybody can send a result with an id that he guessed (X19). */
export class IqTracker {
  readonly #options: IqTrackerOptions;
  readonly #pending = new Map<string, Pending>();

  constructor(options: IqTrackerOptions) {
    this.#options = options;
  }

  /**
   * Sends a request; resolves with the result stanza. Rejects with StanzaError (what the peer answered;
   * remote-server-timeout when it did not; resource-constraint, jid-malformed), or with the error of `send` or `reset`.
   */
  request(to: string, payload: Element, options: IqRequestOptions = {}): Promise<Element> {
    const { timeoutMs = 15_000, from = this.#options.jid, type = "get", anyAnswer = false, again } = options;
    const peer = prepared(to);
    const self = prepared(from);
    if (peer === undefined || self === undefined) return Promise.reject(new StanzaError("jid-malformed"));
    if (this.#pending.size >= (this.#options.maxPending ?? 1000)) {
      return Promise.reject(new StanzaError("resource-constraint", "too many requests wait for an answer"));
    }
    const id = randomUUID();
    return new Promise((resolve, reject) => {
      this.#options.send(el("iq", { type, id, from, to }, payload));
      const pending: Pending = { to: peer, from: self, resolve, reject, timer: undefined, anyAnswer };
      const wait = () => {
        pending.timer = this.#options.clock.setTimeout(() => {
          if (again?.() === true) return wait();
          this.#pending.delete(id);
          reject(new StanzaError("remote-server-timeout", `no answer within ${timeoutMs} ms`));
        }, timeoutMs);
      };
      wait();
      this.#pending.set(id, pending);
    });
  }

  /** Takes an iq of type result or error; false when it answers none of our requests: then drop it. */
  handle(stanza: Element): boolean {
    const type = attr(stanza, "type");
    if (stanza.name !== "iq" || (type !== "result" && type !== "error")) return false;
    const id = attr(stanza, "id") ?? "";
    const pending = this.#pending.get(id);
    if (
      !pending ||
      prepared(attr(stanza, "from") ?? "") !== pending.to ||
      prepared(attr(stanza, "to") ?? "") !== pending.from
    ) {
      return false;
    }
    this.#pending.delete(id);
    this.#options.clock.clearTimeout(pending.timer);
    if (type === "result" || pending.anyAnswer) pending.resolve(stanza);
    else pending.reject(readError(stanza));
    return true;
  }

  /** The stream is gone, no answer can come: rejects every open request. */
  reset(error: Error): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of all) {
      this.#options.clock.clearTimeout(pending.timer);
      pending.reject(error);
    }
  }
}

const prepared = (address: string): string | undefined => parseJid(address)?.toString();
