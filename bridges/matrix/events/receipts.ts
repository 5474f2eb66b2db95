// Receipts (Client-Server API, "Receipts"): who has read a room how far.
import type { Peer, RemoteId } from "#bridge";
import { isEventId, isUserId } from "../ids.ts";
import { entriesOf, field, numberAt } from "../json.ts";

export interface Receipt {
  readonly target: RemoteId;
  readonly user: RemoteId;
  readonly sentAt: number;
  /** Others may know it. */
  readonly isPublic: boolean;
}

/** Receipts of one event. */
const most = 200;
/** In larger rooms nobody looks who has read what, and it would be a flood. */
const mostReaders = 20;

/** The receipts of an m.receipt that are for the room as a whole: threads have their own. */
export function receiptsIn(content: unknown): readonly Receipt[] {
  const found: Receipt[] = [];
  for (const [target, kinds] of entriesOf(content)) {
    if (!isEventId(target)) continue;
    for (const kind of ["m.read", "m.read.private"]) {
      for (const [user, receipt] of entriesOf(field(kinds, kind))) {
        const sentAt = numberAt(receipt, "ts");
        const thread = field(receipt, "thread_id") ?? "main";
        if (sentAt === undefined || thread !== "main" || !isUserId(user) || found.length >= most) continue;
        found.push({ target, user, sentAt, isPublic: kind === "m.read" });
      }
    }
  }
  return found;
}

/** Whether the user is told what somebody else has read: the other person of a chat of two, and the few of a small room. */
export function counts(reader: RemoteId, peer: Peer, room: { readonly joinedCount?: number }): boolean {
  if (peer.kind === "contact") return reader === peer.id;
  return (room.joinedCount ?? Number.POSITIVE_INFINITY) <= mostReaders;
}
