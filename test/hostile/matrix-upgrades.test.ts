// M11: rooms that say they continue others, or are continued. Two rooms are one to the user's clients, under one JID, only
// where both say so; what is written there must not end up in a room that an outsider made.
import { expect, test } from "vitest";
import type { JsonObject } from "../../bridges/matrix/json.ts";
import { read, readerOf, self } from "./sync-reader.ts";

const mallory = "@mallory:evil.example";
const old = "!old:example.org";
const next = "!next:example.org";
const trap = "!trap:evil.example";

let events = 0;
const state = (type: string, content: JsonObject, sender = "@ann:example.org", stateKey = "") => ({
  event_id: `$${type}-${++events}`,
  type,
  sender,
  state_key: stateKey,
  content,
});
const joined = state("m.room.member", { membership: "join" }, self, self);
const created = (predecessor: string, sender?: string, stateKey?: string) =>
  state("m.room.create", { predecessor: { room_id: predecessor } }, sender, stateKey);
const replaced = (by: string, sender?: string, stateKey?: string) =>
  state("m.room.tombstone", { replacement_room: by, body: "" }, sender, stateKey);

/** The user is in these rooms; each answer tells of them what it names. */
async function after(...answers: readonly Readonly<Record<string, readonly object[]>>[]) {
  const reader = await readerOf([]);
  await read(reader, { rooms: { join: { [old]: { state: { events: [joined] } } } } }, undefined);
  const followed: string[] = [];
  for (const [index, rooms] of answers.entries()) {
    const join = Object.fromEntries(
      Object.entries(rooms).map(([id, told]) => [
        id,
        { state: { events: [joined] }, timeline: { events: told, limited: false } },
      ]),
    ) as JsonObject;
    const { successors } = await read(reader, { rooms: { join } }, `s${index}`);
    followed.push(...[...successors.values()].map(({ roomId }) => roomId));
  }
  /** Under whose name what is said in a room is told. */
  const nameOf = (id: string): string => {
    const room = reader.rooms.get(id);
    return room === undefined ? id : reader.rooms.peerOf(room).id;
  };
  /** Where goes what the user writes into the old room. */
  return { goesTo: reader.rooms.newestOf(old), nameOf, followed };
}

test("M11: a room that both name takes the other's place", async () => {
  const { goesTo, nameOf } = await after({ [next]: [created(old)] }, { [old]: [replaced(next)] });
  expect([goesTo, nameOf(next)]).toEqual([next, old]);
});

test.each([
  ["that only it names as the one before", { [trap]: [created(old, mallory)] }],
  ["that names nobody, though the old one names it", { [trap]: [], [old]: [replaced(trap)] }],
  ["whose word for it is no word of the room's", { [trap]: [created(old)], [old]: [replaced(trap, mallory, "x")] }],
  ["whose own word is none of the room's", { [trap]: [created(old, mallory, "x")], [old]: [replaced(trap)] }],
  ["that names the room after it", { [next]: [created(old)], [trap]: [created(next)], [old]: [replaced(trap)] }],
  ["that nobody is in yet", { [old]: [replaced(trap)] }],
] as const)("M11: a room %s takes nobody's place", async (_, rooms) => {
  const oneByOne = Object.entries(rooms).map(([id, told]) => ({ [id]: told }));
  for (const answers of [[rooms], oneByOne, oneByOne.toReversed()]) {
    const { goesTo, nameOf } = await after(...answers);
    expect([goesTo, nameOf(trap)]).toEqual([old, trap]);
  }
});

test.each([
  ["into another room", replaced(trap, mallory)],
  ["back", replaced("", mallory)],
])("M11: who rules in a room that was left behind leads nobody %s", async (_, second) => {
  const { goesTo, nameOf, followed } = await after(
    { [next]: [created(old)] },
    { [old]: [replaced(next)] },
    { [old]: [second] },
    { [trap]: [created(old, mallory)], [old]: [] },
  );
  expect([goesTo, nameOf(trap), followed]).toEqual([next, trap, []]);
});

test("M11: rooms that continue each other in a circle are walked once", async () => {
  const { goesTo } = await after(
    { [old]: [created(next)], [next]: [created(old)] },
    { [old]: [replaced(next)], [next]: [replaced(old)] },
    { [old]: [replaced(old)], [next]: [replaced(next)] },
  );
  expect([old, next]).toContain(goesTo);
});
