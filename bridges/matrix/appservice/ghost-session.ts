// One XMPP user's session in domain mode: what an account of one's own does, as a user of the application service.
import type { Host, RemoteId, SessionCore, Verbs } from "#bridge";
import type { Api } from "../api.ts";
import { noEncryption } from "../encryption.ts";
import { createMedia } from "../media.ts";
import { createOutgoing } from "../outgoing.ts";
import { Passing } from "../passing.ts";
import { openAvatar, profile } from "../people.ts";
import { RoomSender } from "../room-sender.ts";
import { RoomVerbs } from "../room-verbs.ts";
import { SentEvents } from "../sent-events.ts";
import type { GhostChats } from "./ghost-chats.ts";
import { GhostRooms } from "./ghost-rooms.ts";
import type { GhostLooks } from "./ghost-looks.ts";
import type { Ghosts } from "./ghosts.ts";
import type { Ledger } from "./ledger.ts";
import type { SharedRooms } from "./shared-rooms.ts";

export interface GhostSessionDeps {
  readonly self: RemoteId;
  /** Bare JID. */
  readonly user: string;
  /** Requests as `self`, who is registered with the first of them. */
  readonly api: Api;
  readonly ghosts: Ghosts;
  readonly looks: GhostLooks;
  readonly rooms: SharedRooms;
  readonly ledger: Ledger;
  readonly direct: GhostChats;
  readonly maxUploadBytes: number;
  readonly host: Host;
  readonly onClose: () => void;
}

export function startGhostSession(deps: GhostSessionDeps): SessionCore & Partial<Verbs> {
  const { self, user, api, direct, ghosts, ledger, host } = deps;
  const { fetch, log } = host;
  const closing = new AbortController();
  const signal = AbortSignal.any([host.signal, closing.signal]);
  const rooms = new GhostRooms(self, deps.rooms);
  // Synapse keeps the transactions of these users in memory: a restart of it forgets them.
  const encryption = noEncryption("Your address on Matrix is the gateway's, and has no keys.");
  const sender = new RoomSender({ api, rooms, encryption, sent: new SentEvents(), remembered: 0 });
  const media = createMedia({ api, fetch, maxUploadBytes: deps.maxUploadBytes, signal });
  const onSent = (roomId: string): void => passing.messageSent(roomId);
  const outgoing = createOutgoing({ api, rooms, direct, sender, media, onSent });
  const passing = new Passing({ api, self, roomOf: (peer) => outgoing.roomOf(peer), log, signal });
  const verbs = new RoomVerbs({ api, rooms, host, nextSync: (ms) => ledger.next(ms) });
  return {
    prepare: (message) => outgoing.prepare(message),
    async send(message, prepared) {
      await ghosts.ensure(self, user, message.senderName);
      return outgoing.send(message, prepared);
    },
    edit: (target, message) => outgoing.edit(target, message),
    retract: (target, peer, key, reason) => outgoing.retract(target, peer, key, reason),
    react: (target, peer, emoji, key) => outgoing.react(target, peer, emoji, key),
    unreact: (reaction, peer, key, target) => outgoing.unreact(reaction, peer, key, target),
    markRead: (target, peer) => outgoing.markRead(target, peer),
    setTyping: (peer, active) => passing.setTyping(peer, active),
    async setPresence(show, status) {
      // Nobody on Matrix knows a user who was never there.
      if (ghosts.get(self) !== undefined) await passing.setPresence(show, status);
    },
    openFile: (source, range, wanted) => media.open(source, range, wanted),
    listRooms: () => verbs.listRooms(),
    listContacts: () => verbs.listContacts(),
    join: (room) => verbs.join(room),
    leave: (room) => verbs.leave(room),
    changeRoom: (room, change) => verbs.changeRoom(room, change),
    search: (text) => verbs.search(text),
    profile: (id) => profile(api, id),
    openAvatar: (avatar, pixels, wanted) => openAvatar(api, avatar, pixels, wanted),
    updateProfile: async (hash) => deps.looks.told(self, user, hash),
    async close() {
      closing.abort();
      deps.onClose();
    },
  };
}
