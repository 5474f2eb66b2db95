import { describe, expect, test } from "vitest";
import { BridgeError } from "#bridge";
import type { Store } from "../../src/gateway/ports.ts";
import { createTestClock, settle } from "../kit/clock.ts";
import { outgoing } from "../kit/rows.ts";
import { openTestStore, seedAccounts } from "../store/open-store.ts";
import { far, minute, setUpOutgoing } from "./outgoing-setup.ts";
import { eventually, within } from "./setup.ts";

describe("frozen messages", () => {
  test("are frozen once and repeated to the byte", async () => {
    const { store, online, clock } = await setUpOutgoing();
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
    await store.lanes.append([outgoing("hello")]);
    await within(clock, minute, "it is sent", () => network.taken.length === 1);
    expect(network.prepared).toEqual([{ bytes: "frozen 1" }, { bytes: "frozen 1" }, { bytes: "frozen 1" }]);
  });

  test("come back after a restart as uncertain, with the same bytes and key", async () => {
    const clock = createTestClock();
    const first = await setUpOutgoing({ clock });
    const never = new Promise<void>(() => {});
    const stuck = far(() => never, { prepare: async () => "the bytes" });
    first.online(1, stuck.session);
    const [sent] = await first.store.lanes.append([outgoing("hello")]);
    await eventually("it is on its way", () => stuck.prepared.length === 1);
    // The process dies here; another one opens the same store.
    const second = await setUpOutgoing({ clock, store: first.store });
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
      const { store, online, clock } = await setUpOutgoing();
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
      await store.lanes.append([outgoing("hello")]);
      await within(clock, minute, "it is sent", () => network.taken.length === 1);
      expect(network.taken[0]?.uncertain).toBe(uncertain);
    }
  });

  test("that could not be frozen are frozen on the next try", async () => {
    const { store, online, clock } = await setUpOutgoing();
    let first = true;
    const prepare = async () => {
      if (!first) return "bytes";
      first = false;
      throw new TypeError("no worker");
    };
    const network = far(() => {}, { prepare });
    online(1, network.session);
    await store.lanes.append([outgoing("hello")]);
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
    const { store, online } = await setUpOutgoing();
    const { network, go } = stalling("bob");
    online(1, network.session);
    await store.lanes.append([outgoing("stuck"), outgoing("behind")]);
    await store.lanes.append([outgoing("free", { peer: "contact/carol" })]);
    await eventually("carol's is sent", () => network.taken.length === 1);
    await settle(20);
    expect(network.taken.map((message) => message.text)).toEqual(["free"]);
    go();
    await eventually("bob's follow", () => network.taken.length === 3);
    expect(network.taken.map((message) => message.text)).toEqual(["free", "stuck", "behind"]);
  });

  test("however many one user has, no other user waits", async () => {
    const { store, online, clock } = await setUpOutgoing();
    const network = far((message) => (message.text === "stuck" ? new Promise(() => {}) : undefined));
    online(1, network.session);
    online(2, network.session);
    // More rows than memory holds, in more conversations than may send at once.
    for (let peer = 0; peer < 30; peer++) {
      await store.lanes.append(Array.from({ length: 10 }, () => outgoing("stuck", { peer: `contact/p${peer}` })));
    }
    await store.lanes.append([outgoing("free", { account: 2 })]);
    const waited = await within(clock, 5_000, "the other user's is sent", () => network.taken.length === 1);
    expect(waited).toBeLessThanOrEqual(1_000);
  });

  test("no more than four conversations of an account send at once", async () => {
    const { store, online } = await setUpOutgoing();
    let now = 0;
    let most = 0;
    const network = far(async () => {
      most = Math.max(most, ++now);
      await settle(3);
      now--;
    });
    online(1, network.session);
    await store.lanes.append(Array.from({ length: 12 }, (_, peer) => outgoing("hello", { peer: `contact/p${peer}` })));
    await eventually("all are sent", () => network.taken.length === 12);
    expect(most).toBe(4);
  });

  test("is given up after 15 minutes, as uncertain", async () => {
    const { store, online, clock } = await setUpOutgoing();
    let first = true;
    const network = far(() => {
      if (!first) return;
      first = false;
      return new Promise(() => {});
    });
    online(1, network.session);
    await store.lanes.append([outgoing("hello")]);
    await clock.advance(14 * minute);
    expect(network.taken).toEqual([]);
    await within(clock, 2 * minute, "the second try", () => network.taken.length === 1);
    expect(network.taken[0]?.uncertain).toBe(true);
  });
});

describe("stopping", () => {
  test("waits for what is being sent", async () => {
    const { store, online, worker, waiting } = await setUpOutgoing();
    let go = () => {};
    const network = far(
      () =>
        new Promise((resolve) => {
          go = resolve;
        }),
    );
    online(1, network.session);
    await store.lanes.append([outgoing("one"), outgoing("two")]);
    await eventually("it is on its way", () => network.prepared.length === 1);
    const stopped = worker.stop();
    await settle();
    go();
    await stopped;
    expect(network.taken.map((message) => message.text)).toEqual(["one"]);
    expect(await waiting()).toBe(1);
  });

  test("waits five seconds for a peer that does not answer, and the message is uncertain then", async () => {
    const { store, online, worker, clock } = await setUpOutgoing();
    const network = far(() => new Promise(() => {}));
    online(1, network.session);
    await store.lanes.append([outgoing("hello")]);
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
    const { online, waiting } = await setUpOutgoing({ clock, store: flaky });
    const network = far();
    online(1, network.session);
    await store.lanes.append([outgoing("hello")]);
    await within(clock, 10_000, "it is settled", () => refusals < 0);
    await eventually("nothing waits", async () => (await waiting()) === 0);
    expect(network.taken).toHaveLength(1);
  });
});
