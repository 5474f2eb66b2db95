import { describe, expect, test } from "vitest";
import { Contacts } from "../../src/gateway/contacts.ts";
import { noFaults } from "../../src/gateway/faults.ts";
import { IncomingWorker } from "../../src/gateway/incoming.ts";
import { Lanes } from "../../src/gateway/lanes.ts";
import { notice } from "../../src/gateway/notices.ts";
import type { IncomingRow } from "../../src/gateway/lane-ports.ts";
import type { Store } from "../../src/gateway/ports.ts";
import { createTestClock, settle } from "../kit/clock.ts";
import { incoming, recordOf } from "../kit/rows.ts";
import { openTestStore, seedAccounts, waitingIn } from "../store/open-store.ts";
import { createLog, eventually, noRooms, RecordingOutput } from "./setup.ts";

async function setUp(change: (store: Store) => Store = (store) => store) {
  const clock = createTestClock();
  const real = await openTestStore({ clock });
  await seedAccounts(real, 2);
  const store = change(real);
  const log = createLog();
  const output = new RecordingOutput();
  const users = new Map([
    [1, "u1@localhost"],
    [2, "u2@localhost"],
  ]);
  const contacts = new Contacts({ store: store.contacts, output, clock, log, mostPerAccount: 100, newPerHour: 100 });
  const lanes: Lanes = new Lanes({
    store: store.lanes,
    clock,
    log,
    maxLoaded: 100,
    onReady: (lane) => worker.onReady(lane),
  });
  const worker = new IncomingWorker({
    bridge: "toy",
    lanes,
    store: store.lanes,
    messages: store.messages,
    reactions: store.reactions,
    rooms: noRooms,
    contacts,
    output,
    profiles: { changed: async () => {} },
    account: (id) => {
      const user = users.get(id);
      return user === undefined
        ? undefined
        : { id, user, bridge: "toy", mode: "account", self: `u${id}`, createdAt: 0 };
    },
    clock,
    log,
    faults: noFaults,
  });
  store.lanes.onRows((rows) => lanes.add(rows));
  await lanes.start();
  return {
    clock,
    store,
    log,
    output,
    users,
    lanes,
    worker,
    rows: (): IncomingRow[] => output.items.map((item) => item.row),
    write: (...texts: string[]) => store.lanes.append(texts.map((text) => incoming(text))),
    waiting: () => waitingIn(store, "incoming"),
  };
}

describe("writing to XMPP", () => {
  test("rows go out in order to their user, and are done when the server has them", async () => {
    const { write, output, rows, worker, lanes, waiting } = await setUp();
    await write("one", "two");
    await eventually("both are written", () => output.items.length === 2);
    expect(output.items.map((item) => [item.user, item.contact])).toEqual([
      ["u1@localhost", "bob"],
      ["u1@localhost", "bob"],
    ]);
    expect(output.texts).toEqual(["one", "two"]);
    expect(await waiting()).toBe(2);
    worker.taken(rows());
    await eventually("they are done", async () => (await waiting()) === 0);
    await eventually("memory is free", () => lanes.loaded === 0 && [...lanes.lanes].length === 0);
  });

  test("nothing goes out while the link is down or its window full, and the rest when there is room", async () => {
    const { write, output, worker } = await setUp();
    output.up = false;
    await write("one", "two", "three");
    await settle();
    expect(output.texts).toEqual([]);
    output.up = true;
    output.room = 2;
    worker.pump();
    await eventually("two are written", () => output.items.length === 2);
    await settle();
    expect(output.texts).toEqual(["one", "two"]);
    output.room = 2;
    worker.pump();
    await eventually("all are written", () => output.items.length === 3);
  });

  test("conversations take turns", async () => {
    const { store, output } = await setUp();
    const texts = (peer: string) => ["1", "2", "3"].map((n) => incoming(`${peer}${n}`, { peer: `contact/${peer}` }));
    output.up = false;
    await store.lanes.append([...texts("a"), ...texts("b")]);
    output.up = true;
    await store.lanes.append([incoming("c1", { peer: "contact/c" })]);
    await eventually("all are written", () => output.items.length === 7);
    expect(output.texts).toEqual(["a1", "b1", "c1", "a2", "b2", "a3", "b3"]);
  });

  test("the message answered is named by the id that the user's client knows", async () => {
    const { store, output } = await setUp();
    await store.lanes.deliver(1, [{ row: incoming("parent"), record: recordOf("r1") }]);
    const message = { id: "remote-answer", from: "bob", sentAt: 0, text: "answer", replyTo: ["unknown", "r1"] };
    await store.lanes.append([incoming({ kind: "message", message })]);
    await eventually("both are written", () => output.items.length === 2);
    expect(output.items.map((item) => item.replyTo)).toEqual([undefined, { xmppId: "x-r1", fromSelf: false }]);
  });

  test("a notice comes from the gateway itself and introduces nobody", async () => {
    const { store, output } = await setUp();
    await store.lanes.append([notice(1, "hello", 0)]);
    await eventually("it is written", () => output.items.length === 1);
    expect(output.items[0]?.contact).toBeUndefined();
    expect(output.calls).toEqual([]);
  });
});

