// A device of an account on a real Synapse, as small as a session can be: sync, encrypt, decrypt.
import { type Crypto, type CryptoDeps, createCrypto } from "../../../../bridges/matrix/crypto/machine.ts";
import type { Decrypted, RoomKey } from "../../../../bridges/matrix/crypto/decryption.ts";
import type { ServerRequest } from "../../../../bridges/matrix/crypto/outgoing-requests.ts";
import type { Verification } from "../../../../bridges/matrix/crypto/verification.ts";
import {
  entriesOf,
  field,
  isObject,
  type JsonObject,
  listAt,
  objectAt,
  textAt,
} from "../../../../bridges/matrix/json.ts";
import { BridgeError, type Records } from "../../../../src/bridge/index.ts";

export interface Login {
  readonly baseUrl: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly token: string;
}

export interface RoomEvent {
  readonly roomId: string;
  readonly event: JsonObject;
}

export interface Device {
  readonly crypto: Crypto;
  readonly login: Login;
  /** Every request of the encryption, as "POST v3/keys/upload", with its body. */
  readonly requests: { readonly line: string; readonly body: unknown }[];
  /** Which requests of the encryption fail, and how. */
  trouble: (line: string) => BridgeError | undefined;
  readonly keys: RoomKey[];
  readonly verifications: Verification[];
  /** Encrypted events that came, oldest first. */
  readonly events: RoomEvent[];
  readonly call: ServerRequest;
  /** Where the sync is: for a device that is opened again. */
  readonly cursor: string | undefined;
  /** One round of the sync; waits up to a second for something to come. */
  sync(): Promise<void>;
  /** Syncs until `look` is content. */
  until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>): Promise<T>;
  /** The texts of what was said, with "?" for what cannot be read. */
  texts(): Promise<string[]>;
  /** Encrypts and sends a text. Resolves with the event's id. */
  say(roomId: string, body: string, members: readonly string[]): Promise<string>;
  join(roomId: string): Promise<void>;
  close(): Promise<void>;
}

export async function logIn(baseUrl: string, user: string, password: string): Promise<Login> {
  const answer = await callServer(baseUrl, undefined)("POST", ["v3", "login"], {
    body: { type: "m.login.password", identifier: { type: "m.id.user", user }, password },
  });
  const [userId = "", deviceId = "", token = ""] = ["user_id", "device_id", "access_token"].map((key) =>
    textAt(answer, key),
  );
  return { baseUrl, userId, deviceId, token };
}

export function callServer(baseUrl: string, token: string | undefined): ServerRequest {
  return async (method, path, { query = {}, body } = {}) => {
    const url = `${baseUrl}/_matrix/client/${path.map(encodeURIComponent).join("/")}?${new URLSearchParams(query).toString()}`;
    const response = await fetch(url, {
      method,
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    }).catch((cause: unknown) => {
      throw new BridgeError("retry", "unreachable", { cause });
    });
    const answer: unknown = await response.json();
    if (response.ok) return answer;
    const code = textAt(answer, "errcode") ?? "";
    throw new BridgeError(response.status >= 500 ? "retry" : "reject", `${response.status} ${JSON.stringify(answer)}`, {
      condition: code === "M_NOT_FOUND" ? "item-not-found" : "not-acceptable",
    });
  };
}

const quiet: CryptoDeps["log"] = { debug() {}, info() {}, warn() {}, error() {} };
/** Long enough for all that these tests say between two looks. */
const filter = JSON.stringify({ room: { timeline: { limit: 100 } } });
export const encryption = { algorithm: "m.megolm.v1.aes-sha2" };

export async function openDevice(login: Login, records: Records, since?: string): Promise<Device> {
  const abort = new AbortController();
  const server = callServer(login.baseUrl, login.token);
  const requests: Device["requests"] = [];
  const keys: RoomKey[] = [];
  const verifications: Verification[] = [];
  const events: RoomEvent[] = [];
  const crypto = await createCrypto({
    userId: login.userId,
    deviceId: login.deviceId,
    records,
    request: (method, path, request) => {
      const line = `${method} ${path.join("/")}`;
      requests.push({ line, body: request?.body });
      const trouble = device.trouble(line);
      return trouble ? Promise.reject(trouble) : server(method, path, request);
    },
    onKeys: (found) => void keys.push(...found),
    onVerification: (verification) => void verifications.push(verification),
    log: quiet,
    signal: abort.signal,
  });
  let cursor = since;
  const device: Device = {
    crypto,
    login,
    requests,
    trouble: () => undefined,
    keys,
    verifications,
    events,
    call: server,
    get cursor() {
      return cursor;
    },
    sync: async () => {
      const query = cursor === undefined ? { filter, timeout: "0" } : { filter, timeout: "1000", since: cursor };
      const answer = await server("GET", ["v3", "sync"], { query });
      await crypto.receiveSync({
        toDevice: listAt(objectAt(answer, "to_device"), "events"),
        deviceLists: field(answer, "device_lists"),
        oneTimeKeyCounts: field(answer, "device_one_time_keys_count"),
        unusedFallbackKeys: field(answer, "device_unused_fallback_key_types"),
      });
      for (const [roomId, room] of entriesOf(objectAt(objectAt(answer, "rooms"), "join"))) {
        for (const event of listAt(objectAt(room, "timeline"), "events")) {
          if (isObject(event) && event["type"] === "m.room.encrypted") events.push({ roomId, event });
        }
      }
      cursor = textAt(answer, "next_batch");
    },
    until: async (what, look) => {
      for (const deadline = Date.now() + 15_000; Date.now() < deadline; await device.sync()) {
        const found = await look();
        if (found) return found;
      }
      throw new Error(`waited 15 s for: ${what}`);
    },
    texts: async () => {
      const texts: string[] = [];
      for (const { roomId, event } of events) texts.push(textOf(await crypto.decrypt(roomId, event)));
      return texts;
    },
    say: async (roomId, body, members) => {
      const content = await crypto.encrypt({
        roomId,
        type: "m.room.message",
        content: { msgtype: "m.text", body },
        members,
        encryption,
      });
      return send(server, roomId, content);
    },
    join: async (roomId) => void (await server("POST", ["v3", "rooms", roomId, "join"], { body: {} })),
    close: async () => {
      abort.abort();
      await crypto.close();
    },
  };
  return device;
}

export const textOf = (read: Decrypted): string =>
  read.kind === "ok" ? (textAt(objectAt(read.event, "content"), "body") ?? "") : "?";

let transactions = 0;
export async function send(server: ServerRequest, roomId: string, content: JsonObject): Promise<string> {
  const path = ["v3", "rooms", roomId, "send", "m.room.encrypted", `t${process.pid}-${transactions++}`];
  return textAt(await server("PUT", path, { body: content }), "event_id") ?? "";
}

/** A private encrypted room. Resolves with its id. */
export async function createRoom(server: ServerRequest, invite: readonly string[]): Promise<string> {
  const state = [{ type: "m.room.encryption", state_key: "", content: encryption }];
  const body = { preset: "private_chat", invite, initial_state: state };
  return textAt(await server("POST", ["v3", "createRoom"], { body }), "room_id") ?? "";
}
