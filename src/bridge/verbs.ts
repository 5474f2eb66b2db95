// Verb = capability = method = XEP. A bridge lists the verbs it supports and its sessions have these methods; the edge
// advertises what follows from them, and what is missing meets the fallback table of the core.
import type { FileContent, FileRange } from "./files.ts";
import type { Json, MessageRef, OutgoingMessage, Peer, RemoteId, Sent } from "./message.ts";
import type { AvatarId, Profile } from "./people.ts";
import type { HistoryPage, HistoryRequest, RoomChange, RoomSummary } from "./rooms.ts";

export interface Verbs {
  /** XEP-0308. The new text of an earlier message of the user's own. */
  edit(target: MessageRef, message: OutgoingMessage): Promise<Sent>;
  /** XEP-0424; for a message of somebody else's XEP-0425: throws `reject` with `forbidden` when the user may not. */
  retract(target: MessageRef, peer: Peer, key: string, reason?: string): Promise<void>;
  /** XEP-0444. One emoji on one message; `key` as in OutgoingMessage. The core works out what was added and removed. */
  react(target: MessageRef, peer: Peer, emoji: string, key: string): Promise<Sent>;
  /** Take back a reaction that `react` returned, or that arrived with this id. */
  unreact(reaction: RemoteId, peer: Peer, key: string, target: MessageRef): Promise<void>;
  /** XEP-0333 displayed. The user has read everything up to `target`. Durable; newest wins. */
  markRead(target: MessageRef, peer: Peer): Promise<void>;
  /** XEP-0085. Fleeting. */
  setTyping(peer: Peer, active: boolean): Promise<void>;
  /** The user's own presence, the best of all their clients. Fleeting. */
  setPresence(show: "online" | "away" | "offline", status: string | undefined): Promise<void>;
  /** Read a file that came with a message; `source` is what the attachment carried. */
  openFile(source: Json, range: FileRange | undefined, signal: AbortSignal): Promise<FileContent>;
  /**
   * What a person shows of themselves now; undefined when there is nobody. Asked about contacts that the user sees from now
   * on, and once in a day about those they see. What changes while the session runs is told by `contact` events.
   */
  profile(id: RemoteId): Promise<Profile | undefined>;
  /**
   * Read the picture of a person or a room: about `pixels` wide and high where the network makes such ones, else as it is.
   * The core asks once and keeps it. Throws `reject` when there is none.
   */
  openAvatar(avatar: AvatarId, pixels: number, signal: AbortSignal): Promise<FileContent>;
  /**
   * The user's picture on XMPP is the one with this hash (XEP-0153; "": none) from now on: read the profile with
   * `ServiceHost.profileOf` when it is another one than before. Comes with the user's presence, and may be repeated. Fleeting.
   */
  updateProfile(hash: string): Promise<void>;
  /** The rooms the user is in or invited to, for them to choose from. */
  listRooms(): Promise<readonly RoomSummary[]>;
  /** Direct chats the user has on the network, for them to choose from. */
  listContacts(): Promise<readonly { readonly id: RemoteId; readonly name?: string }[]>;
  /** XEP-0045. Resolves when the network has the user in the room. `room` may be an address such as an alias. */
  join(room: RemoteId): Promise<{ readonly id: RemoteId }>;
  leave(room: RemoteId): Promise<void>;
  /**
   * Older messages of a room: delivers them with `past`, the newest first, and resolves when they are committed. What was
   * delivered before is dropped by the core. As they are now: with their last text, and none that was taken back.
   */
  history(room: RemoteId, request: HistoryRequest): Promise<HistoryPage>;
  /** Subject, invitations, kicks, bans, affiliations: see RoomChange. */
  changeRoom(room: RemoteId, change: RoomChange): Promise<void>;
  /** People and rooms that match, best first. */
  search(text: string): Promise<readonly { readonly id: RemoteId; readonly name?: string }[]>;
}

export type Verb = keyof Verbs;
