// M03: a sync answer is what strangers wrote. Whatever is in it, the reading ends without an exception, what it tells has
// the shape that the core relies on, and nothing that an outsider names becomes a property of ours.
import fc from "fast-check";
import { expect, test } from "vitest";
import { readSync } from "../../bridges/matrix/incoming.ts";
import type { JsonObject } from "../../bridges/matrix/json.ts";
import { Rooms } from "../../bridges/matrix/rooms.ts";
import type { Incoming } from "../../src/bridge/index.ts";
import { read, readerOf, self } from "./sync-reader.ts";

const names = fc.constantFrom("__proto__", "constructor", "toString", "membership", "users", "body", "event_id");
const anything = fc.oneof(
  { maxDepth: 4 },
  fc.jsonValue({ maxDepth: 3 }),
  fc.dictionary(names, fc.jsonValue({ maxDepth: 2 })),
);
const user = fc.constantFrom(self, "@bob:example.org", "@__proto__:example.org", "nobody", "");
const type = fc.constantFrom(
  "m.room.member",
  "m.room.name",
  "m.room.topic",
  "m.room.power_levels",
  "m.room.create",
  "m.room.encryption",
  "m.room.encrypted",
  "m.room.message",
  "m.reaction",
  "m.room.redaction",
  "m.room.canonical_alias",
);
const content = fc.oneof(
  anything,
  fc.record({
    membership: fc.constantFrom("join", "leave", "invite", "ban", "knock", 7),
    displayname: anything,
    is_direct: anything,
  }),
  fc.record({ msgtype: fc.constantFrom("m.text", "m.file", "__proto__"), body: anything }),
);
const event = fc.record(
  {
    event_id: fc.oneof(fc.constantFrom("$a", "$b", "$c"), anything),
    type: fc.oneof(type, anything),
    sender: fc.oneof(user, anything),
    state_key: fc.oneof(user, anything),
    origin_server_ts: fc.oneof(fc.double(), anything),
    content,
    unsigned: anything,
  },
  { requiredKeys: ["event_id", "type", "sender"] },
);
const events = fc.record({
  events: fc.array(fc.oneof(event, anything)),
  limited: fc.boolean(),
  prev_batch: fc.oneof(fc.constant("p"), anything),
});
const room = fc.record(
  {
    timeline: fc.oneof(events, anything),
    state: fc.oneof(events, anything),
    state_after: fc.oneof(events, anything),
    invite_state: fc.oneof(events, anything),
    ephemeral: fc.oneof(events, anything),
    account_data: fc.oneof(events, anything),
    summary: anything,
  },
  { requiredKeys: [] },
);
const roomsOf = fc.oneof(
  anything,
  fc.dictionary(fc.constantFrom("!a:example.org", "!b", "__proto__", "../x"), fc.oneof(room, anything)),
);
const answer = fc.record(
  {
    rooms: fc.oneof(fc.record({ join: roomsOf, invite: roomsOf, leave: roomsOf }, { requiredKeys: [] }), anything),
    account_data: fc.oneof(events, anything),
    presence: fc.oneof(events, anything),
    to_device: anything,
  },
  { requiredKeys: [] },
);

test("M03: no sync answer breaks the reading or reaches a prototype", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 3 }), async (answers) => {
      const told: Incoming[] = [];
      const reader = await readerOf(told);
      for (const [index, one] of answers.entries()) {
        // As it comes over the wire: `__proto__` is a property like others there.
        const parsed = JSON.parse(JSON.stringify(one)) as JsonObject;
        await read(reader, parsed, index === 0 ? undefined : `s${index}`);
      }
      await Rooms.load(self, reader.records);
      expect(Object.keys(Object.prototype)).toEqual([]);
      for (const { id, peer, from, sentAt } of told as Exclude<Incoming, { type: "original" }>[]) {
        expect(id.length).toBeGreaterThan(0);
        expect(id.length).toBeLessThanOrEqual(1000);
        expect(peer.kind === "room" ? peer.id.startsWith("!") : peer.id.startsWith("@")).toBe(true);
        expect(typeof from).toBe("string");
        expect(Number.isFinite(sentAt)).toBe(true);
      }
    }),
    { numRuns: 300, endOnFailure: true },
  );
}, 100_000);

test("M14: rooms, members and levels of any number stay small in memory", async () => {
  const reader = await readerOf([]);
  const member = (index: number) => ({
    event_id: `$m${index}`,
    type: "m.room.member",
    sender: `@u${index}:example.org`,
    state_key: `@u${index}:example.org`,
    content: { membership: "join", displayname: "x".repeat(2000) },
  });
  const users = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`@u${index}:example.org`, 50]));
  const levels = { event_id: "$p", type: "m.room.power_levels", sender: self, state_key: "", content: { users } };
  const state = { events: [...Array.from({ length: 5000 }, (_, index) => member(index)), levels] };
  const topic = {
    event_id: "$t",
    type: "m.room.topic",
    sender: self,
    state_key: "",
    content: { topic: "y".repeat(60_000) },
  };
  const join = { "!a:example.org": { state, timeline: { events: [topic] } } };
  const reading = await readSync({ rooms: { join } }, undefined, reader);
  const bytes = [...reading.draft.records().values()].reduce((sum, value) => sum + (value?.length ?? 0), 0);
  expect(bytes).toBeLessThan(60_000);
});
