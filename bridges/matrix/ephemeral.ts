// What a sync answer says in passing: who types, who has read how far.
import type { Incoming } from "#bridge";
import { counts, receiptsIn } from "./events/receipts.ts";
import type { Reading } from "./incoming.ts";
import { field, listAt, objectAt, textAt } from "./json.ts";

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

/**
 * Who has read how far: others, where they are few, and the user in another client. Their own receipts say it at once;
 * `m.fully_read` says where they left off, which may be long before.
 */
export function readReceipts(roomId: string, data: unknown, { draft, self, sent }: Reading): Incoming[] {
  const room = draft.peek(roomId);
  if (room === undefined || room.space) return [];
  const peer = draft.peerOf(room);
  const events = listAt(objectAt(data, "ephemeral"), "events").filter((one) => textAt(one, "type") === "m.receipt");
  const receipts = events.flatMap((event) => receiptsIn(field(event, "content")));
  return receipts.flatMap(({ target, user, sentAt, isPublic }): readonly Incoming[] => {
    const read = { type: "read", id: `read ${user} ${target}`, peer, sentAt, target } as const;
    if (user === self) return sent.isOwnReading(target) ? [] : [{ ...read, from: "self" }];
    return isPublic && counts(user, peer, room) ? [{ ...read, from: user }] : [];
  });
}
