// Rooms and people: to choose from, to enter and leave, to change.
import { BridgeError, type Host, type Rank, type RemoteId, type RoomChange, type RoomSummary } from "#bridge";
import type { Api, Method } from "./api.ts";
import { MatrixError, matrixError } from "./errors.ts";
import { avatarIn } from "./events/media.ts";
import { isRoomAlias, isRoomId, isUserId } from "./ids.ts";
import { entriesOf, field, type JsonObject, listAt, numberAt, objectAt, textAt } from "./json.ts";
import { introduce } from "./members.ts";
import { displayName, type Member, type Room } from "./room-state.ts";
import { nameOf, type Rooms } from "./rooms.ts";
import { cleanLabel, cleanName } from "./text/characters.ts";

/** What the verbs ask of the rooms, an account's or a shared one's. */
export type RoomsView = Pick<
  Rooms,
  | "self"
  | "get"
  | "all"
  | "direct"
  | "chatWith"
  | "peerOf"
  | "newestOf"
  | "isOver"
  | "isAside"
  | "showAsRoom"
  | "exclusive"
>;

export interface RoomVerbsDeps {
  readonly api: Api;
  readonly rooms: RoomsView;
  readonly host: Pick<Host, "deliver">;
  /** Resolves with the next committed sync answer, or after the time. */
  readonly nextSync: (ms: number) => Promise<void>;
}

type Named = { readonly id: RemoteId; readonly name?: string };

/** In bigger rooms only those who speak are told of. */
const mostIntroduced = 200;
const mostListed = 2000;
/** How long a room that was joined may take to appear in the sync (ms). */
const joinPatience = 10_000;

export class RoomVerbs {
  readonly #deps: RoomVerbsDeps;

  constructor(deps: RoomVerbsDeps) {
    this.#deps = deps;
  }

  /** Behind what is being committed: who is told of a room finds it in the list. */
  listRooms(): Promise<readonly RoomSummary[]> {
    const { rooms } = this.#deps;
    return rooms.exclusive(async () => {
      const here = [...rooms.all()].filter(
        (room) =>
          (room.self === "join" || room.self === "invite") &&
          !room.space &&
          !rooms.isOver(room) &&
          (rooms.peerOf(room).kind === "room" || rooms.isAside(room)),
      );
      return here.slice(0, mostListed).map(summaryOf);
    });
  }

  listContacts(): Promise<readonly Named[]> {
    return this.#deps.rooms.exclusive(async () => this.#contacts());
  }

