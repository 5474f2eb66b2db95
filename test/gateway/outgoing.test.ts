import { describe, expect, test } from "vitest";
import { BridgeError, type LiveSession, type OutgoingMessage } from "#bridge";
import { noFaults } from "../../src/gateway/faults.ts";
import { Lanes } from "../../src/gateway/lanes.ts";
import { OutgoingWorker } from "../../src/gateway/outgoing.ts";
import type { IncomingRow, NewRow, OutgoingBody, Store } from "../../src/gateway/ports.ts";
import { createTestClock, settle, type TestClock } from "../kit/clock.ts";
import { freshKey, openTestStore, outgoing, seedAccounts } from "../store/open-store.ts";
import { createLog, eventually, within } from "./setup.ts";

const minute = 60_000;
const day = 86_400_000;
const alice = { id: "id-1", from: "alice@localhost/phone" };

const row = (body: Partial<OutgoingBody>, { account = 1, peer = "contact/bob" } = {}): NewRow => ({
  direction: "outgoing",
  account,
  peer,
  key: freshKey(),
  body: { kind: "message", origin: alice, text: "hello", ...body },
});

interface Far {
  /** What the network took, in order. */
  readonly taken: OutgoingMessage[];
  readonly prepared: unknown[];
  session: LiveSession;
}

/** A network that does what `onSend` says and remembers what it took. */
function far(onSend: (message: OutgoingMessage) => void | Promise<void> = () => {}, more: object = {}): Far {
  const taken: OutgoingMessage[] = [];
  const prepared: unknown[] = [];
  return {
    taken,
    prepared,
    session: {
      async send(message, frozen) {
        prepared.push(frozen);
        await onSend(message);
        taken.push(message);
        return { id: `remote-${message.text}` };
      },
      close: async () => {},
      ...more,
    },
  };
}

async function setUp(options: { store?: Store; clock?: TestClock; threads?: boolean; perAccount?: number } = {}) {
  const clock = options.clock ?? createTestClock();
  const store = options.store ?? (await openTestStore({ clock }));
  if (options.store === undefined) await seedAccounts(store, 3);
  const log = createLog();
  const sessions = new Map<number, LiveSession>();
  const complaints: string[] = [];
  const answers: IncomingRow[] = [];
  const lanes: Lanes = new Lanes({
    store: store.lanes,
    clock,
    log,
    maxLoaded: 100,
    onReady(lane) {
      if (lane.head.direction === "outgoing") return worker.onReady(lane);
      for (;;) {
        const answer = lanes.take(lane);
        if (answer === undefined) return;
        answers.push(answer as IncomingRow);
        lanes.finished(lane);
      }
    },
  });
  const worker = new OutgoingWorker({
    lanes,
    store: store.lanes,
    messages: store.messages,
    clock,
    log,
    faults: noFaults,
    expiry: 5 * day,
    perAccount: options.perAccount ?? 4,
    accounts: {
      sessionOf: (account) => sessions.get(account),
      wantsThreads: () => options.threads ?? false,
      loginRequired(account, detail) {
        sessions.delete(account);
        complaints.push(detail);
      },
    },
  });
  store.lanes.onRows((rows) => lanes.add(rows));
  await lanes.start();
  return {
    clock,
    store,
    log,
    lanes,
    worker,
    complaints,
    answers,
    sessions,
    online(account: number, session: LiveSession) {
      sessions.set(account, session);
      worker.resume(account);
    },
    waiting: async () => (await store.lanes.counts()).outgoing,
  };
}

