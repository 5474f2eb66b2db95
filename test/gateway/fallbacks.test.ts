import { describe, expect, test } from "vitest";
import type { Verbs } from "#bridge";
import { fallback } from "../../src/gateway/fallbacks.ts";
import type { OutgoingBody } from "../../src/gateway/ports.ts";

const origin = { id: "id1", from: "alice@localhost/phone" };
const mine = { id: "remote-1", fromSelf: true, sentAt: 0 };
const theirs = { ...mine, fromSelf: false };
const able: Partial<Verbs> = {
  edit: async () => ({ id: "x" }),
  retract: async () => {},
  markRead: async () => {},
};
const body = (kind: OutgoingBody["kind"]): OutgoingBody => ({ kind, origin, text: "new words", target: "id0" });
const refusal = { do: "refuse", text: "The message has left already and cannot be taken back there." };
const correction = { do: "send", text: "Correction: new words" };

describe("what becomes of an action", () => {
  test.each([
    ["a message", "message", {}, undefined, { do: "send", text: "new words" }],
    ["a message that answers one", "message", able, theirs, { do: "send", text: "new words" }],
    ["a correction where the network can edit", "edit", able, mine, { do: "edit", text: "new words", target: mine }],
    ["a correction where it cannot", "edit", {}, mine, correction],
    ["a correction of an unknown message", "edit", able, undefined, correction],
    ["X09: a correction of somebody else's message", "edit", able, theirs, correction],
    ["a retraction where the network can", "retraction", able, mine, { do: "retract", target: mine }],
    ["a retraction where it cannot", "retraction", {}, mine, refusal],
    ["a retraction of an unknown message", "retraction", able, undefined, refusal],
    ["X09: a retraction of somebody else's message", "retraction", able, theirs, refusal],
    ["a read marker where the network knows them", "read", able, theirs, { do: "markRead", target: theirs }],
    ["a read marker where it does not", "read", {}, theirs, { do: "nothing" }],
    ["a read marker on an unknown message", "read", able, undefined, { do: "nothing" }],
    ["a read marker on the user's own message", "read", able, mine, { do: "nothing" }],
  ] as const)("%s", (_, kind, session, target, step) => {
    expect(fallback(body(kind), session, target)).toEqual(step);
  });
});
