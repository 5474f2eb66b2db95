// Room upgrades (Client-Server API, "Room Upgrades"): a room names the one that takes its place, and that one names it. The
// user is taken along where the server lets them in, and to the core it stays one room: docs/decisions/0014.
import type { Host, Incoming, Logger, Peer } from "#bridge";
import type { Api } from "./api.ts";
import { MatrixError } from "./errors.ts";
import { parseUserId } from "./ids.ts";
import type { Reading } from "./incoming.ts";
import { objectAt, textAt } from "./json.ts";
import { introduce } from "./members.ts";
import type { Room } from "./room-state.ts";
import { nameOf, type Rooms } from "./rooms.ts";

/** A room to go into. */
export interface Successor {
  readonly roomId: string;
  /** The server of who said so: it is in there. */
  readonly via: string | undefined;
}

/** Upgrades of one sync answer; a room that is upgraded all the time is somebody's joke. */
const mostAtOnce = 50;

/** Called for a room that the user is in, when its state was read: both sides may be news. */
export async function readUpgrade(room: Room, reading: Reading): Promise<void> {
  const { draft, since, successors } = reading;
  keepWay(room, reading);
  const next = room.successor === undefined ? undefined : draft.peek(room.successor);
  if (room.successor !== undefined && next?.origin === undefined) {
    if (next !== undefined && next.predecessor === room.id && next.self === "join") return connect(room, next, reading);
    const isNews = reading.rooms.get(room.id)?.successor !== room.successor;
    if (since !== undefined && isNews && next?.self !== "join" && successors.size < mostAtOnce) {
      room.following = true;
      successors.set(room.id, successorOf(room));
    }
  }
  const before = room.predecessor === undefined ? undefined : draft.peek(room.predecessor);
  if (room.origin === undefined && before?.successor === room.id && before.self === "join")
    return connect(before, room, reading);
}

/**
 * Where the user has gone on already, another word does not lead them elsewhere: whoever was left behind may rule in the old
 * room by now (security.md M11).
 */
function keepWay(room: Room, { rooms, draft }: Reading): void {
  const taken = rooms.get(room.id)?.successor;
  if (taken !== undefined && draft.peek(taken)?.origin === nameOf(room)) room.successor = taken;
}

/** The two are one from now on. */
async function connect(before: Room, { id }: Room, reading: Reading): Promise<void> {
  const { rooms, draft, since, self, emit, newDirect } = reading;
  const room = draft.room(id);
  const wasOwn = draft.peerOf(room);
  const partner = draft.partnerOf(before.id);
  if (partner !== undefined && draft.addDirect(id, partner)) newDirect.set(id, partner);
  room.origin = nameOf(before);
  room.activeAt = Math.max(room.activeAt, before.activeAt);
  if (since === undefined || room.space) return;
  const peer = draft.peerOf(room);
  // It was told of as a room of its own before the word came that it is none.
  if (rooms.get(id)?.self === "join") {
    if (wasOwn.kind === "room") await emit([ended(wasOwn, `own ${id}`)]);
    if (peer.kind === "room") await emit(anew(introduce(room, peer, self, `upgraded ${id}`, Date.now())));
  }
  await emit([
    notice(peer, `upgraded ${id}`, "You are in the new version of this room now. Nothing else changes here."),
  ]);
}

/** Whoever was in the version before is not in this one because of that. */
export function anew(introduction: readonly Incoming[]): Incoming[] {
  return introduction.map((event) => (event.type === "room" ? { ...event, anew: true } : event));
}

const ended = (peer: Peer, id: string): Incoming => ({
  type: "room",
  id,
  peer,
  from: "self",
  sentAt: Date.now(),
  self: "left",
});

const notice = (peer: Peer, id: string, text: string): Incoming => ({
  type: "message",
  id,
  peer,
  from: peer.id,
  sentAt: Date.now(),
  text,
  automatic: true,
});

function successorOf({ successor = "", replacedBy }: Room): Successor {
  return { roomId: successor, via: parseUserId(replacedBy)?.server };
}

/** The room that an invitation continues, if it does. */
export function continuedBy(roomId: string, rooms: Pick<Rooms, "all">): Room | undefined {
  for (const room of rooms.all()) if (room.successor === roomId && room.self === "join") return room;
  return undefined;
}

export interface UpgradesDeps {
  readonly api: Api;
  readonly rooms: Rooms;
  readonly host: Pick<Host, "deliver">;
  readonly log: Logger;
}

/** Goes into the rooms that take others' places. */
export class Upgrades {
  readonly #deps: UpgradesDeps;
  #joining: Promise<void> = Promise.resolve();

  constructor(deps: UpgradesDeps) {
    this.#deps = deps;
  }

  /** Those that an earlier process did not come to enter. */
  resume(): void {
    const { rooms } = this.#deps;
    const left = [...rooms.all()].filter(
      (room) => room.self === "join" && room.following && rooms.get(room.successor ?? "") === undefined,
    );
    this.follow(new Map(left.slice(0, mostAtOnce).map((room) => [room.id, successorOf(room)])));
  }

  /** In the background; what becomes of it the sync tells, or a line in the room. */
  follow(successors: ReadonlyMap<string, Successor>): void {
    for (const [before, successor] of successors)
      this.#joining = this.#joining.then(() => this.#enter(before, successor));
  }

  async close(): Promise<void> {
    await this.#joining;
  }

  async #enter(before: string, { roomId, via }: Successor): Promise<void> {
    const { api, rooms, host, log } = this.#deps;
    // They went there themselves meanwhile, and the sync has told whether it continues this one.
    if (rooms.get(roomId)?.self === "join") return;
    try {
      await api.request("POST", ["v3", "join", roomId], { query: { via, server_name: via }, body: {} });
      const create = await api.request("GET", ["v3", "rooms", roomId, "state", "m.room.create"]);
      // Any room can say that it goes on in another one: nobody is drawn into a room that does not say so too.
      if (textAt(objectAt(create, "predecessor"), "room_id") !== before)
        await api.request("POST", ["v3", "rooms", roomId, "leave"], { body: {} });
    } catch (error) {
      log.info({ err: error }, "the new version of a room could not be entered");
      const room = rooms.get(before);
      const isNo = error instanceof MatrixError && (error.status === 403 || error.status === 404);
      if (room === undefined || !isNo) return;
      const text = "The new version takes only those who are invited. When you are, you come along by yourself.";
      await host
        .deliver([notice(rooms.peerOf(room), `closed ${roomId}`, text)])
        .catch((cause: unknown) => log.warn({ err: cause }, "a line about an upgraded room was lost"));
    }
  }
}
