// What happens in a room, as rows of its lane. Everything that was true when it was committed is inside: who reads it
// later finds nicks and ranks as they were.
import type { AvatarId, IncomingRoom, Rank, RemoteId } from "#bridge";
import type { ArchiveEntry, Saying } from "./room-ports.ts";

export interface Person {
  readonly id: RemoteId;
  readonly nick: string;
  readonly rank: Rank;
  /** The user. */
  readonly self: boolean;
  /** null: there was a picture, and it was taken away. */
  readonly avatar?: AvatarId | null | undefined;
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
  /** Read up to there (XEP-0333). `target` is the message's stanza id. */
  | {
      readonly do: "read";
      readonly id: RemoteId;
      readonly nick: string;
      readonly self: boolean;
      readonly target: string;
    }
  | ({ readonly do: "subject" } & Subject)
  /** Its name, its picture or who may come in. */
  | { readonly do: "configured" }
  /** Its picture is here now. */
  | { readonly do: "pictured" }
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
  /** The hash of the room's picture; "": there is none any more. Absent: nothing is said of it. */
  readonly picture?: string;
  /** By avatar, the hashes of the pictures of the people in the row, as far as they are here. */
  readonly pictures: ReadonlyMap<AvatarId, string>;
}
