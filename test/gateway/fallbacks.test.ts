import { describe, expect, test } from "vitest";
import type { Verbs } from "#bridge";
import { fallback } from "../../src/gateway/fallbacks.ts";
import type { OutgoingBody } from "../../src/gateway/lane-ports.ts";

const origin = { id: "id1", from: "alice@localhost/phone" };
const mine = { id: "remote-1", fromSelf: true, sentAt: 0 };
const theirs = { ...mine, fromSelf: false };
const able: Partial<Verbs> = {
  edit: async () => ({ id: "x" }),
  retract: async () => {},
  markRead: async () => {},
};
const body = (kind: OutgoingBody["kind"]): OutgoingBody => ({ kind, origin, text: "new words", target: "id0" });
const refusal = {
  do: "refuse",
  condition: "feature-not-implemented",
  text: "The message has left already and cannot be taken back there.",
};
const unknown = {
  do: "refuse",
  condition: "item-not-found",
  text: "The gateway does not know the message that you take back.",
};
const notYours = {
  do: "refuse",
  condition: "forbidden",
  text: "This message is not yours to take back.",
};
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
    ["a retraction of an unknown message", "retraction", able, undefined, unknown],
    ["X09: a retraction of somebody else's message", "retraction", able, theirs, notYours],
    ["a read marker where the network knows them", "read", able, theirs, { do: "markRead", target: theirs }],
    ["a read marker where it does not", "read", {}, theirs, { do: "nothing" }],
    ["a read marker on an unknown message", "read", able, undefined, { do: "nothing" }],
    ["a read marker on the user's own message", "read", able, mine, { do: "nothing" }],
  ] as const)("%s", (_, kind, session, target, step) => {
    expect(fallback(body(kind), session, target)).toEqual(step);
  });

  test.each([
    ["where the network can", able, theirs, { do: "retract", target: theirs, reason: "Spam" }],
    ["of the user's own message", able, mine, { do: "retract", target: mine, reason: "Spam" }],
    ["where it cannot", {}, theirs, refusal],
    ["of an unknown message", able, undefined, unknown],
  ] as const)("a moderation %s", (_, session, target, step) => {
    expect(fallback({ ...body("retraction"), moderation: { reason: "Spam" } }, session, target)).toEqual(step);
  });
});
