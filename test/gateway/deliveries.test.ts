import { describe, expect, test } from "vitest";
import type { Incoming, IncomingMessage } from "#bridge";
import { deliveries } from "../../src/gateway/deliveries.ts";
import { noRoomLookups } from "./setup.ts";
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
  ...noRoomLookups,
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
      sender: "bob",
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
      { kind: "failed", origin, condition: "item-not-found", text: "Nobody.", late: true },
    ],
  ] as const)("%s goes to the client that sent it, under its id", async (_, event, body) => {
    const [delivery] = await make(event);
    expect(delivery?.row?.body).toEqual(body);
    expect(delivery?.record).toMatchObject({ kind: event.type, remoteId: "report-1" });
  });

  test("E15: is left out when the user sent no such message, or to somebody else", async () => {
    expect(await make({ ...report, type: "delivered", target: "<forged@net>" })).toEqual([]);
    expect(await make({ ...report, type: "delivered", peer: { kind: "contact", id: "mallory" } })).toEqual([]);
  });

  test("of one kind is not taken for one of another", async () => {
    const keys = await Promise.all([keyOf({ ...report, type: "delivered" }), keyOf({ ...report, type: "read" })]);
    expect(keys[0]).not.toBe(keys[1]);
  });
});

test("a thread that began with a message of the user's keeps the name that their client gave it, in its room", async () => {
  const peer = { kind: "room", id: "r1" } as const;
  const own = recordOf("$first", { peer: "room/r1", fromSelf: true, thread: "made up" });
  const inRoom = { ...lookups, message: async (_: number, id: string) => (id === "$first" ? own : undefined) };
  const threadIn = async (where: typeof peer | { readonly kind: "room"; readonly id: "r2" }, thread: string) => {
    const [delivery] = await deliveries(1, [{ ...hello, peer: where, thread }], inRoom);
    return delivery?.record?.thread;
  };
  expect(await threadIn(peer, "$first")).toBe("made up");
  expect(await threadIn(peer, "$other")).toBe("$other");
  expect(await threadIn({ kind: "room", id: "r2" }, "$first")).toBe("$first");
});

describe("what has been read", () => {
  const read = { type: "read", id: "read-1", sentAt: 9 } as const;

  test("by the user in another program is told when it was somebody else's", async () => {
    const [, delivery] = await make(hello, { ...read, peer: hello.peer, from: "self", target: hello.id });
    expect(delivery?.row?.body).toEqual({ kind: "displayed", target: await keyOf(hello) });
    expect(await make({ ...read, peer: hello.peer, from: "self", target: "<ours@net>" })).toEqual([]);
    expect(await make({ ...read, peer: hello.peer, from: "self", target: "unheard of" })).toEqual([]);
  });

  test("by others is left out when it was not the user's own", async () => {
    expect(await make(hello, { ...read, peer: hello.peer, from: "bob", target: hello.id })).toHaveLength(1);
  });
});

describe("what was taken back", () => {
  const gone = { type: "retraction", id: "gone-1", peer: { kind: "contact", id: "bob" }, sentAt: 9 } as const;

  test("by somebody else than its sender is told in words: no client would believe it", async () => {
    const [delivery] = await make({ ...gone, from: "bob", target: "<ours@net>", reason: "Rude." });
    expect(delivery?.row?.body).toEqual({
      kind: "message",
      message: {
        id: "gone-1",
        from: "bob",
        sentAt: 9,
        text: "/me removed this message. Rude.",
        replyTo: ["<ours@net>"],
      },
    });
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

describe("an edit", () => {
  const edit = { ...hello, type: "edit", id: "<edit@net>", target: "<bobs@net>", text: "better" } as const;

  test("of bob's own message changes it under the id the user's client knows", async () => {
    const [delivery] = await make(edit);
    expect(delivery?.row).toMatchObject({
      peer: "contact/bob",
      body: { kind: "edit", target: "id-of-bobs", text: "better" },
    });
  });

  test("X09: of somebody else's message is nothing", async () => {
    expect(await make({ ...edit, from: "mallory" })).toEqual([]);
    expect(await make({ ...edit, target: "<ours@net>" })).toEqual([]);
  });

  test("that comes with its message changes that", async () => {
    const list = await make(hello, { ...edit, target: hello.id });
    expect(list[1]?.row?.body).toMatchObject({ kind: "edit", target: list[0]?.row?.key });
  });

  test("of a message that nobody here ever saw is a message by itself", async () => {
    const [delivery] = await make({ ...edit, target: "<old@net>" });
    expect(delivery?.row?.body).toMatchObject({ kind: "message", message: { text: "better" } });
  });
});

describe("a reaction", () => {
  const reaction = { ...hello, type: "reaction", id: "<like@net>", target: "<ours@net>", emoji: "👍" } as const;
  const record = { account: 1, remoteId: "<like@net>", peer: "contact/bob", target: "id-of-alice", emoji: "👍" };

  test("is remembered, and a row tells that bob's set has changed", async () => {
    const [delivery] = await make(reaction);
    expect(delivery?.reaction).toEqual({ add: { ...record, from: "bob" } });
    expect(delivery?.row?.body).toEqual({ kind: "reaction", target: "id-of-alice", from: "bob" });
  });

  test("of the user's own from another program is remembered and shown to nobody", async () => {
    const [delivery] = await make({ ...reaction, from: "self" });
    expect(delivery?.reaction).toEqual({ add: { ...record, from: "self" } });
    expect(delivery?.row).toBeUndefined();
  });

  test("that is taken back in the same breath goes with its own id", async () => {
    const list = await make(reaction, { ...hello, type: "retraction", id: "<gone@net>", target: "<like@net>" });
    expect(list[1]?.reaction).toEqual({ remove: "<like@net>" });
    expect(list[1]?.row?.body).toEqual({ kind: "reaction", target: "id-of-alice", from: "bob" });
  });

  test("to a message that nobody here ever saw is said in words", async () => {
    const [delivery] = await make({ ...reaction, target: "<old@net>" });
    expect(delivery?.row?.body).toMatchObject({ kind: "message", message: { text: "👍 (to an older message)" } });
  });
});

describe("a retraction", () => {
  const retraction = { ...hello, type: "retraction", id: "<gone@net>", target: "<bobs@net>" } as const;

  test("takes back the message under the id the user's client knows", async () => {
    const [delivery] = await make(retraction);
    expect(delivery?.row?.body).toEqual({ kind: "retraction", target: "id-of-bobs" });
  });

  test("of what nobody here ever saw is nothing", async () => {
    expect(await make({ ...retraction, target: "<old@net>" })).toEqual([]);
  });
});
