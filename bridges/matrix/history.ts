// Older messages of a room, on demand (Client-Server API, "Getting events for a room"): page by page backwards, from one
// version of the room into the one before it. The server decides what the user may see.
import type { HistoryPage, HistoryRequest, Host, IncomingMessage, RemoteId } from "#bridge";
import type { Api } from "./api.ts";
import type { Encryption } from "./encryption.ts";
import { MatrixError, matrixError } from "./errors.ts";
import { isEventId, isRoomId } from "./ids.ts";
import { type JsonObject, listAt, objectAt, textAt } from "./json.ts";
import type { Room } from "./room-state.ts";
import { nameOf, type Rooms } from "./rooms.ts";
import type { SentEvents } from "./sent-events.ts";
import { tellPast } from "./telling.ts";
import type { Unread, Unreadable } from "./unreadable.ts";
import { parseEvents, type RoomEvent, transactionOf } from "./wire.ts";

export interface HistoryDeps {
  readonly api: Api;
  readonly rooms: Rooms;
  readonly encryption: Encryption;
  readonly unreadable: Unreadable;
  readonly host: Pick<Host, "deliver">;
  readonly sent: Pick<SentEvents, "find">;
  /** How far the sync has come: what is newer it brings itself, and tells those who are there. */
  readonly position: () => string | undefined;
}

interface Place {
  readonly room: Room;
  /** A token of the timeline. Undefined: the room's newest event. */
  readonly from: string | undefined;
}

interface Found {
  readonly event: RoomEvent;
  readonly room: Room;
  /** Display name of the sender, where the page has it. */
  readonly name: string | undefined;
}

const mostEvents = 100;
/** A page of people coming and going holds no message: so many are turned for one answer. */
const mostRequests = 10;
/** No words of anybody's. */
const filter = JSON.stringify({
  lazy_load_members: true,
  not_types: ["m.room.member", "m.reaction", "m.room.redaction", "m.room.power_levels"],
});

export class History {
  readonly #deps: HistoryDeps;

  constructor(deps: HistoryDeps) {
    this.#deps = deps;
  }

  /** The verb. @throws BridgeError */
  async read(name: RemoteId, request: HistoryRequest): Promise<HistoryPage> {
    try {
      const { found, complete } = await this.#fetch(name, request);
      return await this.#tell(found, complete, request.before);
    } catch (cause) {
      throw matrixError(cause);
    }
  }

  async #fetch(
    name: RemoteId,
    { before, after, limit }: HistoryRequest,
  ): Promise<{ found: Found[]; complete: boolean }> {
    const found: Found[] = [];
    let place = await this.#placeOf(name, before);
    for (let count = 0; count < mostRequests && place !== undefined && found.length < limit; count++) {
      const { room, from }: Place = place;
      const answer: JsonObject = await this.#deps.api.request("GET", ["v3", "rooms", room.id, "messages"], {
        query: { dir: "b", from, limit: String(Math.min(limit, mostEvents)), filter },
      });
      const names = namesIn(answer);
      for (const event of parseEvents(listAt(answer, "chunk"))) {
        if (event.event_id === after) return { found, complete: true };
        if (isMessage(event) && !this.#isUnderWay(event)) found.push({ event, room, name: names.get(event.sender) });
      }
      const end = textAt(answer, "end");
      place = end === undefined || end === from ? this.#before(room) : { room, from: end };
    }
    return { found, complete: place === undefined };
  }

  /** Of several versions of the room the one that holds the message. */
  async #placeOf(name: RemoteId, before: RemoteId | undefined): Promise<Place | undefined> {
    const { rooms, api } = this.#deps;
    let room = isRoomId(name) ? rooms.get(rooms.newestOf(name)) : undefined;
    if (before === undefined || room === undefined) return room && { room, from: this.#deps.position() };
    if (!isEventId(before)) return undefined;
    for (let place: Place | undefined = { room, from: undefined }; place !== undefined; place = this.#before(room)) {
      room = place.room;
      try {
        const answer = await api.request("GET", ["v3", "rooms", room.id, "context", before], { query: { limit: "0" } });
        return { room, from: textAt(answer, "start") };
      } catch (error) {
        if (!(error instanceof MatrixError) || (error.status !== 404 && error.status !== 403)) throw error;
      }
    }
    return undefined;
  }

  /** Sent from here a moment ago: it is archived when its sending has come to its end. */
  #isUnderWay(event: RoomEvent): boolean {
    const transaction = transactionOf(event);
    return transaction !== undefined && this.#deps.sent.find(transaction) !== undefined;
  }

  /** The end of the version before. */
  #before(room: Room): Place | undefined {
    const earlier = this.#deps.rooms.get(room.predecessor ?? "");
    const isVersion = earlier?.successor === room.id && nameOf(earlier) === room.origin;
    return isVersion ? { room: earlier, from: undefined } : undefined;
  }

  /** Between two sync answers: what cannot be read is written down with its placeholder. */
  async #tell(found: readonly Found[], complete: boolean, before: RemoteId | undefined): Promise<HistoryPage> {
    const { rooms, encryption, unreadable, host } = this.#deps;
    return rooms.exclusive(async () => {
      const told: IncomingMessage[] = [];
      const unread = new Map<string, Unread>();
      const telling = { self: rooms.self, draft: rooms.draft(), encryption };
      for (const { event, room, name } of found) {
        const past = await tellPast(event, room, { ...telling, ...(name === undefined ? {} : { name }) });
        for (const message of past.news) {
          if (message.type !== "message") continue;
          const next = told.at(-1)?.id ?? before;
          told.push({ ...message, past: next === undefined ? {} : { before: next } });
          if (past.unread !== undefined) unread.set(event.event_id, past.unread);
        }
      }
      const change = unreadable.change(unread);
      if (told.length > 0) await host.deliver(told, undefined, change.records);
      change.commit();
      const oldest = told.at(-1)?.id;
      return { complete, ...(oldest === undefined ? {} : { oldest }) };
    });
  }
}

/** Said by somebody: no state, and no change of another message, which comes with that one. */
function isMessage({ state_key, content }: RoomEvent): boolean {
  const relation = textAt(objectAt(content, "m.relates_to"), "rel_type");
  return state_key === undefined && relation !== "m.replace" && relation !== "m.annotation";
}

function namesIn(answer: JsonObject): ReadonlyMap<string, string | undefined> {
  const members = parseEvents(listAt(answer, "state")).filter(({ type }) => type === "m.room.member");
  return new Map(members.map(({ state_key = "", content }) => [state_key, textAt(content, "displayname")]));
}
