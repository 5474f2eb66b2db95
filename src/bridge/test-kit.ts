// The conformance suite: what the core relies on in every bridge. Run it with any test runner: each check is a function
// that throws. Give it a harness for your network.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type AnyBridge,
  BridgeError,
  type GuardedFetch,
  type Host,
  type Incoming,
  type IncomingMessage,
  type Json,
  type OutgoingMessage,
  type RecordChanges,
  type Records,
  type RemoteId,
  type SessionCore,
  type SessionState,
} from "./index.ts";

/** One account on a real or toy network, and the other person there. */
export interface Harness {
  readonly bridge: AnyBridge;
  readonly options: unknown;
  readonly self: RemoteId;
  readonly credentials: Json;
  /** The other person. */
  readonly peer: RemoteId;
  /** Texts the other person got from the account, oldest first, repeats included. */
  received(): Promise<readonly string[]>;
  /** The other person writes to the account. */
  write(text: string): Promise<void>;
  /** From now on sends fail that way; undefined: they work again. Undefined method: this network cannot be made to. */
  trouble(kind: "retry" | "reject" | "login-required" | undefined): Promise<void>;
  close(): Promise<void>;
}

export interface Check {
  readonly name: string;
  run(harness: Harness): Promise<void>;
}

const patience = 20_000;

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

/** A host that keeps what it was given; `refuse` makes deliveries fail as a full disk would. */
export class MemoryHost implements Host {
  readonly log = { debug() {}, info() {}, warn() {}, error() {} };
  readonly states: SessionState[] = [];
  readonly committed: Incoming[] = [];
  readonly #abort = new AbortController();
  readonly records = new MemoryRecords();
  readonly fetch: GuardedFetch = (url, { timeout = 30_000, maxBytes: _, ...init } = {}) =>
    fetch(url, { signal: AbortSignal.timeout(timeout), ...init });
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
    if (this.refuse) throw new Error("the disk is full");
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
  abort(): void {
    this.#abort.abort();
  }
}

async function connect(harness: Harness, host: MemoryHost): Promise<SessionCore> {
  const { bridge, options, self, credentials } = harness;
  return bridge.connect({ id: 1, user: "tester@example.org", self, options, credentials }, host);
}

/** Ends a session as the core does. */
async function end(session: SessionCore, host: MemoryHost): Promise<void> {
  host.abort();
  await session.close();
}

async function messages(harness: Harness, host: MemoryHost): Promise<IncomingMessage[]> {
  const found: IncomingMessage[] = [];
  for (const event of host.committed) {
    const { bridge, self, options } = harness;
    const opened = event.type === "original" ? ((await bridge.open?.(event, { id: 1, self, options })) ?? []) : [event];
    for (const one of opened) if (one.type === "message") found.push(one);
  }
  return found;
}

async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < deadline, `waited ${patience} ms for: ${what}`);
    await sleep(20);
  }
}

let counter = 0;
function outgoing(harness: Harness, text: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  counter++;
  const key = `${Date.now().toString(32)}${counter.toString(32)}`
    .replace(/[^0-9a-v]/g, "0")
    .padEnd(26, "0")
    .slice(0, 26);
  return { key, peer: { kind: "contact", id: harness.peer }, text, sentAt: Date.now(), uncertain: false, ...more };
}

/** As the lane does: freeze once, send what was frozen. */
async function send(session: SessionCore, message: OutgoingMessage, prepared?: Json): Promise<Json | undefined> {
  const frozen = prepared ?? (await session.prepare?.(message));
  await session.send(message, frozen);
  return frozen;
}

const online = (host: MemoryHost) => until("the session is online", async () => host.states.includes("online"));

