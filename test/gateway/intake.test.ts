import { describe, expect, test } from "vitest";
import type { Incoming, IncomingOriginal } from "#bridge";
import { deliveries } from "../../src/gateway/deliveries.ts";
import { noFaults } from "../../src/gateway/faults.ts";
import { IntakeWorker } from "../../src/gateway/intake.ts";
import { Lanes } from "../../src/gateway/lanes.ts";
import type { IncomingRow } from "../../src/gateway/lane-ports.ts";
import { createTestClock, settle } from "../kit/clock.ts";
import { openTestStore, seedAccounts, waitingIn } from "../store/open-store.ts";
import { createLog, noRoomLookups, eventually } from "./setup.ts";

const lookups = { message: async () => undefined, reaction: async () => undefined, ...noRoomLookups };

/** A bridge that opens what `open` opens; by default the bytes are the text. */
async function setUp(open: (text: string) => Promise<readonly Incoming[]> = async (text) => [mail(text)]) {
  const clock = createTestClock();
  const store = await openTestStore({ clock });
  await seedAccounts(store, 2);
  const shown: IncomingRow[] = [];
  const opened: string[] = [];
  const lanes: Lanes = new Lanes({
    store: store.lanes,
    clock,
    log: createLog(),
    maxLoaded: 100,
    onReady(lane) {
      if (lane.head.direction === "intake") return worker.onReady(lane);
      for (;;) {
        const row = lanes.take(lane);
        if (row === undefined) return;
        shown.push(row as IncomingRow);
        lanes.finished(lane);
      }
    },
  });
  const worker = new IntakeWorker({
    lanes,
    store: store.lanes,
    lookups,
    clock,
    log: createLog(),
    faults: noFaults,
    open(_account, original) {
      const text = Buffer.from(original.raw).toString();
      opened.push(text);
      return open(text);
    },
  });
  store.lanes.onRows((rows) => lanes.add(rows));
  await lanes.start();
  return {
    clock,
    store,
    worker,
    shown,
    opened,
    texts: () =>
      shown.map(({ body }) => (body.kind === "message" ? body.message.text : "text" in body ? body.text : "")),
    async offer(account: number, ...texts: string[]) {
      const originals = texts.map(
        (text): IncomingOriginal => ({ type: "original", id: text, raw: Buffer.from(text), about: null, sentAt: 0 }),
      );
      await store.lanes.deliver(account, await deliveries(account, originals, lookups));
    },
    waiting: () => waitingIn(store, "intake"),
  };
}

const mail = (text: string): Incoming => ({
  type: "message",
  id: text,
  peer: { kind: "contact", id: "bob" },
  from: "bob",
  sentAt: 0,
  text,
});

describe("stored bytes", () => {
  test("are shown in the order in which they came, although several are opened at once", async () => {
    const gates = new Map<string, () => void>();
    const { offer, texts, opened } = await setUp(
      (text) => new Promise((resolve) => gates.set(text, () => resolve([mail(text)]))),
    );
    await offer(1, "1", "2", "3", "4", "5");
    await eventually("four are being opened", () => gates.size === 4);
    for (const text of ["4", "2", "3"]) gates.get(text)?.();
    await settle(20);
    expect(texts()).toEqual([]);
    expect(opened).toEqual(["1", "2", "3", "4"]);
    gates.get("1")?.();
    await eventually("the fifth is being opened", () => gates.has("5"));
    gates.get("5")?.();
    await eventually("all are shown", () => texts().length === 5);
    expect(texts()).toEqual(["1", "2", "3", "4", "5"]);
  });

  test("that hold several messages, or none, end all the same", async () => {
    const { offer, texts, waiting } = await setUp(async (text) => (text === "empty" ? [] : [mail("a"), mail("b")]));
    await offer(1, "empty", "two");
    await eventually("both are done", async () => (await waiting()) === 0);
    expect(texts()).toEqual(["a", "b"]);
  });

  test("that come again are known, before and after they were opened", async () => {
    const { offer, texts, opened, waiting } = await setUp();
    await offer(1, "same", "same");
    await eventually("it is done", async () => (await waiting()) === 0);
    await offer(1, "same");
    await settle(20);
    expect([opened, texts()]).toEqual([["same"], ["same"]]);
  });

  test("that cannot be opened are tried five times, then the user is told and the next are shown", async () => {
    const { offer, texts, opened, clock, waiting, store } = await setUp(async (text) => {
      if (text === "bad") throw new Error("no worker");
      return [mail(text)];
    });
    await offer(1, "bad", "good");
    await clock.advance(60_000);
    await eventually("both are settled", async () => (await waiting()) === 0);
    expect(opened.filter((text) => text === "bad")).toHaveLength(5);
    expect(texts()).toEqual([
      "A message arrived that could not be opened (no worker). It is kept for a week; tell your operator the number 1.",
      "good",
    ]);
    expect(Buffer.from((await store.lanes.raw(1)) ?? []).toString()).toBe("bad");
  });

  test("that can be opened on the second try are shown once", async () => {
    let first = true;
    const { offer, texts, clock } = await setUp(async (text) => {
      if (!first) return [mail(text)];
      first = false;
      throw new Error("busy");
    });
    await offer(1, "mail");
    await clock.advance(2_000);
    await eventually("it is shown", () => texts().length === 1);
    expect(texts()).toEqual(["mail"]);
  });

  test("of one account do not wait for those of another", async () => {
    const { offer, texts } = await setUp((text) =>
      text === "slow" ? new Promise(() => {}) : Promise.resolve([mail(text)]),
    );
    await offer(1, "slow");
    await offer(2, "quick");
    await eventually("the other's is shown", () => texts().length === 1);
    expect(texts()).toEqual(["quick"]);
  });

  test("of a bridge or account that is gone end without anything shown", async () => {
    const { offer, texts, waiting } = await setUp(() => undefined as never);
    await offer(1, "mail");
    await eventually("it is settled", async () => (await waiting()) === 0);
    expect(texts()).toEqual([]);
  });
});
