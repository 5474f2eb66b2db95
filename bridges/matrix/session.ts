// Account mode: the live session of one account, put together from its parts. Each account has a client of its own: no
// token ever meets another account's request (M16).
import type { Host, Session } from "#bridge";
import { createApi } from "./api.ts";
import type { MatrixCredentials } from "./credentials.ts";
import type { OpenCrypto } from "./crypto-seam.ts";
import { DirectChats } from "./direct-chats.ts";
import { matrixError } from "./errors.ts";
import { createMedia } from "./media.ts";
import type { MatrixOptions } from "./options.ts";
import { createOutgoing } from "./outgoing.ts";
import { Passing } from "./passing.ts";
import { RoomSender } from "./room-sender.ts";
import { RoomVerbs } from "./room-verbs.ts";
import { partnersOf, Rooms } from "./rooms.ts";
import { SentEvents } from "./sent-events.ts";
import { SyncLoop, type SyncTimes, syncTimes } from "./sync.ts";
import { tellAgain } from "./timeline.ts";
import { openTokens } from "./tokens.ts";
import { type RoomKey, Unreadable } from "./unreadable.ts";
import type { MatrixVerb } from "./verbs.ts";

export interface AccountSessionDeps {
  readonly credentials: MatrixCredentials;
  readonly options: MatrixOptions;
  /** What tests make shorter. */
  readonly times: Partial<SyncTimes>;
  /** Opens the account's encryption; absent: it has none. Only for a device that a login of this bridge made. */
  readonly openCrypto?: OpenCrypto;
}

/** Starts the session; what becomes of it is told by `host.status`. */
export async function startAccountSession(deps: AccountSessionDeps, host: Host): Promise<Session<MatrixVerb>> {
  const { credentials, options } = deps;
  const self = credentials.userId;
  const { fetch, log, records } = host;
  const closing = new AbortController();
  const signal = AbortSignal.any([host.signal, closing.signal]);

  const tokens = await openTokens({ credentials, records, fetch, signal });
  const api = createApi({ baseUrl: credentials.baseUrl, fetch, tokens, signal });
  const rooms = await Rooms.load(self, records);
  const sent = new SentEvents();
  const unreadable = new Unreadable();
  // A second user of one device would break the keys of both.
  const openCrypto = credentials.kind === "token" ? undefined : deps.openCrypto;
  const crypto = await openCrypto?.({
    userId: self,
    deviceId: credentials.deviceId,
    records,
    request: (method, path, request) =>
      api.request(method, path, request).catch((cause: unknown) => Promise.reject(matrixError(cause))),
    onKeys: (keys) => void readAgain(keys),
    log,
    signal,
  });
  const direct = new DirectChats({ rooms, api, log, encrypt: crypto !== undefined });
  const sender = new RoomSender({ api, rooms, crypto, sent });
  const media = createMedia({ api, fetch, maxUploadBytes: options.accounts.maxUploadBytes, signal });
  const onSent = (roomId: string): void => passing.messageSent(roomId);
  const outgoing = createOutgoing({ api, rooms, direct, sender, media, onSent });
  const passing = new Passing({ api, self, roomOf: (peer) => outgoing.roomOf(peer), log, signal });
  const hint: Host["hint"] = (event) => host.hint(event);
  const reader = {
    rooms,
    self,
    api,
    crypto,
    unreadable,
    sent,
    typing: new Map(),
    history: new Set<string>(),
    hint,
    log,
  };
  const loop = new SyncLoop({
    host,
    reader,
    times: { ...syncTimes, ...deps.times },
    presence: () => passing.presence,
    onDirect: (chats) => direct.remember(chats),
  });
  const verbs = new RoomVerbs({ api, rooms, host, nextSync: (ms) => loop.next(ms) });

  /** What could not be read before is corrected, in between two sync answers. */
  async function readAgain(keys: readonly RoomKey[]): Promise<void> {
    try {
      await rooms.exclusive(async () => {
        const draft = rooms.draft();
        for (const { event, key } of unreadable.take(keys)) {
          const room = rooms.get(key.roomId);
          if (room !== undefined) await host.deliver(await tellAgain(event, room, { self, draft, crypto, unreadable }));
        }
      });
    } catch (error) {
      log.warn({ err: error }, "messages whose keys came could not be corrected");
    }
  }

  // Those that an earlier process did not come to write.
  direct.remember(partnersOf(rooms.unwritten));
  loop.start();
  return {
    prepare: (message) => outgoing.prepare(message),
    send: (message, prepared) => outgoing.send(message, prepared),
    edit: (target, message) => outgoing.edit(target, message),
    retract: (target, peer, key) => outgoing.retract(target, peer, key),
    react: (target, peer, emoji, key) => outgoing.react(target, peer, emoji, key),
    unreact: (reaction, peer, key) => outgoing.unreact(reaction, peer, key),
    markRead: (target, peer) => outgoing.markRead(target, peer),
    setTyping: (peer, active) => passing.setTyping(peer, active),
    setPresence: (show, status) => passing.setPresence(show, status),
    openFile: (source, range, wanted) => media.open(source, range, wanted),
    listRooms: () => verbs.listRooms(),
    listContacts: () => verbs.listContacts(),
    join: (room) => verbs.join(room),
    leave: (room) => verbs.leave(room),
    changeRoom: (room, change) => verbs.changeRoom(room, change),
    search: (text) => verbs.search(text),
    async close() {
      closing.abort();
      await loop.close();
      await direct.close();
      await crypto?.close();
    },
  };
}
