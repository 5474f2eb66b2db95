import { describe, expect, test } from "vitest";
import type { MessageRecord } from "../../src/gateway/lane-ports.ts";
import type { Store } from "../../src/gateway/ports.ts";
import { incoming, recordOf } from "../kit/rows.ts";
import { openTestStore, seedAccounts } from "./open-store.ts";

async function withRecords(...records: MessageRecord[]): Promise<Store> {
  const store = await openTestStore();
  await seedAccounts(store, 2);
  for (const one of records) {
    const row = incoming(one.remoteId, { account: one.account, peer: one.peer });
    await store.lanes.deliver(one.account, [{ row, record: one }]);
  }
  return store;
}

describe("what the gateway remembers of messages", () => {
  test("a record comes back as it was", async () => {
    const whole = recordOf("r1", {
      sentAt: 5,
      thread: "t",
      context: { references: ["a", "b"] },
      sender: "alice@localhost/phone",
    });
    const { messages } = await withRecords(whole);
    expect(await messages.byXmppId(1, "contact/bob", "x-r1")).toEqual(whole);
  });

  test("a message is found by the id of the user's client within its conversation only", async () => {
    const { messages } = await withRecords(recordOf("r1"));
    expect(await messages.byXmppId(1, "contact/carol", "x-r1")).toBeUndefined();
    expect(await messages.byXmppId(2, "contact/bob", "x-r1")).toBeUndefined();
  });

  test("X18: of two messages with one client id the newest is meant", async () => {
    const { messages } = await withRecords(recordOf("r1", { xmppId: "same" }), recordOf("r2", { xmppId: "same" }));
    expect((await messages.byXmppId(1, "contact/bob", "same"))?.remoteId).toBe("r2");
  });

  test("a message is found however many came after it", async () => {
    const later = Array.from({ length: 600 }, (_, n) => recordOf(`later-${n}`));
    const { messages } = await withRecords(recordOf("r1", { xmppId: "same" }), ...later.slice(0, 300));
    expect((await messages.byXmppId(1, "contact/bob", "same"))?.remoteId).toBe("r1");
    const again = recordOf("r2", { xmppId: "same" });
    const elsewhere = recordOf("r3", { xmppId: "same", peer: "contact/carol" });
    const all = await withRecords(recordOf("r1", { xmppId: "same" }), ...later, again, elsewhere);
    expect((await all.messages.byXmppId(1, "contact/bob", "same"))?.remoteId).toBe("r2");
    expect((await all.messages.byXmppId(1, "contact/bob", "x-later-0"))?.remoteId).toBe("later-0");
    expect(await all.messages.byXmppId(1, "contact/bob", "unknown")).toBeUndefined();
  });

  test("the first known id of a list of ancestors is found", async () => {
    const { messages } = await withRecords(recordOf("grandparent"), recordOf("parent"));
    expect((await messages.byRemoteId(1, ["unknown", "parent", "grandparent"]))?.remoteId).toBe("parent");
    expect(await messages.byRemoteId(1, ["unknown"])).toBeUndefined();
    expect(await messages.byRemoteId(2, ["parent"])).toBeUndefined();
  });

  test("the newest of a conversation and of a thread are told apart", async () => {
    const { messages } = await withRecords(
      recordOf("r1", { thread: "t1" }),
      recordOf("r2", { thread: "t2" }),
      recordOf("r3", { peer: "contact/carol", thread: "t1" }),
    );
    expect((await messages.lastOf(1, "contact/bob"))?.remoteId).toBe("r2");
    expect((await messages.lastOfThread(1, "contact/bob", "t1"))?.remoteId).toBe("r1");
  });

  test("marks of other events are no messages", async () => {
    const { messages } = await withRecords(recordOf("r1", { kind: "delivered" }));
    expect(await messages.byRemoteId(1, ["r1"])).toBeUndefined();
    expect(await messages.lastOf(1, "contact/bob")).toBeUndefined();
  });
});
