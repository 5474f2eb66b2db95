// Who is to read what is sent into an encrypted room: all of its members, of whom the sync tells only some. The list is
// fetched before the first message into a room, and kept up to date by the sync.
import type { Api } from "./api.ts";
import { matrixError } from "./errors.ts";
import { listAt } from "./json.ts";
import { parseMembership } from "./room-state.ts";
import { parseEvents, type RoomEvent } from "./wire.ts";

type People = Map<string, "join" | "invite">;

/** In all rooms of an account together; the list of a bigger room is fetched for each message. */
const mostPeople = 20_000;

export class Recipients {
  readonly #api: Api;
  /** By room, in the order of their loading. */
  readonly #rooms = new Map<string, People>();
  /** Lists on their way; a change that comes meanwhile may not be in them. */
  readonly #loading = new Map<string, object>();

  constructor(api: Api) {
    this.#api = api;
  }

  /** Those who are invited read along, unless history is for members only. @throws BridgeError */
  async of(roomId: string, historyVisibility: string | undefined): Promise<readonly string[]> {
    const people = this.#rooms.get(roomId) ?? (await this.#load(roomId));
    return [...people].flatMap(([user, state]) => (state === "join" || historyVisibility !== "joined" ? [user] : []));
  }

  /** A membership, as the sync tells it. */
  apply(roomId: string, { type, state_key: user, content }: RoomEvent): void {
    if (type !== "m.room.member" || user === undefined) return;
    this.#loading.delete(roomId);
    const people = this.#rooms.get(roomId);
    if (people !== undefined) put(people, user, parseMembership(content));
  }

  /** What happened in the room is not known as a whole: the next message asks again. */
  forget(roomId: string): void {
    this.#loading.delete(roomId);
    this.#rooms.delete(roomId);
  }

  async #load(roomId: string): Promise<People> {
    const mark = {};
    this.#loading.set(roomId, mark);
    const people: People = new Map();
    try {
      const path = ["v3", "rooms", roomId, "members"];
      const answer = await this.#api.request("GET", path, { query: { not_membership: "leave" } });
      for (const { state_key: user, content } of parseEvents(listAt(answer, "chunk"))) {
        if (user !== undefined) put(people, user, parseMembership(content));
      }
    } catch (cause) {
      throw matrixError(cause);
    }
    if (this.#loading.get(roomId) !== mark) return people;
    this.#loading.delete(roomId);
    this.#rooms.set(roomId, people);
    this.#shrink();
    return people;
  }

  #shrink(): void {
    let count = [...this.#rooms.values()].reduce((sum, people) => sum + people.size, 0);
    for (const [roomId, people] of this.#rooms) {
      if (count <= mostPeople) return;
      this.#rooms.delete(roomId);
      count -= people.size;
    }
  }
}

function put(people: People, user: string, membership: string | undefined): void {
  if (membership === "join" || membership === "invite") people.set(user, membership);
  else people.delete(user);
}
