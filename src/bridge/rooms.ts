// Rooms as a network has them (XEP-0045 on the other side).
import type { RemoteId } from "./message.ts";

/** What somebody may do in a room, most first: owner and admin are affiliations, moderator a role, visitor cannot speak. */
export type Rank = "owner" | "admin" | "member" | "visitor" | "outcast";

export interface RoomSummary {
  readonly id: RemoteId;
  readonly name?: string;
  /** How people write it, such as "#room:example.org". */
  readonly address?: RemoteId;
  readonly members?: number;
  readonly state: "joined" | "invited";
  readonly invitedBy?: RemoteId;
}

/** Messages of a room that were said before others. */
export interface HistoryRequest {
  /** The id of a message: what was said before it. Left out: the newest. */
  readonly before?: RemoteId;
  /** The id of a message behind which nothing is missing: the pages end there. */
  readonly after?: RemoteId;
  readonly limit: number;
}

export interface HistoryPage {
  /** The oldest message of the page; the next page begins there. Absent: it had none. */
  readonly oldest?: RemoteId;
  /** There is nothing further back that this user may read, or `after` was reached. */
  readonly complete: boolean;
}

/** What a user changes in a room. Throws `reject` with condition `forbidden` when they may not. */
export type RoomChange =
  | { readonly do: "subject"; readonly text: string }
  | { readonly do: "invite"; readonly who: RemoteId; readonly reason?: string }
  | { readonly do: "kick"; readonly who: RemoteId; readonly reason?: string }
  | { readonly do: "rank"; readonly who: RemoteId; readonly rank: Rank; readonly reason?: string }
  | { readonly do: "nick"; readonly name: string };
