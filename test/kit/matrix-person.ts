// The other person on Matrix: somebody with a client of their own (matrix-js-sdk with its sync loop, as in Element).
import {
  ClientEvent,
  createClient,
  type MatrixClient,
  type MatrixEvent,
  MatrixEventEvent,
  SyncState,
} from "matrix-js-sdk";
import { type Arrivals, createArrivals } from "./arrivals.ts";
import { backedUpKeys, createKeyring, recoverKeys, setUpRecovery } from "./matrix-person-crypto.ts";
import { type Files, filesOf } from "./matrix-person-files.ts";
import { type Rooms, roomsOf } from "./matrix-person-rooms.ts";
import { type Talk, talkOf } from "./matrix-person-talk.ts";
import { silent } from "./matrix-silence.ts";

export interface MatrixPersonOptions {
  readonly baseUrl: string;
  /** Local part of the user id. */
  readonly user: string;
  readonly password: string;
  /**
   * Encryption, with the keys in memory: they are gone with this object, as is the device. With a recovery key (from
   * `setUpRecovery`) the device is verified and reads what was said before it was there. Default false.
   */
  readonly crypto?: boolean | { readonly recoveryKey: string };
}

/** An event as the server sent it, but readable: with the content that an encrypted one carried. */
export interface SeenEvent {
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
  /** Without: account data, presence. */
  readonly room_id?: string;
  /** Without: typing, receipts, account data, presence, invitations. */
  readonly event_id?: string;
  readonly sender?: string;
  readonly state_key?: string;
  readonly origin_server_ts?: number;
  readonly unsigned?: Readonly<Record<string, unknown>>;
  /** It was encrypted on its way. */
  readonly encrypted: boolean;
}

/** For `next`: an event with this text. */
export const saying =
  (body: string) =>
  ({ content }: SeenEvent): boolean =>
    content["body"] === body;

/**
 * What comes is every event of the sync, in its order and once, the person's own included: messages, state, typing
 * (`m.typing`), receipts (`m.receipt`), account data, presence. One that cannot be decrypted has the msgtype
 * "m.bad.encrypted"; when its key arrives later, it comes a second time.
 */
export interface MatrixPerson extends Arrivals<SeenEvent>, Talk, Rooms, Files {
  readonly userId: string;
  readonly deviceId: string;
  /** For what has no word here. */
  readonly client: MatrixClient;
  setName(name: string): Promise<void>;
  setAvatar(bytes: Uint8Array, mimetype: string): Promise<void>;
  /** Cross-signing, secret storage and key backup, as Element offers on the first day. Resolves with the recovery key. */
  setUpRecovery(): Promise<string>;
  /** How many keys of rooms the backup holds. The client takes up to 10 s to put one there. */
  backedUpKeys(): Promise<number>;
  /** Ends the client. The device stays on the server. */
  stop(): void;
}

export const MatrixPerson = {
  /** Logs in as a new device and resolves after the first sync. */
  async connect({ baseUrl, user, password, crypto = false }: MatrixPersonOptions): Promise<MatrixPerson> {
    const login = await createClient({ baseUrl, logger: silent }).loginRequest({
      type: "m.login.password",
      identifier: { type: "m.id.user", user },
      password,
      initial_device_display_name: "the other person's client",
    });
    const { user_id: userId, device_id: deviceId, access_token: accessToken } = login;
    const recoveryKey = typeof crypto === "object" ? crypto.recoveryKey : undefined;
    const cryptoCallbacks = createKeyring(recoveryKey);
    const client = createClient({
      baseUrl,
      userId,
      deviceId,
      accessToken,
      cryptoCallbacks,
      disableVoip: true,
      logger: silent,
    });
    const { receive, end, ...arrivals } = createArrivals<SeenEvent>({ name: userId, show });
    listen(client, receive);
    if (crypto !== false) await client.initRustCrypto({ useIndexedDB: false });
    await firstSync(client);
    if (recoveryKey !== undefined) await recoverKeys(client);

    const files = filesOf(client);
    return {
      ...arrivals,
      ...talkOf(client, files),
      ...roomsOf(client, arrivals),
      ...files,
      userId,
      deviceId,
      client,
      setName: async (name) => void (await client.setDisplayName(name)),
      setAvatar: async (bytes, mimetype) => void (await client.setAvatarUrl(await files.upload(bytes, mimetype))),
      setUpRecovery: () => setUpRecovery(client),
      backedUpKeys: () => backedUpKeys(client),
      stop: () => {
        client.stopClient();
        end("stopped");
      },
    };
  },
};

function listen(client: MatrixClient, receive: (event: SeenEvent) => void): void {
  const seen = new Set<string>(); // a state event may come in the timeline and again in the state after it
  const unreadable = new Set<MatrixEvent>();
  let earlier = Promise.resolve(); // decryption takes its time, and the order is to stay
  client.on(ClientEvent.Event, (event) => {
    const id = event.getId();
    if (id !== undefined && seen.has(id)) return;
    if (id !== undefined) seen.add(id);
    earlier = earlier.then(async () => {
      await client.decryptEventIfNeeded(event);
      if (event.isDecryptionFailure()) unreadable.add(event);
      receive(seenEvent(event));
    });
  });
  client.on(MatrixEventEvent.Decrypted, (event) => {
    if (!event.isDecryptionFailure() && unreadable.delete(event)) receive(seenEvent(event));
  });
}

/** A copy: the client changes its events, for instance when they are redacted. */
function seenEvent(event: MatrixEvent): SeenEvent {
  return { ...structuredClone(event.getEffectiveEvent()), encrypted: event.isEncrypted() };
}

const show = ({ type, room_id = "", sender = "", content }: SeenEvent): string =>
  `${type} ${room_id} ${sender} ${JSON.stringify(content)}`;

async function firstSync(client: MatrixClient): Promise<void> {
  const synced = new Promise<void>((resolve, reject) => {
    const tooLate = setTimeout(() => reject(new Error(`${client.getUserId()}: no first sync in 20 s`)), 20_000);
    client.on(ClientEvent.Sync, (state) => {
      if (state !== SyncState.Prepared) return;
      clearTimeout(tooLate);
      resolve();
    });
  });
  await client.startClient({ initialSyncLimit: 20 });
  await synced;
}
