// What the homeserver tells in passing (Application Service API, "Pushing ephemeral data"): typing, receipts, presence.
import type { Hint } from "#bridge";
import { counts, receiptsIn } from "../events/receipts.ts";
import { field, listAt, objectAt, textAt } from "../json.ts";
import { isOurs } from "./ghost-id.ts";
import { peerIn, type SharedRoom } from "./shared-rooms.ts";
import { accountOf, type Reading } from "./telling.ts";

/** More typists than this in one room are a crowd; more rooms with typists than this are not watched. */
const mostTypists = 20;
const mostRooms = 5000;

export async function readEphemeral(list: readonly unknown[], reading: Reading): Promise<void> {
  for (const edu of list) {
    switch (textAt(edu, "type")) {
      case "m.typing":
        await typing(edu, reading);
        break;
      case "m.receipt":
        await receipts(edu, reading);
        break;
      case "m.presence":
        await presence(edu, reading);
        break;
    }
  }
}

/** `m.typing` is the whole list each time: the difference is the news. */
async function typing(edu: unknown, reading: Reading): Promise<void> {
  const { change, typing: typists, space } = reading;
  const roomId = textAt(edu, "room_id") ?? "";
  const room = change.rooms.peek(roomId);
  if (room === undefined) return;
  const users = listAt(objectAt(edu, "content"), "user_ids").slice(0, mostTypists);
  const now = new Set(users.filter((user) => typeof user === "string").filter((user) => !isOurs(user, space)));
  const before = typists.get(roomId) ?? new Set();
  const peer = peerIn(room);
  const news = [
    ...[...now].filter((user) => !before.has(user)).map((from) => ({ from, active: true })),
    ...[...before].filter((user) => !now.has(user)).map((from) => ({ from, active: false })),
  ];
  for (const one of news) await hintAll(room, { type: "typing", peer, ...one }, reading);
  typists.delete(roomId);
  if (now.size > 0 && typists.size < mostRooms) typists.set(roomId, now);
}

async function hintAll(room: SharedRoom, hint: Hint, reading: Reading): Promise<void> {
  for (const [ghost, membership] of room.ours) {
    const account = membership === "join" ? await accountOf(ghost, reading) : undefined;
    if (account !== undefined) reading.hints.push({ account, hint });
  }
}

/** Of the other person in a chat of two, and of the few in a small room. */
async function receipts(edu: unknown, reading: Reading): Promise<void> {
  const { change, space } = reading;
  const room = change.rooms.peek(textAt(edu, "room_id") ?? "");
  if (room === undefined || room.state.space) return;
  const peer = peerIn(room);
  for (const { target, user, sentAt, isPublic } of receiptsIn(field(edu, "content"))) {
    if (!isPublic || isOurs(user, space) || !counts(user, peer, room.state)) continue;
    for (const ghost of room.ours.keys()) {
      const account = await accountOf(ghost, reading);
      const id = `read ${user} ${target}`;
      if (account !== undefined) change.tell(account, [{ type: "read", id, peer, from: user, sentAt, target }]);
    }
  }
}

/** Of those with whom somebody of ours has a chat of two. */
async function presence(edu: unknown, reading: Reading): Promise<void> {
  const from = textAt(edu, "sender");
  if (from === undefined || isOurs(from, reading.space)) return;
  const content = objectAt(edu, "content");
  const state = textAt(content, "presence");
  const status = textAt(content, "status_msg")?.slice(0, 500);
  const show = state === "online" ? "online" : state === "unavailable" ? "away" : "offline";
  for (const ghost of reading.rooms.oursWith(from)) {
    const account = await accountOf(ghost, reading);
    const hint = { type: "presence", from, show, ...(status ? { status } : {}) } as const;
    if (account !== undefined) reading.hints.push({ account, hint });
  }
}