describe("sending", () => {
  test("hands over one message after the other, and answers a receipt when the network has it", async () => {
    const { store, online, answers, waiting } = await setUp();
    const network = far();
    online(1, network.session);
    await store.lanes.append([row({ text: "one", receipt: true }), row({ text: "two", subject: "s", thread: "t" })]);
    await eventually("both are sent", () => network.taken.length === 2);
    expect(network.taken.map((message) => message.text)).toEqual(["one", "two"]);
    expect(network.taken[1]).toMatchObject({
      subject: "s",
      thread: "t",
      uncertain: false,
      peer: { kind: "contact", id: "bob" },
    });
    await eventually("both are settled", async () => (await waiting()) === 0);
    expect(answers.map((answer) => answer.body)).toEqual([{ kind: "delivered", origin: alice }]);
    expect(await store.messages.byRemoteId(1, ["remote-one"])).toMatchObject({
      xmppId: "id-1",
      fromSelf: true,
      sender: "alice@localhost/phone",
    });
  });

  test("gives no receipt while the network has not taken responsibility", async () => {
    const { store, online, answers, waiting } = await setUp();
    online(1, { send: async () => ({ id: "r", accepted: false }), close: async () => {} });
    await store.lanes.append([row({ receipt: true })]);
    await eventually("it is settled", async () => (await waiting()) === 0);
    await settle();
    expect(answers).toEqual([]);
  });

  test("resolves what a message answers, and its thread where the bridge wants that", async () => {
    const { store, online } = await setUp({ threads: true });
    const network = far();
    online(1, network.session);
    await store.lanes.append([row({ text: "first", thread: "t", origin: { ...alice, id: "a" } })]);
    await eventually("the first is sent", () => network.taken.length === 1);
    await store.lanes.append([row({ text: "answer", thread: "t", target: "a" })]);
    await eventually("the answer is sent", () => network.taken.length === 2);
    const first = { id: "remote-first", fromSelf: true };
    expect(network.taken[1]).toMatchObject({ replyTo: first, threadLast: first, previous: first });
    expect(network.taken[0]?.previous).toBeUndefined();
  });
});

