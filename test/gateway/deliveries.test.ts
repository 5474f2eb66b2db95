import { describe, expect, test } from "vitest";
import type { Incoming, IncomingMessage } from "#bridge";
import { deliveries } from "../../src/gateway/deliveries.ts";
import { recordOf } from "../kit/rows.ts";

const hello: IncomingMessage = {
  type: "message",
  id: "<1@net>",
  peer: { kind: "contact", id: "bob" },
  from: "bob",
  sentAt: 5,
  text: "hello",
};
const ours = recordOf("<ours@net>", { xmppId: "id-of-alice", fromSelf: true, sender: "alice@localhost/phone" });
const known = [ours, recordOf("<bobs@net>", { xmppId: "id-of-bobs", sender: "bob" })];
const lookups = {
  message: async (_: number, id: string) => known.find((record) => record.remoteId === id),
  reaction: async () => undefined,
};
const make = (...events: Incoming[]) => deliveries(1, events, lookups);
const keyOf = async (event: Incoming, account = 1) => (await deliveries(account, [event], lookups))[0]?.row?.key;

describe("a message", () => {
  test("becomes a row of its conversation, and a record to know it by", async () => {
    const [delivery] = await make({ ...hello, thread: "t", context: { references: 1 }, digest: "d", name: "Bob" });
    expect(delivery?.row).toMatchObject({
      direction: "incoming",
      account: 1,
      peer: "contact/bob",
      body: {
        kind: "message",
        message: { id: "<1@net>", from: "bob", sentAt: 5, text: "hello", thread: "t", name: "Bob" },
      },
    });
    expect(delivery?.record).toEqual({
      account: 1,
      kind: "message",
      remoteId: "<1@net>",
      digest: "d",
      xmppId: delivery?.row?.key,
      peer: "contact/bob",
      fromSelf: false,
      sentAt: 5,
      thread: "t",
      context: { references: 1 },
      sender: undefined,
    });
  });

  test("has the same key each time it comes, and another for another account, id or digest", async () => {
    const keys = await Promise.all([
      keyOf(hello),
      keyOf({ ...hello, text: "read again, with another text", sentAt: 9 }),
      keyOf(hello, 2),
      keyOf({ ...hello, id: "<2@net>" }),
      keyOf({ ...hello, digest: "d1" }),
      keyOf({ ...hello, digest: "d2" }),
    ]);
    expect(keys[0]).toBe(keys[1]);
    expect(new Set(keys).size).toBe(5);
  });

  test("of the user's own is marked as such", async () => {
    const [delivery] = await make({ ...hello, from: "self" });
    expect(delivery?.record?.fromSelf).toBe(true);
  });

  test("with an id beyond all measure is refused before anything is stored", async () => {
    await expect(make({ ...hello, id: "x".repeat(1_001) })).rejects.toThrow("1000 is the limit");
    expect(await make({ ...hello, id: "x".repeat(1_000) })).toHaveLength(1);
  });
});

describe("a report about a message of the user's", () => {
  const report = { id: "report-1", peer: hello.peer, from: "bob", sentAt: 9, target: "<ours@net>" } as const;
  const origin = { id: "id-of-alice", from: "alice@localhost/phone" };

  test.each([
    ["delivered", { ...report, type: "delivered" }, { kind: "delivered", origin }],
    ["read", { ...report, type: "read" }, { kind: "read", origin }],
    [
      "failed",
      { ...report, type: "failed", condition: "item-not-found", text: "Nobody." },
      { kind: "failed", origin, condition: "item-not-found", text: "Nobody." },
    ],
  ] as const)("%s goes to the client that sent it, under its id", async (_, event, body) => {
    const [delivery] = await make(event);
    expect(delivery?.row?.body).toEqual(body);
    expect(delivery?.record).toMatchObject({ kind: event.type, remoteId: "report-1" });
  });

  test("is left out when the user sent no such message", async () => {
    expect(await make({ ...report, type: "delivered", target: "<forged@net>" })).toEqual([]);
  });

  test("of one kind is not taken for one of another", async () => {
    const keys = await Promise.all([keyOf({ ...report, type: "delivered" }), keyOf({ ...report, type: "read" })]);
    expect(keys[0]).not.toBe(keys[1]);
  });
});

describe("bytes", () => {
  test("become a row of the account's intake, with the bytes beside it", async () => {
    const raw = Buffer.from("From: bob");
    const [delivery] = await make({ type: "original", id: "uid-7", raw, about: { uid: 7 }, sentAt: 3 });
    expect(delivery).toMatchObject({
      row: {
        direction: "intake",
        peer: "intake",
        body: { kind: "original", id: "uid-7", about: { uid: 7 }, sentAt: 3 },
      },
      record: { kind: "original", remoteId: "uid-7", xmppId: delivery?.row?.key },
      raw,
    });
  });
});
