// What networks report of rooms on its way into commits and lanes, and from the lanes to those who are there.
import type { Incoming, IncomingRoom, OutgoingMessage, RemoteId, Sent } from "#bridge";
import type { Arrivals } from "./arrivals.ts";
import { type Delivery, type IncomingRow, type OutgoingRow, peerOfKey } from "./lane-ports.ts";
import type { AccountId, AccountRecord, Clock } from "./ports.ts";
import type { XmppOutput } from "./xmpp-ports.ts";
import { RateLimit } from "./rate.ts";
import { membershipChanged, roomChanged } from "./room-changes.ts";
import type { RoomContext } from "./room-people.ts";
import type { RoomView } from "./room-events.ts";
import { historyOf } from "./room-history.ts";
import { faithfulLocal, keepContact } from "./room-names.ts";
import type { RoomPictures } from "./room-pictures.ts";
import type { RoomStore, RoomWork, Saying } from "./room-ports.ts";
import { reflected, said, saidBefore, seen } from "./room-sayings.ts";

export interface RoomReportsOptions {
  readonly store: RoomStore;
  readonly clock: Clock;
  readonly arrivals: Arrivals;
  readonly pictures: Pick<RoomPictures, "inRow">;
  /** Undefined when the account is gone. */
  readonly account: (id: AccountId) => AccountRecord | undefined;
  readonly contextOf: (account: AccountRecord) => RoomContext;
  readonly output: (bridge: string) => XmppOutput;
}

/** A user gets no more invitations than this; the rooms are in their list all the same. */
const invitationsPerHour = 20;

export class RoomReports {
  readonly #o: RoomReportsOptions;
  readonly #invitations: RateLimit;

  constructor(options: RoomReportsOptions) {
    this.#o = options;
    this.#invitations = new RateLimit(options.clock, invitationsPerHour / 60, invitationsPerHour);
  }

  /** What an event in a room is committed as: `delivery` is what it would be in a conversation with a contact. */
  delivery(id: AccountId, event: Incoming, delivery: Delivery): Delivery {
    const account = this.#o.account(id);
    if (account === undefined) return {};
    const context = this.#o.contextOf(account);
    if (event.type === "room" || event.type === "membership") {
      // What the user does from here is no news to them.
      const isOwn = this.#o.arrivals.isJoining(id);
      const work: RoomWork = (tables) => {
        if (event.type === "room") roomChanged(tables, context, isOwn ? withoutOffer(event) : event);
        else membershipChanged(tables, context, event);
        if (tables.room(account.id, event.peer.id)?.self === "joined")
          this.#o.arrivals.announce(account.id, event.peer.id);
      };
      return { rooms: work };
    }
    const { row, ...rest } = delivery;
    const peer = row && peerOfKey(row.peer);
    if (row === undefined || peer === undefined || event.type === "original") return delivery;
    if (row.body.kind === "displayed") {
      const { target } = row.body;
      return { ...rest, rooms: (tables) => seen(tables, context, peer.id, { from: event.from, target, key: row.key }) };
    }
    const body = row.body as Saying;
    const utterance = {
      room: peer.id,
      from: event.from,
      name: event.type === "message" ? event.name : undefined,
      body,
      sentAt: event.sentAt,
      stanzaId: row.key,
      key: row.key,
    };
    const past = event.type === "message" ? event.past : undefined;
    if (past !== undefined) return { ...rest, rooms: (tables) => saidBefore(tables, context, utterance, past.before) };
    return { ...rest, rooms: (tables) => said(tables, context, utterance) };
  }

  /** The way back to a contact whose id has no faithful local part is stored with what they send. */
  fromContact(id: AccountId, contact: RemoteId, delivery: Delivery): Delivery {
    const account = this.#o.account(id);
    const naming = account && this.#o.contextOf(account).naming;
    if (naming === undefined || faithfulLocal(contact, naming) !== undefined) return delivery;
    return { ...delivery, rooms: (tables) => keepContact(tables, id, contact, naming) };
  }

  /** What the network took from a client of the user's. Undefined for other conversations. */
  reflection(row: OutgoingRow, sent?: { readonly message: OutgoingMessage; readonly as: Sent }): RoomWork | undefined {
    const peer = peerOfKey(row.peer);
    const account = this.#o.account(row.account);
    if (peer?.kind !== "room" || account === undefined) return undefined;
    const context = this.#o.contextOf(account);
    return (tables) => reflected(tables, context, peer.id, row, sent);
  }

  /** Clients correct messages by the id they gave them; rooms know them by their stanza ids. */
  async stanzaIdOf(account: AccountId, room: RemoteId, xmppId: string): Promise<string | undefined> {
    return this.#o.store.read((rooms) => rooms.ownId(account, room, xmppId));
  }

  /** Who gets a row and what they need for it; undefined when nobody is there. */
  async view(row: IncomingRow): Promise<RoomView | undefined> {
    const id = peerOfKey(row.peer)?.id;
    const account = this.#o.account(row.account);
    if (id === undefined || account === undefined) return undefined;
    const { body } = row;
    if (body.kind === "room" && body.event.do === "invited" && this.#invitations.take(account.user) > 0)
      return undefined;
    return this.#o.store.read((rooms) => {
      const room = rooms.room(account.id, id);
      if (room === undefined) return undefined;
      const present = rooms.occupants(account.id, id).filter((occupant) => occupant.since <= row.id);
      const clients = clientsOf(
        row,
        account.user,
        present.map((occupant) => occupant.client),
      );
      const isOwnReading = body.kind === "room" && body.event.do === "read" && body.event.self;
      if (clients.length === 0 && !isOwnReading) return undefined;
      const pictures = this.#o.pictures.inRow(rooms, account, room, body);
      const base: RoomView = { local: room.local, id, name: room.name, self: account.self, clients, ...pictures };
      if (body.kind !== "room" || body.event.do !== "entered") return base;
      return { ...base, history: historyOf(rooms, account.id, id, body.event) };
    });
  }

  /** Somebody types in a room. Fleeting. */
  typingThere(account: AccountRecord, id: RemoteId, from: RemoteId, active: boolean): void {
    void this.#o.store.read((rooms) => {
      const clients = rooms.occupants(account.id, id).map((occupant) => occupant.client);
      const who = clients.length > 0 ? rooms.participant(account.id, id, from) : undefined;
      const room = who?.listed ? rooms.room(account.id, id) : undefined;
      if (who && room) this.#o.output(account.bridge).roomTyping(room.local, who.nick, clients, active);
    });
  }
}

const withoutOffer = ({ offer: _, ...event }: IncomingRoom): IncomingRoom => event;

/** The full JIDs that a row is for; for an invitation the user. */
function clientsOf({ body }: IncomingRow, user: string, present: readonly string[]): readonly string[] {
  if (body.kind === "failed" || body.kind === "delivered") return [body.origin.from];
  if (body.kind !== "room") return [];
  switch (body.event.do) {
    case "invited":
    case "joined":
    case "forgotten":
      return [user];
    case "expelled":
      return body.event.clients;
    case "entered": {
      const { client } = body.event;
      return present.filter((one) => one === client);
    }
    default:
      return present;
  }
}
