// A group chat of XMPP on Matrix: what is said there, said in its room by those who said it.
import type { GroupChatSession, GuardedFetch, LiveSession, Occupant, OutgoingMessage, RoomChange } from "#bridge";
import type { Api } from "../api.ts";
import { noEncryption } from "../encryption.ts";
import { matrixError } from "../errors.ts";
import { createMedia } from "../media.ts";
import { createOutgoing } from "../outgoing.ts";
import { newRoom } from "../room-state.ts";
import { RoomSender } from "../room-sender.ts";
import { SentEvents } from "../sent-events.ts";
import { cutAt } from "../text/characters.ts";
import type { Homeserver } from "./homeserver.ts";
import type { Occupants } from "./occupants.ts";
import type { Portal } from "./portals.ts";

export interface PortalSessionDeps {
  readonly portal: Portal;
  readonly homeserver: Homeserver;
  readonly occupants: Occupants;
  readonly fetch: GuardedFetch;
  readonly maxUploadBytes: number;
  readonly signal: AbortSignal;
}

/** Older messages carry their time (Application Service API, "Timestamp massaging"). */
const lateAfter = 60_000;
const longestTopic = 4000;

export function createPortalSession(deps: PortalSessionDeps): GroupChatSession {
  return { as: (speaker) => (speaker === undefined ? itself(deps) : occupant(speaker, deps)) };
}

function occupant(speaker: Occupant, deps: PortalSessionDeps): LiveSession {
  const { portal, occupants } = deps;
  const { outgoing, peer } = speech(occupants.apiFor(portal, speaker), deps);
  const there = (message: OutgoingMessage) => ({ ...message, peer });
  return {
    prepare: (message) => outgoing.prepare(there(message)),
    send: (message, prepared) => {
      const timed = speech(withTime(occupants.apiFor(portal, speaker), message.sentAt), deps).outgoing;
      return timed.send(there(message), prepared);
    },
    edit: (target, message) => outgoing.edit(target, there(message)),
    retract: (target, _, key) => outgoing.retract(target, peer, key),
    react: (target, _, emoji, key) => outgoing.react(target, peer, emoji, key),
    unreact: (reaction, _, key) => outgoing.unreact(reaction, peer, key),
    leave: () => occupants.leave(portal, speaker).catch(fail),
    async close() {},
  };
}

/** The gateway's own user made the room, and may do everything in it. */
function itself(deps: PortalSessionDeps): LiveSession {
  const { portal, homeserver } = deps;
  const { bot } = homeserver;
  const room = ["v3", "rooms", portal.roomId];
  const { outgoing, media, sender, peer } = speech(bot, deps);
  return {
    async send({ key, text }) {
      const content = { msgtype: "m.notice", body: text, "m.mentions": {} };
      const id = await sender.send({ roomId: portal.roomId, type: "m.room.message", content, transaction: key });
      return { id };
    },
    // What a moderator of the chat takes back.
    retract: (target, _, key) => outgoing.retract(target, peer, key),
    openFile: (source, range, signal) => media.open(source, range, signal),
    async changeRoom(_, change) {
      await request(bot, room, change).catch(fail);
    },
    async close() {},
  };
}

async function request(bot: Api, room: readonly string[], change: RoomChange): Promise<void> {
  switch (change.do) {
    case "subject": {
      const body = { topic: cutAt(change.text, longestTopic) };
      await bot.request("PUT", [...room, "state", "m.room.topic"], { body });
      return;
    }
    case "kick": {
      const body = { user_id: change.who, ...(change.reason === undefined ? {} : { reason: change.reason }) };
      await bot.request("POST", [...room, "kick"], { body });
      return;
    }
    default:
      // Nothing else changes in a chat that its place on Matrix has.
      return;
  }
}

/** What sending into one room needs. These rooms are never encrypted: only the gateway could switch that on. */
function speech(api: Api, { portal, fetch, maxUploadBytes, signal }: PortalSessionDeps) {
  const room = { ...newRoom(portal.roomId, "join"), lastEvent: portal.roomId };
  const rooms = { self: "", get: () => room, chatWith: () => undefined, newestOf: (id: string) => id };
  const encryption = noEncryption("Group chats are not encrypted here.");
  const sender = new RoomSender({ api, rooms, encryption, sent: new SentEvents(), remembered: 0 });
  const media = createMedia({ api, fetch, maxUploadBytes, signal });
  const direct = { open: async () => portal.roomId };
  const outgoing = createOutgoing({ api, rooms, direct, sender, media, onSent: () => {} });
  return { outgoing, media, sender, peer: { kind: "room", id: portal.roomId } as const };
}

/** @param at milliseconds since the epoch */
function withTime(api: Api, at: number): Api {
  if (Date.now() - at < lateAfter) return api;
  return {
    raw: (path, init) => api.raw(path, init),
    request: (method, path, request = {}) => {
      const isEvent = method === "PUT" && path.includes("send");
      return api.request(method, path, isEvent ? { ...request, query: { ...request.query, ts: String(at) } } : request);
    },
  };
}

function fail(error: unknown): never {
  throw matrixError(error);
}
