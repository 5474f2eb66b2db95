import { describe, expect, test } from "vitest";
import { BridgeError } from "#bridge";
import { settle } from "../kit/clock.ts";
import { alice, incoming, outgoing, recordOf } from "../kit/rows.ts";
import { day, far, minute, setUpOutgoing } from "./outgoing-setup.ts";
import { eventually, within } from "./setup.ts";

describe("sending", () => {
  test("hands over one message after the other, and answers a receipt when the network has it", async () => {
    const { store, online, answers, waiting } = await setUpOutgoing();
    const network = far();
    online(1, network.session);
    await store.lanes.append([
      outgoing({ text: "one", receipt: true }),
      outgoing({ text: "two", subject: "s", thread: "t" }),
    ]);
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
    const { store, online, answers, waiting } = await setUpOutgoing();
    online(1, { send: async () => ({ id: "r", accepted: false }), close: async () => {} });
    await store.lanes.append([outgoing({ receipt: true })]);
    await eventually("it is settled", async () => (await waiting()) === 0);
    await settle();
    expect(answers).toEqual([]);
  });

  test("resolves what a message answers, and its thread where the bridge wants that", async () => {
    const { store, online } = await setUpOutgoing({ threads: true });
    const network = far();
    online(1, network.session);
    await store.lanes.append([outgoing({ text: "first", thread: "t", origin: { ...alice, id: "a" } })]);
    await eventually("the first is sent", () => network.taken.length === 1);
    await store.lanes.append([outgoing({ text: "answer", thread: "t", target: "a" })]);
    await eventually("the answer is sent", () => network.taken.length === 2);
    const first = { id: "remote-first", fromSelf: true };
    expect(network.taken[1]).toMatchObject({ replyTo: first, threadLast: first, previous: first });
    expect(network.taken[0]?.previous).toBeUndefined();
  });
});

describe("trouble", () => {
  test("a retry waits 1 s, then 2 s, then 4 s, give or take a fifth, and keeps the key", async () => {
    const { store, online, clock } = await setUpOutgoing();
    const tries: { at: number; key: string }[] = [];
    const network = far((message) => {
      tries.push({ at: clock.now(), key: message.key });
      if (tries.length < 4) throw new BridgeError("retry", "The network is away.");
    });
    online(1, network.session);
    const started = clock.now();
    await store.lanes.append([outgoing("hello")]);
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
    const { store, online, clock } = await setUpOutgoing();
    const tries: number[] = [];
    const network = far(() => {
      tries.push(clock.now());
      if (tries.length === 1) throw new BridgeError("retry", "Later.", { retryAfter: 10 * minute });
    });
    online(1, network.session);
    await store.lanes.append([outgoing("hello")]);
    await within(clock, 11 * minute, "the second try", () => network.taken.length === 1);
    expect((tries[1] ?? 0) - (tries[0] ?? 0)).toBeGreaterThanOrEqual(10 * minute);
  });

  test("messages of a conversation wait in order behind one that is tried again", async () => {
    const { store, online, clock } = await setUpOutgoing();
    let fail = 3;
    const network = far(() => {
      if (fail-- > 0) throw new BridgeError("retry", "The network is away.");
    });
    online(1, network.session);
    await store.lanes.append(["one", "two", "three"].map((text) => outgoing(text)));
    await clock.advance(500);
    await store.lanes.append([outgoing("four")]);
    await within(clock, minute, "all four", () => network.taken.length === 4);
    expect(network.taken.map((message) => message.text)).toEqual(["one", "two", "three", "four"]);
  });

  test("a rejected message fails with the bridge's sentence, and the next goes on", async () => {
    const { store, online, answers, waiting } = await setUpOutgoing();
    const network = far(({ text }) => {
      if (text === "bad") throw new BridgeError("reject", "There is no such address.", { condition: "item-not-found" });
    });
    online(1, network.session);
    await store.lanes.append([outgoing("bad"), outgoing("good")]);
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
    const { store, online, answers, waiting } = await setUpOutgoing();
    const target = "m1";
    const markRead = () => Promise.reject(new BridgeError("reject", "No."));
    online(1, far(() => {}, { markRead }).session);
    await store.lanes.deliver(1, [{ row: incoming("m"), record: recordOf("r1", { xmppId: target }) }]);
    answers.length = 0;
    await store.lanes.append([outgoing({ kind: "read", target })]);
    await eventually("it is settled", async () => (await waiting()) === 0);
    await settle();
    expect(answers).toEqual([]);
  });

  test("after wrong credentials the lane waits for the sign-in, however long, and then goes on", async () => {
    const { store, online, clock, complaints, waiting } = await setUpOutgoing();
    const refusing = far(() => {
      throw new BridgeError("login-required", "The password is wrong.");
    });
    online(1, refusing.session);
    await store.lanes.append([outgoing("one"), outgoing("two")]);
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
    const { store, lanes, online } = await setUpOutgoing();
    await store.lanes.append([outgoing("one"), outgoing("two")]);
    await settle();
    expect(lanes.loaded).toBe(0);
    const network = far();
    online(1, network.session);
    await eventually("both are sent", () => network.taken.length === 2);
  });
});

describe("expiry", () => {
  test("five days later the sender gets an error, also when the account never came back", async () => {
    const { store, worker, clock, answers, waiting } = await setUpOutgoing();
    await store.lanes.append([outgoing("old")]);
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
      late: true,
    });
    expect(await waiting()).toBe(0);
  });

  test("a message that is tried for five days ends the same way, and the next gets its turn", async () => {
    const { store, online, clock, answers } = await setUpOutgoing();
    const network = far(({ text }) => {
      if (text === "never") throw new BridgeError("retry", "Away.", { retryAfter: day });
    });
    online(1, network.session);
    await store.lanes.append([outgoing("never")]);
    await clock.advance(2 * day);
    await store.lanes.append([outgoing("later")]);
    await clock.advance(4 * day);
    await eventually("the later one is sent", () => network.taken.length === 1);
    expect(answers.map((answer) => answer.body.kind)).toEqual(["failed"]);
    expect(network.taken[0]?.text).toBe("later");
  });
});
