// Account mode: the live session of one account, put together from its parts. Each account has a client of its own: no
// token ever meets another account's request (M16).
import type { Host, Session } from "#bridge";
import { createApi } from "./api.ts";
import type { MatrixCredentials } from "./credentials.ts";
import { DirectChats } from "./direct-chats.ts";
import { Encryption } from "./encryption.ts";
import { EncryptionCommands } from "./encryption-commands.ts";
import { matrixError } from "./errors.ts";
import { History } from "./history.ts";
import { knockCommand } from "./knock-command.ts";
import { createMedia } from "./media.ts";
import type { MatrixOptions } from "./options.ts";
import { revoke } from "./oauth.ts";
import { createOutgoing } from "./outgoing.ts";
import { Passing } from "./passing.ts";
import { openAvatar, profile } from "./people.ts";
import { Recipients } from "./recipients.ts";
import { RoomSender } from "./room-sender.ts";
import { RoomVerbs } from "./room-verbs.ts";
import { partnersOf } from "./direct-rooms.ts";
import { Rooms } from "./rooms.ts";
import { SecondReading } from "./second-reading.ts";
import { SentEvents } from "./sent-events.ts";
import { switchCommand } from "./switch-command.ts";
import { SyncLoop, type SyncTimes, syncTimes } from "./sync.ts";
import { openTokens } from "./tokens.ts";
import { Unreadable } from "./unreadable.ts";
import { Upgrades } from "./upgrades.ts";
import type { MatrixVerb } from "./verbs.ts";

export interface AccountSessionDeps {
  readonly credentials: MatrixCredentials;
  readonly options: MatrixOptions;
  /** What tests make shorter. */
  readonly times: Partial<SyncTimes>;
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
  const unreadable = await Unreadable.load(records);
  const recipients = new Recipients(api);
  const encryption = new Encryption({
    credentials,
    records,
    request: (method, path, request) => api.request(method, path, request).catch(rethrown),
    recipients,
    onKeys: (keys) => secondReading.keysCame(keys),
    onVerification: (verification) => commands.onVerification(verification),
    log,
    signal,
  });
  const notice = (text: string): void =>
    void host.notice(text).catch((error: unknown) => log.warn({ err: error }, "a notice was lost"));
  const secondReading = new SecondReading({ host, rooms, encryption, unreadable, log });
  const commands = new EncryptionCommands({
    self,
    encryption,
    rooms,
    unreadable,
    notice,
    signal,
  });
  const direct = new DirectChats({ rooms, api, log, encrypt: () => encryption.isVerified() });
  const upgrades = new Upgrades({ api, rooms, host, log });
  const sender = new RoomSender({ api, rooms, encryption, sent });
  const media = createMedia({ api, fetch, maxUploadBytes: options.accounts.maxUploadBytes, signal });
  const onSent = (roomId: string): void => passing.messageSent(roomId);
  const outgoing = createOutgoing({ api, rooms, direct, sender, media, onSent });
  const passing = new Passing({ api, self, roomOf: (peer) => outgoing.roomOf(peer), log, signal });
  const hint: Host["hint"] = (event) => host.hint(event);
  const reader = {
    rooms,
    self,
    api,
    encryption,
    recipients,
    unreadable,
    sent,
    typing: new Map(),
    history: new Set<string>(),
    hint,
    notice,
    log,
  };
  const loop = new SyncLoop({
    host,
    reader,
    times: { ...syncTimes, ...deps.times },
    presence: () => passing.presence,
    onDirect: (chats) => direct.remember(chats),
    onSuccessors: (successors) => upgrades.follow(successors),
    onCommitted: () => secondReading.run(),
  });
  const verbs = new RoomVerbs({ api, rooms, host, nextSync: (ms) => loop.next(ms) });

  const history = new History({ api, rooms, encryption, unreadable, host, sent, position: () => loop.position });

  // Those that an earlier process did not come to write.
  direct.remember(partnersOf(rooms.unwritten));
  upgrades.resume();
  loop.start();
  return {
    prepare: (message) => outgoing.prepare(message),
    send: (message, prepared) => outgoing.send(message, prepared),
    edit: (target, message) => outgoing.edit(target, message),
    retract: (target, peer, key, reason) => outgoing.retract(target, peer, key, reason),
    react: (target, peer, emoji, key) => outgoing.react(target, peer, emoji, key),
    unreact: (reaction, peer, key, target) => outgoing.unreact(reaction, peer, key, target),
    markRead: (target, peer) => outgoing.markRead(target, peer),
    setTyping: (peer, active) => passing.setTyping(peer, active),
    setPresence: (show, status) => passing.setPresence(show, status),
    openFile: (source, range, wanted) => media.open(source, range, wanted),
    listRooms: () => verbs.listRooms(),
    listContacts: () => verbs.listContacts(),
    join: (room) => verbs.join(room),
    leave: (room) => verbs.leave(room),
    changeRoom: (room, change) => verbs.changeRoom(room, change),
    history: (room, request) => history.read(room, request),
    search: (text) => verbs.search(text),
    profile: (id) => profile(api, id),
    openAvatar: (avatar, pixels, wanted) => openAvatar(api, avatar, pixels, wanted),
    commands: [...commands.list, switchCommand({ rooms, direct, host }), knockCommand({ rooms, api })],
    async signOut() {
      // A pasted token is the user's to keep or to end: it may be in use elsewhere.
      if (credentials.kind === "token") return;
      // Its next answer would be that we are signed out.
      await loop.close();
      if (credentials.oauth === undefined) return void (await api.request("POST", ["v3", "logout"], { body: {} }));
      await revoke(credentials.baseUrl, await tokens.current(), credentials.oauth.clientId, { fetch, signal });
    },
    async close() {
      closing.abort();
      await loop.close();
      await direct.close();
      await upgrades.close();
      await secondReading.close();
      await encryption.close();
    },
  };
}

const rethrown = (cause: unknown): never => {
  throw matrixError(cause);
};