describe("trouble", () => {
  test("a retry waits 1 s, then 2 s, then 4 s, give or take a fifth, and keeps the key", async () => {
    const { store, online, clock } = await setUp();
    const tries: { at: number; key: string }[] = [];
    const network = far((message) => {
      tries.push({ at: clock.now(), key: message.key });
      if (tries.length < 4) throw new BridgeError("retry", "The network is away.");
    });
    online(1, network.session);
    const started = clock.now();
    await store.lanes.append([row({})]);
    await within(clock, minute, "the fourth try", () => network.taken.length === 1);
    expect(new Set(tries.map((one) => one.key)).size).toBe(1);
    const gaps = tries.map((one, index) => one.at - (tries[index - 1]?.at ?? started));
    expect(gaps[0]).toBe(0);
    for (const [index, plain] of [
      [1, 1_000],
      [2, 2_000],
      [3, 4_000],
    ] as const) {
      expect(gaps[index]).toBeGreaterThanOrEqual(plain * 0.8);
      expect(gaps[index]).toBeLessThanOrEqual(plain * 1.2 + 100);
    }
  });

  test("a bridge that says when gets its way", async () => {
    const { store, online, clock } = await setUp();
    const tries: number[] = [];
    const network = far(() => {
      tries.push(clock.now());
      if (tries.length === 1) throw new BridgeError("retry", "Later.", { retryAfter: 10 * minute });
    });
    online(1, network.session);
    await store.lanes.append([row({})]);
    await within(clock, 11 * minute, "the second try", () => network.taken.length === 1);
    expect((tries[1] ?? 0) - (tries[0] ?? 0)).toBeGreaterThanOrEqual(10 * minute);
  });

  test("messages of a conversation wait in order behind one that is tried again", async () => {
    const { store, online, clock } = await setUp();
    let fail = 3;
    const network = far(() => {
      if (fail-- > 0) throw new BridgeError("retry", "The network is away.");
    });
    online(1, network.session);
    await store.lanes.append(["one", "two", "three"].map((text) => row({ text })));
    await clock.advance(500);
    await store.lanes.append([row({ text: "four" })]);
    await within(clock, minute, "all four", () => network.taken.length === 4);
    expect(network.taken.map((message) => message.text)).toEqual(["one", "two", "three", "four"]);
  });

  test("a rejected message fails with the bridge's sentence, and the next goes on", async () => {
    const { store, online, answers, waiting } = await setUp();
    const network = far(({ text }) => {
      if (text === "bad") throw new BridgeError("reject", "There is no such address.", { condition: "item-not-found" });
    });
    online(1, network.session);
    await store.lanes.append([row({ text: "bad" }), row({ text: "good" })]);
    await eventually("both are settled", async () => (await waiting()) === 0);
    expect(network.taken.map((message) => message.text)).toEqual(["good"]);
    expect(answers.map((answer) => [answer.peer, answer.body])).toEqual([
      [
        "contact/bob",
        { kind: "failed", origin: alice, condition: "item-not-found", text: "There is no such address." },
      ],
    ]);
  });

  test("nobody is told of a read marker that is refused", async () => {
    const { store, online, answers, waiting } = await setUp();
    const target = "m1";
    const markRead = () => Promise.reject(new BridgeError("reject", "No."));
    online(1, far(() => {}, { markRead }).session);
    const record = {
      account: 1,
      kind: "message",
      remoteId: "r1",
      digest: "",
      xmppId: target,
      peer: "contact/bob",
      fromSelf: false,
      sentAt: 0,
      thread: undefined,
      context: undefined,
      sender: undefined,
    };
    const shown = { ...row({}), direction: "incoming", body: { kind: "notice", text: "m" } } as const;
    await store.lanes.deliver(1, [{ row: shown, record }]);
    answers.length = 0;
    await store.lanes.append([row({ kind: "read", target })]);
    await eventually("it is settled", async () => (await waiting()) === 0);
    await settle();
    expect(answers).toEqual([]);
  });

  test("after wrong credentials the lane waits for the sign-in, however long, and then goes on", async () => {
    const { store, online, clock, complaints, waiting } = await setUp();
    const refusing = far(() => {
      throw new BridgeError("login-required", "The password is wrong.");
    });
    online(1, refusing.session);
    await store.lanes.append([row({ text: "one" }), row({ text: "two" })]);
    await eventually("the complaint", () => complaints.length > 0);
    await clock.advance(day);
    expect(complaints).toEqual(["The password is wrong."]);
    expect(refusing.prepared).toHaveLength(1);
    expect(await waiting()).toBe(2);
    const network = far();
    online(1, network.session);
    await eventually("both are sent", () => network.taken.length === 2);
    expect(network.taken.map((message) => message.text)).toEqual(["one", "two"]);
  });

  test("an account without a session holds its messages outside of memory", async () => {
    const { store, lanes, online } = await setUp();
    await store.lanes.append([row({ text: "one" }), row({ text: "two" })]);
    await settle();
    expect(lanes.loaded).toBe(0);
    const network = far();
    online(1, network.session);
    await eventually("both are sent", () => network.taken.length === 2);
  });
});

describe("expiry", () => {
  test("five days later the sender gets an error, also when the account never came back", async () => {
    const { store, worker, clock, answers, waiting } = await setUp();
    await store.lanes.append([row({ text: "old" })]);
    await clock.advance(5 * day - minute);
    await worker.expire();
    expect(await waiting()).toBe(1);
    await clock.advance(2 * minute);
    await worker.expire();
    await eventually("the error", () => answers.length === 1);
    expect(answers[0]?.body).toEqual({
      kind: "failed",
      origin: alice,
      condition: "remote-server-timeout",
      text: "This message could not be delivered within 5 days.",
    });
    expect(await waiting()).toBe(0);
  });

  test("a message that is tried for five days ends the same way, and the next gets its turn", async () => {
    const { store, online, clock, answers } = await setUp();
    const network = far(({ text }) => {
      if (text === "never") throw new BridgeError("retry", "Away.", { retryAfter: day });
    });
    online(1, network.session);
    await store.lanes.append([row({ text: "never" })]);
    await clock.advance(2 * day);
    await store.lanes.append([row({ text: "later" })]);
    await clock.advance(4 * day);
    await eventually("the later one is sent", () => network.taken.length === 1);
    expect(answers.map((answer) => answer.body.kind)).toEqual(["failed"]);
    expect(network.taken[0]?.text).toBe("later");
  });
});