export const conformance: readonly Check[] = [
  {
    name: "sends a message to the other person",
    async run(harness) {
      const host = new MemoryHost();
      const session = await connect(harness, host);
      await online(host);
      await send(session, outgoing(harness, "hello, grüß dich 👋 <&>"));
      await until("the message arrives", async () =>
        (await harness.received()).some((text) => text.includes("hello, grüß dich 👋 <&>")),
      );
      await end(session, host);
    },
  },
  {
    name: "sends in the order of the calls",
    async run(harness) {
      const host = new MemoryHost();
      const session = await connect(harness, host);
      await online(host);
      for (const word of ["one", "two", "three"]) await send(session, outgoing(harness, `order ${word}`));
      const texts = await until("all three arrive", async () => {
        const list = (await harness.received()).filter((text) => text.includes("order "));
        return list.length >= 3 && list;
      });
      assert.deepEqual(
        texts.map((text) => /order (\w+)/.exec(text)?.[1]),
        ["one", "two", "three"],
      );
      await end(session, host);
    },
  },
  {
    name: "freezes a message to the same bytes each time it is asked",
    async run(harness) {
      const host = new MemoryHost();
      const session = await connect(harness, host);
      const message = outgoing(harness, "frozen");
      assert.deepEqual(await session.prepare?.(message), await session.prepare?.(message));
      await end(session, host);
    },
  },
  {
    name: "delivers what the other person writes, with a cursor",
    async run(harness) {
      const host = new MemoryHost();
      const session = await connect(harness, host);
      await online(host);
      await harness.write("written while connected");
      const message = await until("the delivery", async () =>
        (await messages(harness, host)).find((one) => one.text.includes("written while connected")),
      );
      assert.equal(message.peer.id, harness.peer);
      assert.equal(message.from, harness.peer);
      assert.notEqual(host.cursor, undefined);
      assert.deepEqual(JSON.parse(JSON.stringify(host.cursor)), host.cursor);
      await end(session, host);
    },
  },
  {
    name: "catches up from the cursor with what came while it was away, once",
    async run(harness) {
      const first = new MemoryHost();
      const session = await connect(harness, first);
      await online(first);
      await harness.write("before the break");
      await until("the first", async () =>
        (await messages(harness, first)).some((one) => one.text.includes("before the break")),
      );
      await end(session, first);
      await harness.write("during the break");
      const second = new MemoryHost(first.cursor);
      const again = await connect(harness, second);
      await until("the second", async () =>
        (await messages(harness, second)).some((one) => one.text.includes("during the break")),
      );
      const texts = (await messages(harness, second)).map((one) => one.text);
      assert.equal(
        texts.filter((text) => text.includes("before the break")).length,
        0,
        "nothing from before the cursor",
      );
      assert.equal(texts.filter((text) => text.includes("during the break")).length, 1);
      await end(again, second);
    },
  },
  {
    name: "offers again under the same id what was not committed",
    async run(harness) {
      const first = new MemoryHost();
      const session = await connect(harness, first);
      await online(first);
      await harness.write("sets the cursor");
      await until(
        "the cursor",
        async () =>
          first.cursor !== undefined &&
          (await messages(harness, first)).some((one) => one.text.includes("sets the cursor")),
      );
      const { cursor } = first;
      await harness.write("replayed");
      const seen = await until("the first time", async () =>
        (await messages(harness, first)).find((one) => one.text.includes("replayed")),
      );
      await end(session, first);
      // The commit is lost in a crash: the old cursor is back.
      const second = new MemoryHost(cursor);
      const again = await connect(harness, second);
      const repeated = await until("the second time", async () =>
        (await messages(harness, second)).find((one) => one.text.includes("replayed")),
      );
      assert.deepEqual([repeated.id, repeated.digest], [seen.id, seen.digest]);
      await end(again, second);
    },
  },
  {
    name: "says retry when the network is in trouble, and repeats without a double",
    async run(harness) {
      const host = new MemoryHost();
      const session = await connect(harness, host);
      await online(host);
      const message = outgoing(harness, "in spite of trouble");
      const prepared = await session.prepare?.(message);
      await harness.trouble("retry");
      await assert.rejects(
        session.send(message, prepared),
        (error) => !(error instanceof BridgeError) || error.kind === "retry",
      );
      await harness.trouble(undefined);
      await session.send({ ...message, uncertain: true }, prepared);
      await until("the message", async () =>
        (await harness.received()).some((text) => text.includes("in spite of trouble")),
      );
      assert.equal((await harness.received()).filter((text) => text.includes("in spite of trouble")).length, 1);
      await end(session, host);
    },
  },
  {
    name: "says reject with a sentence when the network refuses for good",
    async run(harness) {
      const host = new MemoryHost();
      const session = await connect(harness, host);
      await online(host);
      const message = outgoing(harness, "refused");
      const prepared = await session.prepare?.(message);
      await harness.trouble("reject");
      await assert.rejects(session.send(message, prepared), (error) => {
        assert.ok(error instanceof BridgeError);
        assert.equal(error.kind, "reject");
        assert.ok(error.message.length > 5);
        return true;
      });
      await harness.trouble(undefined);
      await end(session, host);
    },
  },
  {
    name: "reports login-required when the credentials no longer work",
    async run(harness) {
      await harness.trouble("login-required");
      const host = new MemoryHost();
      const session = await connect(harness, host).catch((error: unknown) => {
        assert.ok(error instanceof BridgeError && error.kind === "login-required");
        host.status("login-required");
        return undefined;
      });
      await until("login-required", async () => host.states.includes("login-required"));
      if (session) await end(session, host);
      await harness.trouble(undefined);
    },
  },
  {
    name: "acknowledges nothing while the store refuses",
    async run(harness) {
      const first = new MemoryHost();
      const session = await connect(harness, first);
      await online(first);
      first.refuse = true;
      const { cursor } = first;
      await harness.write("while the disk was full");
      await sleep(300);
      assert.deepEqual(first.cursor, cursor);
      await end(session, first);
      const second = new MemoryHost(first.cursor);
      const again = await connect(harness, second);
      if (first.cursor === undefined) await online(second);
      else
        await until("the message", async () =>
          (await messages(harness, second)).some((one) => one.text.includes("while the disk was full")),
        );
      await end(again, second);
    },
  },
  {
    name: "closes in the middle of everything, and leaves nothing running",
    async run(harness) {
      const host = new MemoryHost();
      const session = await connect(harness, host);
      // Not online yet perhaps: close must not wait for it.
      const started = Date.now();
      await end(session, host);
      assert.ok(Date.now() - started < 5_000, "close took too long");
      const before = host.committed.length;
      await harness.write("after the close");
      await sleep(200);
      assert.equal(host.committed.length, before);
    },
  },
];
