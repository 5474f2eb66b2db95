// Somebody on Matrix, for the ledgers: no more of the Client-Server API than they need, and a client that never gives up.
// What is said is repeated under its transaction id until the server has answered.
import { setTimeout as sleep } from "node:timers/promises";
import type { Synapse } from "../../lab/synapse.ts";

export interface HeardEvent {
  readonly id: string;
  readonly room: string;
  /** When the server got it, in milliseconds since the epoch. */
  readonly at: number;
  readonly body: string;
}

export interface MatrixPeer {
  readonly userId: string;
  /** A direct chat as Element makes it. Resolves with the room's id, as the next one does. */
  createDm(userId: string): Promise<string>;
  createPublicRoom(alias: string): Promise<string>;
  join(roomIdOrAlias: string): Promise<void>;
  /** User ids of those who are in it. */
  members(roomId: string): Promise<readonly string[]>;
  /** Resolves with the event's id: the server has it. */
  say(roomId: string, transaction: string, body: string): Promise<string>;
  /** Accepts invitations. All that others said so far, in the order in which the server has it. */
  heard(): Promise<readonly HeardEvent[]>;
}

/** The homeserver must allow timelines of that length (`filter_timeline_limit`): nothing is to be left out. */
export const timelineLimit = 5_000;
const api = "/_matrix/client/";
/** A server that is away for longer fails the test. */
const patienceMs = 60_000;

const filter = JSON.stringify({
  room: { timeline: { limit: timelineLimit, types: ["m.room.message"] }, ephemeral: { types: [] } },
  presence: { types: [] },
});

interface SyncAnswer {
  readonly next_batch: string;
  readonly rooms?: {
    readonly invite?: Readonly<Record<string, unknown>>;
    readonly join?: Readonly<Record<string, { readonly timeline?: { readonly events: readonly TimelineEvent[] } }>>;
  };
}

interface TimelineEvent {
  readonly event_id: string;
  readonly sender: string;
  readonly origin_server_ts: number;
  readonly content: { readonly body?: unknown };
}

/** Logs in as a new device of a user who is there. */
export async function connectPeer(synapse: Synapse, user: string, password: string): Promise<MatrixPeer> {
  const { baseUrl, serverName } = synapse;
  const login = { type: "m.login.password", identifier: { type: "m.id.user", user }, password };
  const { access_token: token } = await call<{ access_token: string }>("POST", `${baseUrl}${api}v3/login`, {}, login);
  const request = <T>(method: string, path: string, body?: object): Promise<T> =>
    call(method, `${baseUrl}${api}${path}`, { authorization: `Bearer ${token}` }, body);
  const userId = `@${user}:${serverName}`;
  const heard: HeardEvent[] = [];
  let since: string | undefined;

  const createRoom = async (options: object): Promise<string> =>
    (await request<{ room_id: string }>("POST", "v3/createRoom", options)).room_id;
  const join = async (room: string): Promise<void> =>
    void (await request("POST", `v3/join/${encodeURIComponent(room)}`, {}));

  const peer: MatrixPeer = {
    userId,
    createDm: (other) => createRoom({ preset: "trusted_private_chat", is_direct: true, invite: [other] }),
    createPublicRoom: (alias) => createRoom({ preset: "public_chat", room_alias_name: alias }),
    join,
    members: async (room) =>
      Object.keys((await request<{ joined: object }>("GET", `v3/rooms/${room}/joined_members`)).joined),
    async say(room, transaction, body) {
      const path = `v3/rooms/${encodeURIComponent(room)}/send/m.room.message/${transaction}`;
      return (await request<{ event_id: string }>("PUT", path, { msgtype: "m.text", body, "m.mentions": {} })).event_id;
    },
    async heard() {
      for (;;) {
        const query = new URLSearchParams({ filter, timeout: "0", ...(since === undefined ? {} : { since }) });
        const answer = await request<SyncAnswer>("GET", `v3/sync?${query.toString()}`);
        since = answer.next_batch;
        for (const [room, { timeline }] of Object.entries(answer.rooms?.join ?? {}))
          for (const { event_id: id, sender, content, origin_server_ts: at } of timeline?.events ?? [])
            if (sender !== userId) heard.push({ id, room, at, body: String(content.body) });
        const invitations = Object.keys(answer.rooms?.invite ?? {});
        // A sync answer goes room by room: what was said in two of them is in order by its time.
        if (invitations.length === 0) return heard.toSorted((one, other) => one.at - other.at);
        await Promise.all(invitations.map(join));
      }
    },
  };
  return peer;
}

class Refused extends Error {}

async function call<T>(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: object,
): Promise<T> {
  for (const deadline = Date.now() + patienceMs; ; await sleep(200)) {
    try {
      const response = await fetch(url, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(10_000),
      });
      const text = await response.text();
      if (response.ok) return JSON.parse(text) as T;
      const what = `${method} ${url.slice(0, 120)}: ${response.status} ${text}`;
      throw response.status < 500 ? new Refused(what) : new Error(what);
    } catch (error) {
      if (error instanceof Refused || Date.now() > deadline) throw error;
    }
  }
}
