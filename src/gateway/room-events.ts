// What happens in a room, as rows of its lane. Everything that was true when it was committed is inside: who reads it
// later finds nicks and ranks as they were.
import type { IncomingRoom, Rank, RemoteId } from "#bridge";
import type { ArchiveEntry, Saying } from "./room-ports.ts";

export interface Person {
  readonly id: RemoteId;
  readonly nick: string;
  readonly rank: Rank;
  /** The user. */
  readonly self: boolean;
}

/** Empty text: there is none. */
export interface Subject {
  readonly text: string;
  /** Nick of who set it. */
  readonly by?: string;
  /** Milliseconds since the epoch. */
  readonly at?: number;
}

/** "unlisted": still there, but the room is too large to show everybody. */
export type Departure = "left" | "kicked" | "banned" | "unlisted";

/** XEP-0045 section 7.2.13. */
export interface HistoryRequest {
  readonly maxStanzas?: number;
  readonly maxChars?: number;
  /** Milliseconds since the epoch. */
  readonly since?: number;
}

/** One saying on its way to everybody in the room. */
export interface Said {
  readonly do: "said";
  readonly body: Saying;
  readonly id: RemoteId;
  /** Empty: the room itself says it. */
  readonly nick: string;
  readonly self: boolean;
  /** XEP-0359. */
  readonly stanzaId: string;
  /** The id that the user's own client gave it. */
  readonly originId?: string;
  /** A moderator did it (XEP-0425). */
  readonly moderated?: boolean;
  readonly reason?: string;
  /** XEP-0066: the file that the user's client shared. */
  readonly url?: string;
}

export type RoomEvent =
  | Said
  /** Came, or changed; `was` is the nick until now. */
  | { readonly do: "here"; readonly person: Person; readonly was?: string }
  | {
      readonly do: "gone";
      readonly person: Person;
      readonly how: Departure;
      /** Nick of who did it. */
      readonly by?: string;
      readonly reason?: string;
    }
  /** The user is not in the room any more, so none of their clients is. */
  | {
      readonly do: "expelled";
      readonly person: Person;
      readonly how: Departure;
      readonly by?: string;
      readonly reason?: string;
      readonly clients: readonly string[];
    }
  | ({ readonly do: "subject" } & Subject)
  /** Its name or who may come in. */
  | { readonly do: "configured" }
  | { readonly do: "invited"; readonly by?: RemoteId; readonly name?: string; readonly reason?: string }
  /** The user came into it by another program: see IncomingRoom.offer. */
  | {
      readonly do: "joined";
      readonly nick: string;
      readonly offer: NonNullable<IncomingRoom["offer"]>;
      readonly name?: string;
    }
  /** The user is not in it any more: no bookmark. */
  | { readonly do: "forgotten" }
  /** A client comes in: it gets the people, the history and the subject. */
  | {
      readonly do: "entered";
      readonly client: string;
      /** The nick it asked for. */
      readonly asked: string;
      readonly person: Person;
      /** Everybody else who is shown. */
      readonly people: readonly Person[];
      readonly subject: Subject;
      readonly history: HistoryRequest;
      /** The last position of the archive that is history. */
      readonly until: number;
    };

/** What the stanzas of a row need beside the row. */
export interface RoomView {
  /** The room's local part, unescaped. */
  readonly local: string;
  readonly id: RemoteId;
  readonly name: string | undefined;
  /** The user's own id. */
  readonly self: RemoteId;
  /** Full JIDs of those who get it. */
  readonly clients: readonly string[];
  /** For a client that comes in. */
  readonly history?: readonly ArchiveEntry[];
}