describe("frozen messages", () => {
  test("are frozen once and repeated to the byte", async () => {
    const { store, online, clock } = await setUp();
    let frozen = 0;
    const prepare = async () => ({ bytes: `frozen ${++frozen}` });
    let fail = 2;
    const network = far(
      () => {
        if (fail-- > 0) throw new BridgeError("retry", "Away.");
      },
      { prepare },
    );
    online(1, network.session);
    await store.lanes.append([row({})]);
    await within(clock, minute, "it is sent", () => network.taken.length === 1);
    expect(network.prepared).toEqual([{ bytes: "frozen 1" }, { bytes: "frozen 1" }, { bytes: "frozen 1" }]);
  });

  test("come back after a restart as uncertain, with the same bytes and key", async () => {
    const clock = createTestClock();
    const first = await setUp({ clock });
    const never = new Promise<void>(() => {});
    const stuck = far(() => never, { prepare: async () => "the bytes" });
    first.online(1, stuck.session);
    const [sent] = await first.store.lanes.append([row({})]);
    await eventually("it is on its way", () => stuck.prepared.length === 1);
    // The process dies here; another one opens the same store.
    const second = await setUp({ clock, store: first.store });
    const network = far(() => {}, { prepare: async () => "other bytes" });
    second.online(1, network.session);
    await eventually("it is sent again", () => network.taken.length === 1);
    expect(network.prepared).toEqual(["the bytes"]);
    expect(network.taken[0]).toMatchObject({ key: sent?.key, uncertain: true });
  });

  test.each([
    [
      "is uncertain when the bridge says that it may have arrived",
      new BridgeError("retry", "Cut.", { uncertain: true }),
      true,
    ],
    ["is uncertain after an error nobody foresaw", new TypeError("x is not a function"), true],
    ["is certain not to have arrived when the bridge knows that", new BridgeError("retry", "Busy."), false],
  ])("a retry %s", async (_, error, uncertain) => {
    for (const prepare of [undefined, async () => "bytes"]) {
      const { store, online, clock } = await setUp();
      let first = true;
      const network = far(
        () => {
          if (!first) return;
          first = false;
          throw error;
        },
        prepare ? { prepare } : {},
      );
      online(1, network.session);
      await store.lanes.append([row({})]);
      await within(clock, minute, "it is sent", () => network.taken.length === 1);
      expect(network.taken[0]?.uncertain).toBe(uncertain);
    }
  });

  test("that could not be frozen are frozen on the next try", async () => {
    const { store, online, clock } = await setUp();
    let first = true;
    const prepare = async () => {
      if (!first) return "bytes";
      first = false;
      throw new TypeError("no worker");
    };
    const network = far(() => {}, { prepare });
    online(1, network.session);
    await store.lanes.append([row({})]);
    await within(clock, minute, "it is sent", () => network.taken.length === 1);
    expect(network.prepared).toEqual(["bytes"]);
  });
});

