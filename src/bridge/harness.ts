// What the author of a bridge gives the conformance suite, and the core's side of a session in memory.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type {
  AnyBridge,
  GroupChats,
  GuardedFetch,
  Host,
  Incoming,
  Json,
  LiveSession,
  RecordChanges,
  Records,
  RemoteId,
  ServiceHost,
  SessionState,
} from "./index.ts";

/** One account on a real or toy network, and the other person there. Made anew for each check. */
export interface Harness {
  readonly bridge: AnyBridge;
  readonly options: unknown;
  readonly self: RemoteId;
  /** The other person. */
  readonly peer: RemoteId;
  /** Starts a session of the account as the core does: `connectAccount` or `connectDomain` below. */
  connect(host: Host): Promise<LiveSession>;
  /** Texts the other person got from the account, in the order of their sending, repeats included. */
  received(): Promise<readonly string[]>;
  /** The other person writes to the account. Resolves once the network will deliver it sooner or later. */
  write(text: string): Promise<void>;
  /** The other person shows this name and this picture, a PNG. Left out where the network has no pictures. */
  show?(name: string, picture: Uint8Array): Promise<void>;
  /** From now on sends fail that way; undefined: they work again. */
  trouble(kind: "retry" | "reject" | "login-required" | undefined): Promise<void>;
  close(): Promise<void>;
}

/**
 * What some networks cannot do. `cursor`: read again from a place that the bridge names. `credentials`: let an account in
 * or not. `pictures`: tell what somebody shows of themselves.
 */
export type Ability = "cursor" | "credentials" | "pictures";

type Subject = Pick<Harness, "bridge" | "options" | "self">;

/** Account mode: a session of an account that signed in with these credentials. */
export function connectAccount(
  { bridge, options, self }: Subject,
  credentials: Json,
  host: Host,
): Promise<LiveSession> {
  return bridge.connect({ id: 1, user: "tester@example.org", self, options, credentials }, host);
}

/**
 * Domain mode: the operator's service with one user, and the user's session. What the service takes goes to the session's
 * host. Both start and end together, as they do when the gateway is restarted: the network has to wait meanwhile. `mount`
 * hangs the service's HTTP handler into a server of the caller's.
 */
export async function connectDomain(
  { bridge, options, self }: Subject,
  user: string,
  host: Host,
  mount: ServiceHost<unknown>["mount"] = () => undefined,
): Promise<LiveSession> {
  const service = await bridge.serve?.({
    options,
    log: host.log,
    signal: host.signal,
    findAccount: async (id) => (id === self ? { id: 1, user } : undefined),
    enrol: async (name) => (name === user ? { id: 1, self } : undefined),
    profileOf: async () => ({}),
    deliver: (_account, events) => host.deliver(events),
    deliverAll: async (parcels, records) =>
      host.deliver(
        parcels.flatMap((one) => one.events),
        undefined,
        records,
      ),
    records: host.records,
    groupChats: noGroupChats,
    fetch: host.fetch,
    mount,
  });
  assert.ok(service, "the options ask for domain mode");
  assert.equal(service.addressOf(user), self);
  const session = await service.connect({ id: 1, user, self }, host);
  return {
    ...(session.prepare && { prepare: session.prepare.bind(session) }),
    send: session.send.bind(session),
    ...(session.profile && { profile: session.profile.bind(session) }),
    ...(session.openAvatar && { openAvatar: session.openAvatar.bind(session) }),
    async close() {
      await service.close();
      await session.close();
    },
  };
}

/** For services that are tried without any: there is none at any address. */
export const noGroupChats: GroupChats = {
  find: async () => undefined,
  open: async () => ({ id: 0 }),
  close: async () => {},
  resume: () => {},
};

/** Records in memory. */
export class MemoryRecords implements Records {
  readonly map = new Map<string, Uint8Array>();

  async load(prefix: string): Promise<ReadonlyMap<string, Uint8Array>> {
    return new Map([...this.map].filter(([key]) => key.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
  async save(changes: RecordChanges): Promise<void> {
    for (const [key, value] of changes) {
      if (value === undefined) this.map.delete(key);
      else this.map.set(key, value.slice());
    }
  }
}

/** Without a policy: for networks of the tests' own. */
export const plainFetch: GuardedFetch = (url, { timeout = 30_000, maxBytes: _, ...init } = {}) =>
  fetch(url, { signal: AbortSignal.timeout(timeout), ...init });

/** A host that keeps what it was given; `refuse` makes deliveries fail as a full disk would. */
export class MemoryHost implements Host {
  readonly log = { debug() {}, info() {}, warn() {}, error() {} };
  readonly states: SessionState[] = [];
  readonly notices: string[] = [];
  readonly committed: Incoming[] = [];
  /** What was offered and not taken. */
  readonly refused: Incoming[] = [];
  readonly #abort = new AbortController();
  readonly records = new MemoryRecords();
  readonly fetch = plainFetch;
  cursor: Json | undefined;
  refuse = false;
  readonly #seen = new Set<string>();

  constructor(cursor?: Json) {
    this.cursor = cursor;
  }
  get signal(): AbortSignal {
    return this.#abort.signal;
  }
  async deliver(events: readonly Incoming[], cursor?: Json, records: RecordChanges = new Map()): Promise<void> {
    // A commit takes a moment: a bridge must not acknowledge before it is done.
    await sleep(5);
    if (this.refuse) {
      this.refused.push(...events);
      throw new Error("the disk is full");
    }
    for (const event of events) {
      const digest = event.type === "message" ? event.digest : "";
      const mark = JSON.stringify([event.type, event.id, digest]);
      if (!this.#seen.has(mark)) this.committed.push(event);
      this.#seen.add(mark);
    }
    if (cursor !== undefined) this.cursor = structuredClone(cursor);
    await this.records.save(records);
  }
  hint(): void {}
  status(state: SessionState): void {
    this.states.push(state);
  }
  async notice(text: string): Promise<void> {
    this.notices.push(text);
  }
  abort(): void {
    this.#abort.abort();
  }
}
