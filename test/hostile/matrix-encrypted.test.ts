// What senders put inside of encrypted events, where no homeserver looks (security.md M03, M12, M17).
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { JsonObject } from "../../bridges/matrix/json.ts";
import { newRoom } from "../../bridges/matrix/room-state.ts";
import { Rooms } from "../../bridges/matrix/rooms.ts";
import { corrected, outdated } from "../../bridges/matrix/telling.ts";
import type { Unread } from "../../bridges/matrix/unreadable.ts";
import type { RoomEvent } from "../../bridges/matrix/wire.ts";
import type { Incoming } from "../../src/bridge/index.ts";
import { MemoryRecords } from "../../src/bridge/harness.ts";

const self = "@alice:example.org";
const mallory = "@mallory:evil.example";
const id = "$encryptedevent00000000000000000000000000000";
const other = "$someotherevent00000000000000000000000000000";
const event: RoomEvent = {
  event_id: id,
  type: "m.room.encrypted",
  sender: mallory,
  origin_server_ts: 1_700_000_000_000,
  content: { algorithm: "m.megolm.v1.aes-sha2", session_id: "s" },
};
const gone: Incoming = {
  type: "retraction",
  id,
  target: id,
  from: mallory,
  peer: { kind: "room", id: "!r:example.org" },
  sentAt: 1_700_000_000_000,
};

let rooms: Rooms;
beforeAll(async () => {
  rooms = await Rooms.load(self, new MemoryRecords());
});
const read = (plain: JsonObject, outer: RoomEvent = event): readonly Incoming[] =>
  corrected(outer, plain, newRoom("!r:example.org", "join"), { self, draft: rooms.draft() });

describe("inside of an encrypted event", () => {
  test("M12: a redaction takes nothing back", () => {
    expect(read({ type: "m.room.redaction", content: { redacts: other } })).toEqual([gone]);
    expect(read({ type: "m.room.redaction", redacts: other, content: {} })).toEqual([gone]);
  });

  test("M12: state is no state, whether it is claimed inside or outside", () => {
    const ban = { type: "m.room.member", state_key: "@bob:example.org", content: { membership: "ban" } };
    for (const outer of [event, { ...event, state_key: "@bob:example.org" }])
      expect(read(ban, outer).filter(({ type }) => type === "membership")).toEqual([]);
  });

  test("M12: sender, id and time are those of the envelope", () => {
    const forged = { event_id: other, sender: self, origin_server_ts: 1, type: "m.room.message" };
    const content = { msgtype: "m.text", body: "believe me" };
    expect(read({ ...forged, content })).toMatchObject([
      { type: "edit", id, target: id, from: mallory, sentAt: 1_700_000_000_000, text: "believe me" },
    ]);
  });

  test("M17: another encrypted event is not opened again", () => {
    expect(read({ type: "m.room.encrypted", content: event.content })).toEqual([gone]);
  });

  test("M03: anything at all is survived", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("type", "content", "__proto__", "state_key"), fc.jsonValue()),
        (plain) => {
          read(plain);
        },
      ),
    );
  });
});

test("M12: only its sender's edit makes a waiting message out of date, and anybody's redaction that the server let pass", () => {
  const waiting: Unread = {
    event: { ...event, sender: "@bob:example.org" },
    key: { roomId: "!r", sessionId: "s" },
    at: 1,
  };
  const find = (wanted: string) => (wanted === id ? waiting : undefined);
  const edit = (from: string): Incoming => ({ ...gone, type: "edit", id: other, from, text: "new" });
  expect(outdated([edit(mallory)], self, find)).toEqual([]);
  expect(outdated([edit("@bob:example.org")], self, find)).toEqual([id]);
  expect(outdated([{ ...gone, id: other }], self, find)).toEqual([id]);
});
