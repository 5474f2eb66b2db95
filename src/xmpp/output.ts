// The core's way out: rows become stanzas on the link, in order, inside the window of the ping barrier.
import type { RemoteId, UserProfile } from "#bridge";
import type { IncomingRow } from "../gateway/lane-ports.ts";
import type { Clock } from "../gateway/ports.ts";
import type { FileLinks } from "../gateway/web-ports.ts";
import type { OutputItem, PresenceOut, XmppOutput } from "../gateway/xmpp-ports.ts";
import { type Addresses, resource } from "./addresses.ts";
import type { Bookmarks } from "./bookmarks.ts";
import type { Fence } from "./fence.ts";
import type { Link } from "./link.ts";
import { lostPresence } from "./muc/presence-out.ts";
import { roomStanzas } from "./muc/stanzas.ts";
import type { Privileges } from "./privileges.ts";
import type { Roster } from "./roster.ts";
import { type Element, el, serialize, StanzaWriteError } from "./stanza.ts";
import { pictureUpdate } from "./xeps/avatar-hash.ts";
import { ownMarker, published } from "./xeps/displayed-out.ts";
import { chatStateStanza, messageStanza, noticeStanza } from "./xeps/message-out.ts";
import { userProfile } from "./xeps/user-card.ts";
import { NS } from "./ns.ts";

export interface OutputOptions {
  readonly link: Link;
  readonly fence: Fence<IncomingRow>;
  readonly addresses: Addresses;
  readonly roster: Roster;
  readonly bookmarks: Bookmarks;
  readonly clock: Clock;
  /** XEP-0115 of a contact and of the gateway. */
  readonly caps: (contact: boolean) => Element;
  /** The bridge can be told what was read: ask for markers. */
  readonly markable: boolean;
  /** Bytes of the largest stanza. */
  readonly maxStanza: number;
  readonly links: FileLinks | undefined;
  /** Whether this client, a full JID, is known to be there. */
  readonly isOnline: (client: string) => boolean;
  readonly privileges: Privileges;
  /** The XMPP server's own domain. */
  readonly serverDomain: string;
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
    for (const xml of this.#written(item)) this.#o.link.send(xml);
    this.#o.fence.add(item.row);
  }

  introduce(user: string, contact: RemoteId | undefined, name: string | undefined): Promise<void> {
    return this.#o.roster.introduce(user, contact, name);
  }

  addToRoster(user: string, contact: RemoteId, name: string | undefined): Promise<void> {
    return this.#o.roster.add(user, contact, name);
  }

  rename(user: string, contact: RemoteId, was: string | undefined, name: string): Promise<void> {
    return this.#o.roster.rename(user, contact, was, name);
  }

