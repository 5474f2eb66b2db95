// What a room is like when one of ours comes into it, and what was said there since the invitation: a homeserver tells an
// application service nothing of before.
import type { RemoteId } from "#bridge";
import type { Api } from "../api.ts";
import { fillGap } from "../gaps.ts";
import { field, type JsonObject, listAt, objectAt, textAt } from "../json.ts";
import { applyState, applySummary, parseMembership, stateTypes } from "../room-state.ts";
import { parseEvents, type RoomEvent } from "../wire.ts";
import type { SharedRoom } from "./shared-rooms.ts";

interface Seen {
  readonly state: readonly RoomEvent[];
  /** Oldest first. */
  readonly timeline: readonly RoomEvent[];
  /** Where the timeline goes on backwards. */
  readonly before: string | undefined;
  readonly summary: JsonObject;
}

/** What a look into a room found. */
export interface Found {
  readonly seen: Seen;
  /** In a chat of two: what was said after the invitation of the one who looks, oldest first. */
  readonly earlier: readonly RoomEvent[];
}

/**
 * @param nonce makes the request unlike earlier ones: Synapse answers the same first sync from memory for two minutes
 * @param timeout milliseconds
 * @returns undefined when the user is not in the room
 * @throws as `Api.request`
 */
export async function lookInto(
  { state: { id }, partner }: SharedRoom,
  who: RemoteId,
  nonce: string,
  api: Api,
  timeout: number,
): Promise<Found | undefined> {
  const seen = await lookAt(id, api, nonce, timeout);
  if (seen === undefined) return undefined;
  return { seen, earlier: partner === undefined ? [] : await sinceInvitation(id, seen, who, api) };
}

/** One answer of the sync, which has it all from the same moment. */
async function lookAt(roomId: string, api: Api, nonce: string, timeout: number): Promise<Seen | undefined> {
  const none = { types: [] };
  const filter = {
    account_data: { types: [], not_types: [nonce] },
    presence: none,
    room: {
      rooms: [roomId],
      account_data: none,
      ephemeral: none,
      state: { types: stateTypes, lazy_load_members: true },
      timeline: { limit: 50 },
    },
  };
  const query = { filter: JSON.stringify(filter), timeout: "0", set_presence: "offline" };
  const answer = await api.request("GET", ["v3", "sync"], { query, timeout });
  const data = field(objectAt(objectAt(answer, "rooms"), "join"), roomId);
  if (data === undefined) return undefined;
  const timeline = objectAt(data, "timeline");
  return {
    state: parseEvents(listAt(objectAt(data, "state"), "events")),
    timeline: parseEvents(listAt(timeline, "events")),
    before: field(timeline, "limited") === true ? textAt(timeline, "prev_batch") : undefined,
    summary: objectAt(data, "summary"),
  };
}

/** Takes what was seen into the room. */
export function fillIn(room: SharedRoom, seen: Seen): void {
  for (const event of seen.state) applyState(room.state, event, "");
  for (const event of seen.timeline) if (event.state_key !== undefined) applyState(room.state, event, "");
  applySummary(room.state, seen.summary);
  room.known = true;
  const last = seen.timeline.at(-1)?.event_id;
  if (last !== undefined) room.state.lastEvent = last;
  const people = (room.state.joinedCount ?? 0) + (room.state.invitedCount ?? 0);
  if (people > 2) room.partner = undefined;
}

async function sinceInvitation(roomId: string, seen: Seen, user: RemoteId, api: Api): Promise<readonly RoomEvent[]> {
  const isInvitation = ({ type, state_key, content }: RoomEvent): boolean =>
    type === "m.room.member" && state_key === user && parseMembership(content) === "invite";
  const start = seen.timeline.findLastIndex(isInvitation);
  if (start >= 0) return seen.timeline.slice(start + 1);
  if (seen.before === undefined) return [];
  // Somebody wrote a lot while the gateway was away.
  const earlier = await fillGap({ roomId, from: seen.before, to: undefined, isKnown: isInvitation }, api);
  return earlier.complete ? [...earlier.events, ...seen.timeline] : seen.timeline;
}
