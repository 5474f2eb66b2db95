// A limited timeline is a gap: what lies between the last sync and it is fetched page by page, backwards, until the
// last sync or an event that is known.
import type { Api } from "./api.ts";
import { listAt, textAt } from "./json.ts";
import { parseEvents, type RoomEvent } from "./wire.ts";

export interface Gap {
  readonly roomId: string;
  /** `prev_batch` of the limited timeline. */
  readonly from: string;
  /** The token of the last sync; undefined: until `isKnown`. */
  readonly to: string | undefined;
  /** Events from this one back were had before. */
  readonly isKnown: (event: RoomEvent) => boolean;
}

export interface Filled {
  /** Oldest first. */
  readonly events: readonly RoomEvent[];
  /** Nothing is missing before them. */
  readonly complete: boolean;
}

const pageSize = 100;
/** More than this of one room is not caught up with: it would take the memory of all others. */
const mostEvents = 2000;
const mostPages = 40;

/** @throws as `Api.request`; a room that may no longer be read counts as not complete at the caller's */
export async function fillGap(gap: Gap, api: Api): Promise<Filled> {
  const newestFirst: RoomEvent[] = [];
  const seen = new Set<string>();
  let from = gap.from;
  for (let page = 0; page < mostPages; page++) {
    const answer = await api.request("GET", ["v3", "rooms", gap.roomId, "messages"], {
      query: { dir: "b", from, to: gap.to, limit: String(pageSize) },
    });
    const chunk = listAt(answer, "chunk");
    for (const event of parseEvents(chunk)) {
      if (gap.isKnown(event)) return { events: newestFirst.toReversed(), complete: true };
      if (seen.has(event.event_id)) continue;
      seen.add(event.event_id);
      newestFirst.push(event);
    }
    const end = textAt(answer, "end");
    if (end === undefined || end === from || end === gap.to || chunk.length === 0) {
      return { events: newestFirst.toReversed(), complete: true };
    }
    if (newestFirst.length >= mostEvents) break;
    from = end;
  }
  return { events: newestFirst.toReversed(), complete: false };
}
