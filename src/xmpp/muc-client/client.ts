// The gateway as an occupant of group chats (XEP-0045): all chats of one component, and the way of their stanzas.
import {
  BridgeError,
  type Condition,
  type FoundGroupChat,
  type GroupChatPerson,
  type Logger,
  type RemoteId,
} from "#bridge";
import type { GroupChatClient, GroupChatEvents, GroupChatItem } from "../../gateway/group-chat-ports.ts";
import type { Clock } from "../../gateway/ports.ts";
import type { FileLinks } from "../../gateway/web-ports.ts";
import type { Addresses } from "../addresses.ts";
import type { Jid } from "../jid.ts";
import type { Link } from "../link.ts";
import { NS } from "../ns.ts";
import { attr, child, type Element, el, serialize, StanzaWriteError, textOf } from "../stanza.ts";
import { readError, stanzaError } from "../stanza-error.ts";
import { MucChat } from "./chat.ts";
import { Services } from "./services.ts";
import { sayStanza } from "./stanzas.ts";

export interface MucClientOptions {
  readonly link: Link;
  readonly addresses: Addresses;
  readonly events: GroupChatEvents;
  readonly serverDomain: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Bytes of the largest stanza. */
  readonly maxStanza: number;
  readonly links: FileLinks | undefined;
}

export class MucClient implements GroupChatClient {
  readonly #o: MucClientOptions;
  readonly #services: Services;
  /** By address; bounded by the bridge, which keeps no more places than its operator allows. */
  readonly #chats = new Map<string, MucChat>();

  constructor(options: MucClientOptions) {
    const { link, addresses, serverDomain, clock } = options;
    this.#o = options;
    this.#services = new Services({ iq: link.iq, clock, jid: addresses.domain, serverDomain });
  }

  find(address: string, services: readonly string[] | undefined): Promise<FoundGroupChat | undefined> {
    return this.#services.find(address, services);
  }

  async enter(address: string, person: GroupChatPerson, signal: AbortSignal): Promise<void> {
    return this.#chat(address).enter(person, signal);
  }

  leave(address: string, person: RemoteId): boolean {
    const chat = this.#chats.get(address);
    chat?.leave(person);
    if (chat?.isEmpty === false) return false;
    this.#chats.delete(address);
    return true;
  }

  close(address: string): void {
    this.#chats.get(address)?.close();
    this.#chats.delete(address);
  }

  write(item: GroupChatItem): void {
    const { link, clock, links, maxStanza } = this.#o;
    const seat = this.#chats.get(item.address)?.seatOf(item.from);
    if (seat?.state !== "in") throw new BridgeError("retry", "They are not in the group chat.", { retryAfter: 0 });
    try {
      const stanza = sayStanza(item, seat.jid, { now: clock.now(), links });
      link.send(serialize(stanza, { maxBytes: maxStanza }));
    } catch (cause) {
      if (!(cause instanceof StanzaWriteError)) throw cause;
      throw new BridgeError("reject", "It is too long for XMPP.", { condition: "policy-violation", cause });
    }
  }

  doubt(address: string): void {
    this.#chats.get(address)?.restart();
  }

  up(): void {
    for (const chat of this.#chats.values()) chat.up();
  }

  down(): void {
    for (const chat of this.#chats.values()) chat.down();
  }

  /** Whether a stanza comes from a chat that ours are in. */
  knows(from: Jid): boolean {
    return this.#chats.has(from.bare);
  }

  /** Such a stanza. Resolves when what it says is on disk. */
  async receive(stanza: Element, from: Jid, to: Jid): Promise<void> {
    const chat = this.#chats.get(from.bare);
    if (chat === undefined) return;
    switch (stanza.name) {
      case "presence":
        return chat.presence(stanza, from, to);
      case "message":
        return this.#message(stanza, from, to, chat);
      case "iq":
        return this.#answer(stanza);
      default:
        return;
    }
  }

  async #message(stanza: Element, from: Jid, to: Jid, chat: MucChat): Promise<void> {
    const type = attr(stanza, "type");
    if (type === "error") return this.#refused(stanza, from, chat);
    if (type === "groupchat" || from.resource === undefined || child(stanza, "result", NS.mam))
      return chat.message(stanza, from, to);
    // Section 7.5: a word to one of them alone would be seen by nobody.
    const reply = textOf(stanza, "body") ? stanzaError(stanza, "feature-not-implemented", alone) : undefined;
    if (reply) this.#o.link.send(reply);
  }

  #refused(stanza: Element, from: Jid, chat: MucChat): void {
    const key = attr(stanza, "id");
    if (key === undefined) return;
    const { condition, text, type } = readError(stanza);
    // Section 7.4: who is no occupant is told "not-acceptable".
    const isOut = condition === "not-acceptable";
    if (isOut) chat.restart();
    const again = type === "wait" || isOut || condition.startsWith("remote-server");
    const known = condition === "undefined-condition" ? "not-acceptable" : (condition as Condition);
    this.#o.events.refused(from.bare, key, known, text ?? `The group chat said: ${condition}.`, again);
  }

  /** XEP-0410: the chat passes our own ping on to us. Nothing else is answered: ours are no programs. */
  #answer(stanza: Element): void {
    const type = attr(stanza, "type");
    if (type !== "get" && type !== "set") return;
    const isPing = child(stanza, "ping", NS.ping) !== undefined;
    const pong = el("iq", {
      type: "result",
      id: attr(stanza, "id"),
      from: attr(stanza, "to"),
      to: attr(stanza, "from"),
    });
    const reply = isPing ? pong : stanzaError(stanza, "service-unavailable");
    if (reply) this.#o.link.send(reply);
  }

  #chat(address: string): MucChat {
    let chat = this.#chats.get(address);
    if (chat === undefined) {
      const { link, addresses, events, clock, log } = this.#o;
      chat = new MucChat({
        address,
        services: this.#services,
        events,
        iq: link.iq,
        send: (stanza) => void link.send(stanza),
        isUp: () => link.state === "up",
        jidOf: (id) => addresses.jidOf(id),
        clock,
        log,
      });
      this.#chats.set(address, chat);
    }
    return chat;
  }
}

const alone = "Private messages do not reach people who are here through a gateway.";
