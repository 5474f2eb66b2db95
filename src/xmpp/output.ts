// The core's way out: rows become stanzas on the link, in order, inside the window of the ping barrier.
import type { RemoteId } from "#bridge";
import type { Clock, FileLinks, IncomingRow, OutputItem, PresenceOut, XmppOutput } from "../gateway/ports.ts";
import { type Addresses, resource } from "./addresses.ts";
import type { Fence } from "./fence.ts";
import type { Link } from "./link.ts";
import type { Roster } from "./roster.ts";
import { type Element, el, serialize, StanzaWriteError } from "./stanza.ts";
import { chatStateStanza, messageStanza, noticeStanza } from "./xeps/message-out.ts";
import { NS } from "./ns.ts";

export interface OutputOptions {
  readonly link: Link;
  readonly fence: Fence<IncomingRow>;
  readonly addresses: Addresses;
  readonly roster: Roster;
  readonly clock: Clock;
  /** XEP-0115 of a contact and of the gateway. */
  readonly caps: (contact: boolean) => Element;
  /** The bridge can be told what was read: ask for markers. */
  readonly markable: boolean;
  /** Bytes of the largest stanza. */
  readonly maxStanza: number;
  readonly links: FileLinks | undefined;
}

/** What is left of a message that does not fit into one stanza. */
const shortened = 8_000;

export class Output implements XmppOutput {
  readonly #o: OutputOptions;

  constructor(options: OutputOptions) {
    this.#o = options;
  }

  get writable(): boolean {
    return this.#o.link.state === "up" && this.#o.link.writable && this.#o.fence.room > 0;
  }

  write(item: OutputItem): void {
    try {
      this.#o.link.send(this.#serialize(item));
    } catch (error) {
      if (!(error instanceof StanzaWriteError) || item.row.body.kind !== "message") throw error;
      this.#o.link.send(this.#serialize(cut(item, item.row.body)));
    }
    this.#o.fence.add(item.row);
  }

  introduce(user: string, contact: RemoteId | undefined, name: string | undefined): Promise<void> {
    return this.#o.roster.introduce(user, contact, name);
  }

  addToRoster(user: string, contact: RemoteId, name: string | undefined): Promise<void> {
    return this.#o.roster.add(user, contact, name);
  }

  presence(user: string, contact: RemoteId | undefined, presence: PresenceOut): void {
    if (this.#o.link.state !== "up") return;
    const from = `${this.#o.addresses.speaker(contact)}/${resource}`;
    const { available, show, status, name } = presence;
    this.#o.link.send(
      available
        ? el(
            "presence",
            { from, to: user },
            show && el("show", {}, show),
            status && el("status", {}, status),
            name && el("nick", { xmlns: NS.nick }, name),
            this.#o.caps(contact !== undefined),
          )
        : el("presence", { type: "unavailable", from, to: user }, status && el("status", {}, status)),
    );
  }

  typing(user: string, contact: RemoteId, active: boolean): void {
    if (this.#o.link.state !== "up") return;
    const from = `${this.#o.addresses.speaker(contact)}/${resource}`;
    this.#o.link.send(chatStateStanza(from, user, active));
  }

  subscription(
    user: string,
    contact: RemoteId | undefined,
    type: "subscribed" | "unsubscribed" | "subscribe" | "unsubscribe",
  ): void {
    if (this.#o.link.state === "up")
      this.#o.link.send(el("presence", { type, from: this.#o.addresses.speaker(contact), to: user }));
  }

  tell(user: string, text: string): void {
    if (this.#o.link.state === "up") this.#o.link.send(noticeStanza(this.#o.addresses.domain, user, undefined, text));
  }

  #serialize(item: OutputItem): string {
    const stanza = messageStanza(item, {
      from: this.#o.addresses.speaker(item.contact),
      now: this.#o.clock.now(),
      markable: this.#o.markable,
      links: this.#o.links,
    });
    return serialize(stanza, { maxBytes: this.#o.maxStanza });
  }
}

/** A character that is cut in its middle goes. */
const beginning = (text: string): string => text.slice(0, shortened).replace(/[\ud800-\udbff]$/, "");

function cut(item: OutputItem, body: Extract<IncomingRow["body"], { kind: "message" }>): OutputItem {
  const message = {
    ...body.message,
    text: `${beginning(body.message.text)}\n[cut here: the message is too large for one stanza]`,
  };
  return { ...item, row: { ...item.row, body: { kind: "message", message } } };
}
