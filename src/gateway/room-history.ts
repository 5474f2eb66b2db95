// XEP-0045 section 7.2.13: how much of what was said before a client gets when it comes in.
import type { AccountId } from "./ports.ts";
import type { HistoryRequest } from "./room-events.ts";
import type { ArchiveEntry, RoomReads } from "./room-ports.ts";
import type { RemoteId } from "#bridge";

/** What clients get that do not say, and the most there is: the rest is in the archive (XEP-0313). */
export const usualStanzas = 20;
const mostStanzas = 200;
/** Characters, and what a stanza around a text costs of them. */
const mostChars = 100_000;
const envelope = 300;

/** The newest that fit, in order. */
export function historyOf(
  rooms: RoomReads,
  account: AccountId,
  room: RemoteId,
  { history, until }: { readonly history: HistoryRequest; readonly until: number },
): readonly ArchiveEntry[] {
  const usual = history.since === undefined ? usualStanzas : mostStanzas;
  const limit = Math.min(history.maxStanzas ?? usual, mostStanzas);
  const budget = Math.min(history.maxChars ?? mostChars, mostChars);
  if (limit === 0 || budget === 0) return [];
  const entries = rooms.archive(account, room, { from: history.since, before: until + 1, newest: true, limit });
  let used = 0;
  const cut = entries.findLastIndex((entry) => {
    used += envelope + lengthOf(entry);
    return used > budget;
  });
  return entries.slice(cut + 1);
}

function lengthOf({ body }: ArchiveEntry): number {
  if (body.kind === "message") return body.message.text.length;
  return body.kind === "edit" ? body.text.length : 0;
}