  profileOf(user: string): Promise<UserProfile> {
    return userProfile(this.#o.link.iq, user);
  }

  presence(user: string, contact: RemoteId | undefined, presence: PresenceOut): void {
    if (this.#o.link.state !== "up") return;
    const from = `${this.#o.addresses.speaker(contact)}/${resource}`;
    const { available, show, status, name, picture } = presence;
    this.#o.link.send(
      available
        ? el(
            "presence",
            { from, to: user },
            show && el("show", {}, show),
            status && el("status", {}, status),
            name && el("nick", { xmlns: NS.nick }, name),
            pictureUpdate(picture),
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

  fits(local: string): boolean {
    return this.#o.addresses.fits(local);
  }

  roomAddress(local: string): string {
    return this.#o.addresses.roomJid(local);
  }

  bookmark(user: string, local: string, name: string | undefined, nick: string): Promise<boolean> {
    return this.#o.bookmarks.add(user, { jid: this.roomAddress(local), name, nick });
  }

  unbookmark(user: string, local: string): Promise<void> {
    return this.#o.bookmarks.remove(user, this.roomAddress(local));
  }

  roomGone(local: string, nick: string, clients: readonly string[]): void {
    if (this.#o.link.state !== "up") return;
    const from = this.#o.addresses.roomJid(local);
    for (const client of clients) this.#o.link.send(lostPresence(from, nick, client));
  }

  roomTyping(local: string, nick: string, clients: readonly string[], active: boolean): void {
    if (this.#o.link.state !== "up") return;
    const from = `${this.#o.addresses.roomJid(local)}/${nick}`;
    for (const client of clients) {
      const stanza = chatStateStanza(from, client, active);
      stanza.attrs.type = "groupchat";
      this.#o.link.send(stanza);
    }
  }

  #written(item: OutputItem): readonly string[] {
    try {
      return this.#serialize(item);
    } catch (error) {
      const shorter = error instanceof StanzaWriteError ? cut(item) : undefined;
      if (shorter === undefined) throw error;
      return this.#serialize(shorter);
    }
  }

  #serialize(item: OutputItem): readonly string[] {
    const { maxStanza } = this.#o;
    const stanzas = [...this.#inTheUsersName(item), ...this.#stanzas(item)];
    return stanzas.map((stanza) => serialize(stanza, { maxBytes: maxStanza }));
  }

  #stanzas(item: OutputItem): readonly Element[] {
    const { addresses, clock, markable, links } = this.#o;
    const { room, row, user } = item;
    const now = clock.now();
    if (room)
      return roomStanzas(item, room, {
        jid: addresses.roomJid(room.local),
        account: row.account,
        id: room.id,
        self: room.self,
        user,
        jidOf: (id) => addresses.jidOf(id),
        pictures: room.pictures,
        links,
        markable,
        gateway: addresses.domain,
        now,
      });
    if (row.body.kind === "displayed") return [];
    const from = addresses.speaker(item.contact);
    return [messageStanza(item, { from, now, markable, links }), ...this.#inWords(item)];
  }

  /** No server keeps an error for a client that is gone (RFC 6121 section 8.5.3.2.3). */
  #inWords({ row, user, contact }: OutputItem): readonly Element[] {
    if (row.body.kind !== "failed" || row.body.late !== true || this.#o.isOnline(row.body.origin.from)) return [];
    const text = `[A message of yours could not be delivered: ${row.body.text}]`;
    return [noticeStanza(this.#o.addresses.speaker(contact), user, row.key, text)];
  }

  /** What the user has read elsewhere is told to their clients as far as the server lets us. */
  #inTheUsersName({ row, room, contact, user }: OutputItem): readonly Element[] {
    const { addresses, privileges, serverDomain: server } = this.#o;
    const { body, key } = row;
    const means = { privileges, server, gateway: addresses.domain };
    if (room && body.kind === "room" && body.event.do === "read" && body.event.self)
      return published({ user, chat: addresses.roomJid(room.local), target: body.event.target, key }, means);
    if (room || body.kind !== "displayed") return [];
    return ownMarker({ user, chat: addresses.speaker(contact), target: body.target, key }, means);
  }
}

/** A character that is cut in its middle goes. */
const beginning = (text: string): string => text.slice(0, shortened).replace(/[\ud800-\udbff]$/, "");

/** A shorter message in place of one that is too large; undefined for what cannot be cut. */
function cut(item: OutputItem): OutputItem | undefined {
  const { body } = item.row;
  if (body.kind === "message") return { ...item, row: { ...item.row, body: shorter(body) } };
  if (body.kind !== "room" || body.event.do !== "said" || body.event.body.kind !== "message") return undefined;
  const event = { ...body.event, body: shorter(body.event.body) };
  return { ...item, row: { ...item.row, body: { kind: "room", event } } };
}

type MessageBody = Extract<IncomingRow["body"], { kind: "message" }>;

const shorter = ({ message }: MessageBody): MessageBody => ({
  kind: "message",
  message: { ...message, text: `${beginning(message.text)}\n[cut here: the message is too large for one stanza]` },
});
