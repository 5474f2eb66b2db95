import { expect, it } from "vitest";
import { type Unread, Unreadable } from "../../../bridges/matrix/unreadable.ts";
import { MemoryRecords } from "../../../src/bridge/harness.ts";

const unread = (id: string, at: number, text = "AwgA"): Unread => ({
  key: { roomId: "!r:example.org", sessionId: "s1" },
  at,
  event: {
    event_id: id,
    type: "m.room.encrypted",
    sender: "@bob:example.org",
    origin_server_ts: at,
    content: { algorithm: "m.megolm.v1.aes-sha2", ciphertext: text, session_id: "s1" },
    unsigned: {},
  },
});

async function keep(list: Unreadable, records: MemoryRecords, ...entries: Unread[]): Promise<void> {
  const change = list.change(new Map(entries.map((entry) => [entry.event.event_id, entry])));
  await records.save(change.records);
  change.commit();
}

const idsOf = (list: Unreadable): string[] => list.all().map(({ event }) => event.event_id);

it("is there after a restart, oldest first", async () => {
  const records = new MemoryRecords();
  const list = await Unreadable.load(records);
  await keep(list, records, unread("$b", 1), unread("$a", 2));
  const again = await Unreadable.load(records);
  expect(idsOf(again)).toEqual(["$b", "$a"]);
  expect(again.get("$b")).toMatchObject(unread("$b", 1));
});

it("holds nothing before the commit", async () => {
  const records = new MemoryRecords();
  const list = await Unreadable.load(records);
  const { commit } = list.change(new Map([["$a", unread("$a", 1)]]));
  expect(list.size).toBe(0);
  commit();
  expect(list.size).toBe(1);
});

it("forgets what was read, on the disk as well", async () => {
  const records = new MemoryRecords();
  const list = await Unreadable.load(records);
  await keep(list, records, unread("$a", 1), unread("$b", 2));
  const gone = list.change(new Map([["$a", undefined]]));
  await records.save(gone.records);
  gone.commit();
  expect(idsOf(list)).toEqual(["$b"]);
  expect([...records.map.keys()]).toEqual(["unreadable/$b"]);
});

it("keeps 500 messages and 2 MiB at most: the oldest give way", async () => {
  const records = new MemoryRecords();
  const list = await Unreadable.load(records);
  const many = Array.from({ length: 510 }, (_, index) => unread(`$${String(index).padStart(3, "0")}`, index));
  await keep(list, records, ...many);
  expect([list.size, records.map.size, idsOf(list)[0]]).toEqual([500, 500, "$010"]);
  const big = Array.from({ length: 40 }, (_, index) => unread(`$big${index}`, 1000 + index, "A".repeat(65_000)));
  await keep(list, records, ...big);
  const bytes = [...records.map.values()].reduce((sum, { length }) => sum + length, 0);
  expect(bytes).toBeLessThanOrEqual(2 * 1024 * 1024);
  expect(idsOf(list).at(-1)).toBe("$big39");
  expect(list.size).toBe(records.map.size);
});

it("passes over records that are none", async () => {
  const records = new MemoryRecords();
  for (const [index, text] of ["", "null", "[]", '{"event":{}}', '{"event":7,"key":7}', "\u0000"].entries())
    records.map.set(`unreadable/$${index}`, Buffer.from(text));
  expect((await Unreadable.load(records)).size).toBe(0);
});
