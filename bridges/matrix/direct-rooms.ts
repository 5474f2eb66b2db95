// The account data `m.direct`: which rooms are chats of two, and with whom.
import { entriesOf } from "./json.ts";

/** Nobody has more chats of two; what m.direct holds beyond is not read. */
const mostDirect = 5000;

/** Rooms by the person they are a chat with (account data `m.direct`). */
export type DirectRooms = ReadonlyMap<string, readonly string[]>;

export function withChat(chats: DirectRooms, roomId: string, userId: string): DirectRooms {
  return new Map([...chats, [userId, [...(chats.get(userId) ?? []), roomId]]]);
}

export function withoutChat(chats: DirectRooms, roomId: string): DirectRooms {
  const left = [...chats].map(([user, rooms]) => [user, rooms.filter((room) => room !== roomId)] as const);
  return new Map(left.filter(([, rooms]) => rooms.length > 0));
}

/** The content of `m.direct`, or of its record. */
export function parseDirect(content: unknown): DirectRooms {
  const direct = new Map<string, readonly string[]>();
  for (const [user, rooms] of entriesOf(content)) {
    if (direct.size >= mostDirect) break;
    if (!user.startsWith("@") || user.length > 255 || !Array.isArray(rooms)) continue;
    direct.set(user, rooms.filter((room) => typeof room === "string").slice(0, 50));
  }
  return direct;
}

export function directToJson(direct: DirectRooms): Record<string, readonly string[]> {
  return Object.fromEntries(direct);
}

/** The other way round. */
export function partnersOf(direct: DirectRooms): ReadonlyMap<string, string> {
  const partners = new Map<string, string>();
  for (const [user, rooms] of direct) for (const room of rooms) partners.set(room, user);
  return partners;
}