  #contacts(): readonly Named[] {
    const { rooms } = this.#deps;
    const people = [...rooms.direct.keys()].filter((user) => isUserId(user) && rooms.chatWith(user) !== undefined);
    return people.slice(0, mostListed).map((user) => {
      const name = rooms.chatWith(user)?.members.get(user)?.name;
      return { id: user, ...(name === undefined ? {} : { name: cleanName(name, user) }) };
    });
  }

  async join(room: RemoteId): Promise<{ readonly id: RemoteId }> {
    const { rooms } = this.#deps;
    if (!isRoomId(room) && !isRoomAlias(room)) throw nothingThere(room);
    const target = rooms.newestOf(room);
    const known = rooms.get(target)?.self === "join";
    const answer = known ? { room_id: target } : await this.#enter(target);
    const id = textAt(answer, "room_id");
    if (id === undefined || !isRoomId(id)) throw nothingThere(room);
    for (const deadline = Date.now() + joinPatience; rooms.get(id)?.self !== "join" && Date.now() < deadline; ) {
      await this.#deps.nextSync(1000);
    }
    await this.#introduce(id);
    const joined = rooms.get(id);
    if (joined?.space === true) {
      const name = cleanLabel(displayName(joined) ?? room, 100);
      const text = `${name} is a space, which holds rooms and is no chat. You are a member of it now.`;
      throw new BridgeError("reject", text, { condition: "not-acceptable" });
    }
    return { id: joined === undefined ? id : nameOf(joined) };
  }

  /** Where one has to knock, that is done: the answer to it is an invitation, or none. */
  async #enter(target: string): Promise<JsonObject> {
    const { api } = this.#deps;
    try {
      return await api.request("POST", ["v3", "join", target], { body: {} });
    } catch (cause) {
      const isClosed = cause instanceof MatrixError && cause.code === "M_FORBIDDEN";
      if (!isClosed || !(await this.#knock(target))) throw matrixError(cause);
      const text = "You have knocked at this room. When somebody lets you in, you get an invitation.";
      throw new BridgeError("reject", text, { condition: "registration-required", cause });
    }
  }

  /** False: this room does not want that either. */
  async #knock(target: string): Promise<boolean> {
    try {
      await this.#deps.api.request("POST", ["v3", "knock", target], { body: {} });
      return true;
    } catch (cause) {
      if (cause instanceof MatrixError && cause.status >= 400 && cause.status < 500 && cause.status !== 429)
        return false;
      throw matrixError(cause);
    }
  }

  /** Its older versions too, as other clients do: nobody reads on in a room that they left. */
  async leave(room: RemoteId): Promise<void> {
    if (!isRoomId(room)) throw nothingThere(room);
    const { rooms } = this.#deps;
    const newest = rooms.newestOf(room);
    await this.#request("POST", ["v3", "rooms", newest, "leave"], {});
    for (const { id, self, origin } of rooms.all()) {
      if (id === newest || self !== "join" || (origin ?? id) !== room) continue;
      await this.#request("POST", ["v3", "rooms", id, "leave"], {});
    }
  }

  async changeRoom(room: RemoteId, change: RoomChange): Promise<void> {
    if (!isRoomId(room)) throw nothingThere(room);
    const id = this.#deps.rooms.newestOf(room);
    const base = ["v3", "rooms", id];
    switch (change.do) {
      case "subject":
        await this.#request("PUT", [...base, "state", "m.room.topic"], { topic: change.text });
        return;
      case "invite":
        await this.#request("POST", [...base, "invite"], person(change));
        return;
      case "kick":
        await this.#request("POST", [...base, "kick"], person(change));
        return;
      case "rank":
        return this.#setRank(id, change);
      case "nick": {
        const path = [...base, "state", "m.room.member", this.#deps.rooms.self];
        const member = await this.#request("GET", path);
        await this.#request("PUT", path, { ...member, membership: "join", displayname: change.name });
        return;
      }
      default:
        return change satisfies never;
    }
  }

  async search(text: string): Promise<readonly Named[]> {
    const answer = await this.#request("POST", ["v3", "user_directory", "search"], { search_term: text, limit: 50 });
    const found = listAt(answer, "results").flatMap((result): Named[] => {
      const id = textAt(result, "user_id");
      const name = textAt(result, "display_name");
      return id !== undefined && isUserId(id)
        ? [{ id, ...(name === undefined ? {} : { name: cleanName(name, id) }) }]
        : [];
    });
    // The directory knows those whom the server may show; an id that was typed in full is worth a try.
    return found.length === 0 && isUserId(text.trim()) ? [{ id: text.trim() }] : found;
  }

  async #setRank(room: string, { who, rank, reason }: Extract<RoomChange, { do: "rank" }>): Promise<void> {
    const base = ["v3", "rooms", room];
    const why = reason === undefined ? {} : { reason };
    if (rank === "outcast") return void (await this.#request("POST", [...base, "ban"], { user_id: who, ...why }));
    const member = await this.#request("GET", [...base, "state", "m.room.member", who]).catch(absent);
    if (textAt(member, "membership") === "ban")
      await this.#request("POST", [...base, "unban"], { user_id: who, ...why });
    const path = [...base, "state", "m.room.power_levels"];
    const content = await this.#request("GET", path);
    const users = new Map(entriesOf(field(content, "users")));
    const level = levelFor(rank, content);
    if (users.get(who) === level) return;
    if (level === undefined) users.delete(who);
    else users.set(who, level);
    await this.#request("PUT", path, { ...content, users: Object.fromEntries(users) });
  }

  /** Tells of a room and of those in it, when the user looks into it. */
  async #introduce(id: string): Promise<void> {
    const { rooms, host } = this.#deps;
    // Who goes into a chat of two as a group chat wants it to be one.
    const known = rooms.get(id);
    if (known !== undefined && rooms.peerOf(known).kind === "contact" && !known.space) await rooms.showAsRoom(id);
    const room = rooms.get(id);
    if (room === undefined || rooms.peerOf(room).kind !== "room") return;
    const members = await this.#everybody(room);
    const stamp = `seen ${id} ${Date.now()}`;
    await host.deliver(introduce({ ...room, members }, rooms.peerOf(room), rooms.self, stamp, Date.now()));
  }

  async #everybody(room: Room): Promise<Map<string, Member>> {
    if ((room.joinedCount ?? 0) > mostIntroduced) return room.members;
    const answer = await this.#request("GET", ["v3", "rooms", room.id, "joined_members"]);
    const joined = [...entriesOf(field(answer, "joined"))].filter(([user]) => isUserId(user)).slice(0, mostIntroduced);
    return new Map(
      joined.map(([user, profile]) => {
        const name = textAt(profile, "display_name");
        const avatar = avatarIn(profile, "avatar_url");
        return [
          user,
          {
            membership: "join",
            ...(name === undefined ? {} : { name }),
            ...(avatar === undefined ? {} : { avatar }),
          },
        ];
      }),
    );
  }

  async #request(method: Method, path: readonly string[], body?: object): Promise<JsonObject> {
    try {
      return await this.#deps.api.request(method, path, body === undefined ? {} : { body });
    } catch (cause) {
      throw matrixError(cause);
    }
  }
}

function summaryOf(room: Room): RoomSummary {
  const name = displayName(room);
  return {
    id: nameOf(room),
    ...(name === undefined ? {} : { name: cleanLabel(name) }),
    ...(room.alias === undefined ? {} : { address: room.alias }),
    ...(room.joinedCount === undefined ? {} : { members: room.joinedCount }),
    state: room.self === "invite" ? "invited" : "joined",
    ...(room.invitedBy === undefined || room.self !== "invite" ? {} : { invitedBy: room.invitedBy }),
  };
}

/** Matrix clients call 100 an admin and 50 a moderator. Undefined: what everybody has. */
function levelFor(rank: Exclude<Rank, "outcast">, content: JsonObject): number | undefined {
  if (rank === "owner") return 100;
  if (rank === "admin") return 50;
  const everybody = numberAt(content, "users_default") ?? 0;
  const speak = numberAt(objectAt(content, "events"), "m.room.message") ?? numberAt(content, "events_default") ?? 0;
  if (rank === "member") return speak > everybody ? speak : undefined;
  return everybody < speak ? undefined : speak - 1;
}

function person({ who, reason }: { readonly who: RemoteId; readonly reason?: string }): object {
  if (!isUserId(who)) throw nothingThere(who);
  return { user_id: who, ...(reason === undefined ? {} : { reason }) };
}

function absent(error: unknown): JsonObject {
  if (error instanceof BridgeError && error.cause instanceof MatrixError && error.cause.status === 404) return {};
  throw error;
}

function nothingThere(id: string): BridgeError {
  return new BridgeError("reject", `${cleanLabel(id, 100)} is not on Matrix.`, { condition: "item-not-found" });
}
