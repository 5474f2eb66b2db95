// Chats of two that the account data `m.direct` has still to learn of.
import { expect, test } from "vitest";
import { Rooms } from "../../../bridges/matrix/rooms.ts";
import { MemoryRecords } from "../../../src/bridge/harness.ts";

const self = "@al:matrix.test";
const ann = "@ann:matrix.test";
const ben = "@ben:matrix.test";

/** Two chats were just made; neither is in `m.direct`. */
async function twoChats(records: MemoryRecords): Promise<Rooms> {
  const rooms = await Rooms.load(self, records);
  await rooms.addDirect("!ann:matrix.test", ann);
  await rooms.addDirect("!ben:matrix.test", ben);
  return rooms;
}

/** The server sends `m.direct`. */
async function receive(rooms: Rooms, records: MemoryRecords, list: Record<string, string[]>): Promise<void> {
  const draft = rooms.draft();
  draft.readDirect(new Map(Object.entries(list)));
  await records.save(draft.records());
  draft.commit();
}

test("a list of the server's that was written before a chat began does not make a room of it", async () => {
  const records = new MemoryRecords();
  const rooms = await twoChats(records);
  await receive(rooms, records, { [ann]: ["!ann:matrix.test"] });
  expect(rooms.partnerOf("!ben:matrix.test")).toBe(ben);
  expect([...rooms.unwritten]).toEqual([[ben, ["!ben:matrix.test"]]]);
});

test("a chat stays one when the gateway was killed before it wrote the list", async () => {
  const records = new MemoryRecords();
  await twoChats(records);
  const rooms = await Rooms.load(self, records);
  expect([...rooms.unwritten.keys()]).toEqual([ann, ben]);
  await receive(rooms, records, {});
  expect(rooms.partnerOf("!ann:matrix.test")).toBe(ann);
});

test("once the server has a chat on its list, another client may take it off", async () => {
  const records = new MemoryRecords();
  const rooms = await twoChats(records);
  await receive(rooms, records, { [ann]: ["!ann:matrix.test"], [ben]: ["!ben:matrix.test"] });
  expect(rooms.unwritten.size).toBe(0);
  await receive(rooms, records, { [ann]: ["!ann:matrix.test"] });
  expect(rooms.partnerOf("!ben:matrix.test")).toBeUndefined();
});