describe("a stream that breaks", () => {
  test("gets what was not confirmed again, first and in order, with the same keys", async () => {
    const { write, output, rows, worker, waiting } = await setUp();
    await write("one", "two", "three");
    await eventually("all are written", () => output.items.length === 3);
    const [one, two, three] = rows();
    if (!one || !two || !three) throw new Error("three rows");
    worker.taken([one]);
    output.up = false;
    await write("four");
    worker.lost([two, three]);
    await settle();
    output.up = true;
    worker.pump();
    await eventually("the rest is written", () => output.items.length === 6);
    expect(output.texts.slice(3)).toEqual(["two", "three", "four"]);
    expect(
      rows()
        .slice(3, 5)
        .map((row) => row.key),
    ).toEqual([two.key, three.key]);
    worker.taken(rows().slice(3));
    await eventually("all are done", async () => (await waiting()) === 0);
  });

  test("while a row is written gives it back to its lane", async () => {
    const { write, output, worker } = await setUp();
    const write0 = output.write.bind(output);
    output.write = () => {
      output.up = false;
      throw new Error("the stream is gone");
    };
    await write("one", "two");
    await settle();
    output.write = write0;
    output.up = true;
    worker.pump();
    await eventually("both are written", () => output.items.length === 2);
    expect(output.texts).toEqual(["one", "two"]);
  });
});

describe("a row that cannot be written", () => {
  test("fails alone: those behind it go out", async () => {
    const { write, output, log, waiting, lanes } = await setUp();
    output.unwritable = "poison";
    await write("one", "poison", "three");
    await eventually("the others are written", () => output.items.length === 2);
    expect(output.texts).toEqual(["one", "three"]);
    await eventually("the poison is failed", async () => (await waiting()) === 2);
    expect(log.lines.map((line) => line.message)).toContain("a message could not be written");
    await eventually("its place is free", () => lanes.loaded === 2);
  });

  test("since the user's server refused it is failed, not done", async () => {
    const { write, output, rows, worker, waiting, log } = await setUp();
    await write("one");
    await eventually("it is written", () => output.items.length === 1);
    worker.refused(rows()[0]?.key ?? "", "service-unavailable");
    worker.taken(rows());
    await eventually("it is settled", async () => (await waiting()) === 0);
    expect(log.lines.map((line) => line.message)).toContain("the user's server refused a message");
  });

  test("X04: an error about no message of ours is forgotten at once", async () => {
    const { worker, log } = await setUp();
    for (let n = 0; n < 2_000; n++) worker.refused(`made-up-${n}`, "gone");
    expect(log.lines).toEqual([]);
  });

  test("since its account is gone ends in silence", async () => {
    const { write, output, users, waiting, lanes } = await setUp();
    users.delete(1);
    await write("one");
    await eventually("it is settled", async () => (await waiting()) === 0);
    expect(output.items).toEqual([]);
    await eventually("its place is free", () => lanes.loaded === 0);
  });

  test("since its account went while it was on the stream frees its place", async () => {
    const { write, output, rows, worker, lanes } = await setUp();
    await write("one", "two");
    await eventually("both are written", () => output.items.length === 2);
    lanes.drop(1);
    const [one, two] = rows();
    if (!one || !two) throw new Error("two rows");
    worker.taken([one]);
    worker.lost([two]);
    await eventually("memory is free", () => lanes.loaded === 0);
  });
});

describe("a store that fails", () => {
  test("for a moment delays the lane, and nobody else", async () => {
    let broken = true;
    const { store, output, clock, log } = await setUp((real) => ({
      ...real,
      contacts: {
        ...real.contacts,
        get: (account, id) =>
          broken && id === "bob" ? Promise.reject(new Error("I/O")) : real.contacts.get(account, id),
      },
    }));
    await store.lanes.append([incoming("from bob")]);
    await store.lanes.append([incoming("from carol", { peer: "contact/carol" })]);
    await eventually("carol's is written", () => output.items.length === 1);
    expect(output.texts).toEqual(["from carol"]);
    expect(log.lines.map((line) => line.message)).toEqual(["an incoming lane waits"]);
    broken = false;
    await clock.advance(1_000);
    await eventually("bob's is written", () => output.items.length === 2);
  });

  test("while delivered rows are marked is asked again, and the rows are not written twice", async () => {
    let refusals = 2;
    const { write, output, rows, worker, clock, waiting } = await setUp((real) => ({
      ...real,
      lanes: {
        ...real.lanes,
        settleMany: (ids) => (refusals-- > 0 ? Promise.reject(new Error("full")) : real.lanes.settleMany(ids)),
      },
    }));
    await write("one");
    await eventually("it is written", () => output.items.length === 1);
    worker.taken(rows());
    await clock.advance(3_000);
    await eventually("it is done", async () => (await waiting()) === 0);
    expect(output.items).toHaveLength(1);
  });
});
