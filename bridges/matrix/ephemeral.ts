// What a sync answer says in passing: who types, who has read how far.
import type { Incoming } from "#bridge";
import type { Reading } from "./incoming.ts";
import { entriesOf, field, listAt, numberAt, objectAt, textAt } from "./json.ts";

/** Who types where, as the last list said. */
export type Typing = Map<string, ReadonlySet<string>>;

/** More typists than this in one room are a crowd. */
const mostTypists = 20;

/** `m.typing` is the whole list each time: the difference is the news. */
export function readTyping(roomId: string, data: unknown, { draft, typing, hint, self }: Reading): void {
  const event = listAt(objectAt(data, "ephemeral"), "events").find((one) => textAt(one, "type") === "m.typing");
  const room = draft.peek(roomId);
  if (event === undefined || room === undefined) return;
  const users = listAt(objectAt(event, "content"), "user_ids").slice(0, mostTypists);
  const now = new Set(users.filter((user) => typeof user === "string" && user !== self) as string[]);
  const before = typing.get(roomId) ?? new Set();
  const peer = draft.peerOf(room);
  for (const user of now) if (!before.has(user)) hint({ type: "typing", peer, from: user, active: true });
  for (const user of before) if (!now.has(user)) hint({ type: "typing", peer, from: user, active: false });
  if (now.size > 0) typing.set(roomId, now);
  else typing.delete(roomId);
}

/** Receipts of the other person in a chat of two, and how far the user has read in another client. */
export function readRoomAccountData(roomId: string, data: unknown, { draft, self }: Reading): Incoming[] {
  const room = draft.peek(roomId);
  if (room === undefined || room.space) return [];
  const peer = draft.peerOf(room);
  const news: Incoming[] = [];
  for (const event of listAt(objectAt(data, "ephemeral"), "events")) {
    if (textAt(event, "type") !== "m.receipt" || peer.kind !== "contact") continue;
    for (const [target, receipts] of entriesOf(field(event, "content"))) {
      const receipt = objectAt(objectAt(receipts, "m.read"), peer.id);
      const sentAt = numberAt(receipt, "ts");
      if (sentAt === undefined || target.length > 255) continue;
      news.push({ type: "read", id: `read ${peer.id} ${target}`, peer, from: peer.id, sentAt, target });
    }
  }
  for (const event of listAt(objectAt(data, "account_data"), "events")) {
    const target = textAt(objectAt(event, "content"), "event_id");
    if (textAt(event, "type") !== "m.fully_read" || target === undefined || target.length > 255) continue;
    news.push({ type: "read", id: `read ${self} ${target}`, peer, from: "self", sentAt: Date.now(), target });
  }
  return news;
}
