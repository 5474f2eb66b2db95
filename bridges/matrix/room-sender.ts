// Sending one event into one room: in the clear only where encryption was never seen, under a transaction id, so that a
// repeat of the request is the same event.
import { BridgeError } from "#bridge";
import type { Api } from "./api.ts";
import type { RoomMessage } from "./crypto/room-encryption.ts";
import { MatrixError, matrixError } from "./errors.ts";
import { type JsonObject, listAt, textAt } from "./json.ts";
import type { Rooms } from "./rooms.ts";
import type { SentEvents } from "./sent-events.ts";
import { parseEvents, transactionOf } from "./wire.ts";

/** Encryption, as sending needs it. */
export interface Sealer {
  /** @throws BridgeError `reject` where there is none */
  mustBeAvailable(): void;
  /** For all members of the room. @returns the content of an `m.room.encrypted`. @throws BridgeError */
  encrypt(message: Omit<RoomMessage, "members">): Promise<JsonObject>;
}

export interface SenderDeps {
  readonly api: Api;
  readonly rooms: Pick<Rooms, "get">;
  readonly encryption: Sealer;
  readonly sent: SentEvents;
  /** How long the server certainly knows the transactions of this sender (ms). Default 25 minutes. */
  readonly remembered?: number;
}

export interface OutgoingEvent {
  readonly roomId: string;
  readonly type: string;
  readonly content: JsonObject;
  readonly transaction: string;
}

/** When an earlier attempt may have got through. */
export interface Doubt {
  readonly uncertain: boolean;
  /** When the first attempt can have been, in milliseconds since the epoch. */
  readonly since: number;
}

/** Synapse remembers transactions for 30 minutes at least. */
const usuallyRemembered = 25 * 60_000;
const searchPage = 100;
const searchPages = 10;

/** What another try sends again, beside what the core keeps. */
const mostSealed = 20;
export const sealedType = "m.room.encrypted";

export class RoomSender {
  readonly #deps: SenderDeps;
  /** Contents by transaction. */
  readonly #sealed = new Map<string, Promise<JsonObject>>();

  constructor(deps: SenderDeps) {
    this.#deps = deps;
  }

  /** @returns the event's id. @throws BridgeError */
  async send(event: OutgoingEvent, doubt?: Doubt): Promise<string> {
    const { sent, api } = this.#deps;
    if (doubt?.uncertain === true) {
      const found = sent.find(event.transaction) ?? (await this.#lookUp(event, doubt));
      if (found !== undefined) return found;
    }
    const { type, content } = (await this.isEncrypted(event.roomId)) ? await this.seal(event) : event;
    return put(api, ["v3", "rooms", event.roomId, "send", type, event.transaction], content);
  }

  /** @returns the redaction's id. @throws BridgeError */
  async redact(roomId: string, eventId: string, transaction: string, reason?: string): Promise<string> {
    const content = reason === undefined ? {} : { reason };
    return put(this.#deps.api, ["v3", "rooms", roomId, "redact", eventId, transaction], content);
  }

  /** Before the receipt for the event is sent: it comes back, and is no news then. */
  noteRead(eventId: string): void {
    this.#deps.sent.noteRead(eventId);
  }

  /**
   * Whether what goes into the room must be encrypted. Where the sync has not told yet, the server is asked.
   * @throws BridgeError
   */
  async isEncrypted(roomId: string): Promise<boolean> {
    const room = this.#deps.rooms.get(roomId);
    if (room?.encrypted) return true;
    if (room?.lastEvent !== undefined) return false;
    return (await this.#encryptionOf(roomId)) !== undefined;
  }

  /** @throws BridgeError when nothing can be sent into the room, before work is put into it */
  async mustBeSendable(roomId: string): Promise<void> {
    if (await this.isEncrypted(roomId)) this.#deps.encryption.mustBeAvailable();
  }

  /**
   * The event as it goes into an encrypted room; the same again for the same transaction. Reactions are sent in the clear
   * everywhere (Client-Server API, "Event annotations and reactions"), but not by us without keys. @throws BridgeError
   */
  async seal(event: OutgoingEvent): Promise<OutgoingEvent> {
    this.#deps.encryption.mustBeAvailable();
    if (event.type === "m.reaction" || event.type === sealedType) return event;
    let content = this.#sealed.get(event.transaction);
    if (content === undefined) {
      content = this.#encrypt(event);
      this.#sealed.set(event.transaction, content);
      content.catch(() => this.#sealed.delete(event.transaction));
      for (const oldest of this.#sealed.keys()) {
        if (this.#sealed.size <= mostSealed) break;
        this.#sealed.delete(oldest);
      }
    }
    return { ...event, type: sealedType, content: await content };
  }

  async #encrypt({ roomId, type, content }: OutgoingEvent): Promise<JsonObject> {
    const { encryption, rooms } = this.#deps;
    const room = rooms.get(roomId);
    const settings = room?.encryption ?? (await this.#encryptionOf(roomId)) ?? {};
    const visibility = room?.historyVisibility === undefined ? {} : { historyVisibility: room.historyVisibility };
    return encryption.encrypt({ roomId, type, content, encryption: settings, ...visibility });
  }

  async #encryptionOf(roomId: string): Promise<JsonObject | undefined> {
    try {
      return await this.#deps.api.request("GET", ["v3", "rooms", roomId, "state", "m.room.encryption"]);
    } catch (cause) {
      if (cause instanceof MatrixError && cause.code === "M_NOT_FOUND") return undefined;
      throw matrixError(cause);
    }
  }

  /** The server may have forgotten the transaction: then its event is in the timeline, or it never was. */
  async #lookUp({ roomId, transaction }: OutgoingEvent, { since }: Doubt): Promise<string | undefined> {
    if (Date.now() - since < (this.#deps.remembered ?? usuallyRemembered)) return undefined;
    let from: string | undefined;
    try {
      for (let page = 0; page < searchPages; page++) {
        const answer = await this.#deps.api.request("GET", ["v3", "rooms", roomId, "messages"], {
          query: { dir: "b", limit: String(searchPage), from },
        });
        const events = parseEvents(listAt(answer, "chunk"));
        const found = events.find((event) => transactionOf(event) === transaction);
        if (found !== undefined) return found.event_id;
        from = textAt(answer, "end");
        const oldest = events.at(-1);
        if (from === undefined || oldest === undefined || oldest.origin_server_ts < since - usuallyRemembered)
          return undefined;
      }
    } catch (cause) {
      throw matrixError(cause);
    }
    return undefined;
  }
}

async function put(api: Api, path: readonly string[], content: JsonObject): Promise<string> {
  let answer: JsonObject;
  try {
    answer = await api.request("PUT", path, { body: content });
  } catch (cause) {
    throw matrixError(cause);
  }
  const id = textAt(answer, "event_id");
  // The same transaction gives the id at the next try.
  if (id === undefined)
    throw new BridgeError("retry", "The Matrix server did not say what became of the message.", { uncertain: true });
  return id;
}
