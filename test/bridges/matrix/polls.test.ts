import { describe, expect, it } from "vitest";
import type { Json, OutgoingMessage } from "#bridge";
import { pollResult, voteIn } from "../../../bridges/matrix/events/polls.ts";
import { pollResponse } from "./event-schemas.ts";

const reply = (text: string, poll: Json, more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  key: "0123456789abcdefghijklmnop",
  peer: { kind: "room", id: "!r:example.org" },
  text,
  sentAt: 0,
  uncertain: false,
  replyTo: { id: "$poll", fromSelf: false, sentAt: 0, context: { poll } },
  ...more,
});
const one = { ids: ["a", "b", "c"], most: 1 };
const two = { ids: ["a", "b", "c"], most: 2, draft: true };
const relation = { "m.relates_to": { rel_type: "m.reference", event_id: "$poll" } };

describe("a reply to a poll", () => {
  it.each<[string, Json, object]>([
    ["2", one, { type: "m.poll.response", content: { ...relation, "m.selections": ["b"] } }],
    [" 3. ", one, { type: "m.poll.response", content: { ...relation, "m.selections": ["c"] } }],
    [
      "1, 3",
      two,
      {
        type: "org.matrix.msc3381.poll.response",
        content: { ...relation, "org.matrix.msc3381.poll.response": { answers: ["a", "c"] } },
      },
    ],
    [
      "2 2",
      two,
      {
        type: "org.matrix.msc3381.poll.response",
        content: { ...relation, "org.matrix.msc3381.poll.response": { answers: ["b"] } },
      },
    ],
  ])("%j is a vote", (text, poll, event) => {
    const vote = voteIn(reply(text, poll));
    expect(vote).toEqual(event);
    expect(pollResponse.safeParse(vote?.content).error).toBeUndefined();
  });

  it.each<[string, Json]>([
    ["2 of them", one],
    ["0", one],
    ["4", one],
    ["1 2", one],
    ["1 2 3", two],
    ["1", { ids: ["", "b"], most: 1 }],
    ["1", "nonsense"],
    ["", one],
    [`1${" ".repeat(60_000)}x`, one],
  ])("%j is a message like any other", (text, poll) => expect(voteIn(reply(text, poll))).toBeUndefined());

  it("with a file, and a number that answers nothing, are none either", () => {
    expect(voteIn(reply("1", one, { file: { url: "https://x/a" } }))).toBeUndefined();
    const { replyTo: _, ...alone } = reply("1", one);
    expect(voteIn(alone)).toBeUndefined();
  });
});

describe("the result of a poll", () => {
  const start = {
    "m.poll": {
      question: { "m.text": [{ body: "Where?" }] },
      max_selections: 2,
      answers: [
        { "m.id": "a", "m.text": [{ body: "Paris" }] },
        { "m.id": "b", "m.text": [{ body: "Rome" }] },
      ],
    },
  };
  const vote = (sender: string, sentAt: number, ...ids: unknown[]) => ({ sender, sentAt, ids });

  it("counts the last vote of each person before the end, and nothing that cannot be chosen", () => {
    const votes = [
      vote("@ann", 5, "a"),
      vote("@ann", 3, "b"),
      vote("@ben", 4, "a", "b", "b"),
      vote("@carl", 4, "a", "nonsense"),
      vote("@dan", 4, "a", "a"),
      vote("@eve", 11, "a"),
      vote("@fay", 4),
      vote("@gus", 2, "b"),
      vote("@gus", 9, 5),
    ];
    expect(pollResult(start, votes, 10)).toBe("The poll has ended: Where?\n1. Paris: 3 votes\n2. Rome: 1 vote");
  });
});