describe("P6: a stalled peer", () => {
  const stalling = (peer: string) => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    return { network: far((message) => (message.peer.id === peer ? gate : undefined)), go };
  };

  test("delays its own conversation and no other of its user", async () => {
    const { store, online } = await setUp();
    const { network, go } = stalling("bob");
    online(1, network.session);
    await store.lanes.append([row({ text: "stuck" }), row({ text: "behind" })]);
    await store.lanes.append([row({ text: "free" }, { peer: "contact/carol" })]);
    await eventually("carol's is sent", () => network.taken.length === 1);
    await settle(20);
    expect(network.taken.map((message) => message.text)).toEqual(["free"]);
    go();
    await eventually("bob's follow", () => network.taken.length === 3);
    expect(network.taken.map((message) => message.text)).toEqual(["free", "stuck", "behind"]);
  });

  test("however many one user has, no other user waits", async () => {
    const { store, online, clock } = await setUp();
    const network = far((message) => (message.text === "stuck" ? new Promise(() => {}) : undefined));
    online(1, network.session);
    online(2, network.session);
    // More rows than memory holds, in more conversations than may send at once.
    for (let peer = 0; peer < 30; peer++) {
      await store.lanes.append(Array.from({ length: 10 }, () => row({ text: "stuck" }, { peer: `contact/p${peer}` })));
    }
    await store.lanes.append([row({ text: "free" }, { account: 2 })]);
    const waited = await within(clock, 5_000, "the other user's is sent", () => network.taken.length === 1);
    expect(waited).toBeLessThanOrEqual(1_000);
  });

  test("no more than four conversations of an account send at once", async () => {
    const { store, online } = await setUp();
    let now = 0;
    let most = 0;
    const network = far(async () => {
      most = Math.max(most, ++now);
      await settle(3);
      now--;
    });
    online(1, network.session);
    await store.lanes.append(Array.from({ length: 12 }, (_, peer) => row({}, { peer: `contact/p${peer}` })));
    await eventually("all are sent", () => network.taken.length === 12);
    expect(most).toBe(4);
  });

  test("is given up after 15 minutes, as uncertain", async () => {
    const { store, online, clock } = await setUp();
    let first = true;
    const network = far(() => {
      if (!first) return;
      first = false;
      return new Promise(() => {});
    });
    online(1, network.session);
    await store.lanes.append([row({})]);
    await clock.advance(14 * minute);
    expect(network.taken).toEqual([]);
    await within(clock, 2 * minute, "the second try", () => network.taken.length === 1);
    expect(network.taken[0]?.uncertain).toBe(true);
  });
});

describe("stopping", () => {
  test("waits for what is being sent", async () => {
    const { store, online, worker, waiting } = await setUp();
    let go = () => {};
    const network = far(
      () =>
        new Promise((resolve) => {
          go = resolve;
        }),
    );
    online(1, network.session);
    await store.lanes.append([row({ text: "one" }), row({ text: "two" })]);
    await eventually("it is on its way", () => network.prepared.length === 1);
    const stopped = worker.stop();
    await settle();
    go();
    await stopped;
    expect(network.taken.map((message) => message.text)).toEqual(["one"]);
    expect(await waiting()).toBe(1);
  });

  test("waits five seconds for a peer that does not answer, and the message is uncertain then", async () => {
    const { store, online, worker, clock } = await setUp();
    const network = far(() => new Promise(() => {}));
    online(1, network.session);
    await store.lanes.append([row({})]);
    await eventually("it is on its way", () => network.prepared.length === 1);
    let stopped = false;
    void worker.stop().then(() => {
      stopped = true;
    });
    await clock.advance(4_900);
    expect(stopped).toBe(false);
    await clock.advance(200);
    await eventually("it has stopped", () => stopped);
    const head = { account: 1, direction: "outgoing", peer: "contact/bob" } as const;
    expect(await store.lanes.page(head, 0, 1)).toMatchObject([{ state: "sent", attempts: 1 }]);
  });
});

describe("the store", () => {
  test("that refuses to write down an outcome is asked again, and the message does not go twice", async () => {
    const clock = createTestClock();
    const store = await openTestStore({ clock });
    await seedAccounts(store);
    let refusals = 3;
    const flaky: Store = {
      ...store,
      lanes: {
        ...store.lanes,
        settle: (settlement) =>
          refusals-- > 0 ? Promise.reject(new Error("the disk is full")) : store.lanes.settle(settlement),
      },
    };
    const { online, waiting } = await setUp({ clock, store: flaky });
    const network = far();
    online(1, network.session);
    await store.lanes.append([outgoing("hello")]);
    await within(clock, 10_000, "it is settled", () => refusals < 0);
    await eventually("nothing waits", async () => (await waiting()) === 0);
    expect(network.taken).toHaveLength(1);
  });
});
