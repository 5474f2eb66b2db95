// The end of a poll with its result, which the homeserver keeps as one event a vote (MSC3381; Client-Server API, "Relations").
import type { Api } from "./api.ts";
import { MatrixError } from "./errors.ts";
import { pollPart, pollResult, type Vote, voteOf } from "./events/polls.ts";
import { isEventId } from "./ids.ts";
import type { Reading } from "./incoming.ts";
import { field, type JsonObject, listAt, objectAt, textAt } from "./json.ts";
import { parseEvent, parseEvents, type RoomEvent } from "./wire.ts";

/** Votes that are counted: of a larger poll its author's program tells the result. */
const pageSize = 100;
const mostPages = 5;
/** In one answer of the sync: those who end polls must not keep us from reading on. */
const mostPolls = 5;

/**
 * Undefined when the server does not tell, or tells too much: then the words of the event have to do.
 * @throws when it cannot be asked now: then the answer that brought the end is to be read again
 */
export async function countPoll(
  end: RoomEvent,
  roomId: string,
  { api, encryption, counted }: Pick<Reading, "api" | "encryption" | "counted">,
): Promise<string | undefined> {
  const pollId = textAt(field(end.content, "m.relates_to"), "event_id");
  if (!isEventId(pollId) || counted.has(pollId) || counted.size >= mostPolls) return undefined;
  counted.add(pollId);
  const readable = async (event: RoomEvent): Promise<RoomEvent | undefined> => {
    if (event.type !== "m.room.encrypted") return event;
    const read = await encryption.decrypt(roomId, { ...event });
    if (read.kind !== "ok") return undefined;
    return { ...event, type: textAt(read.event, "type") ?? "", content: objectAt(read.event, "content") };
  };
  try {
    const path = ["v3", "rooms", roomId, "event", pollId];
    const asked = parseEvent(await api.request("GET", path, {}));
    const start = asked && (await readable(asked));
    // Who else may end it the server does not check; then it is no end (MSC3381).
    if (start === undefined || pollPart(start.type) !== "start" || start.sender !== end.sender) return undefined;
    const votes: Vote[] = [];
    for (const event of await referring(pollId, roomId, api)) {
      const vote = await readable(event);
      if (vote === undefined || pollPart(vote.type) !== "response") continue;
      votes.push({ sender: vote.sender, sentAt: vote.origin_server_ts, ids: voteOf(vote.content) });
    }
    return pollResult(start.content, votes, end.origin_server_ts);
  } catch (error) {
    if (error instanceof MatrixError || error instanceof TooMany) return undefined;
    throw error;
  }
}

class TooMany extends Error {}

/** @throws what the request throws, and TooMany */
async function referring(eventId: string, roomId: string, api: Api): Promise<readonly RoomEvent[]> {
  const found: RoomEvent[] = [];
  let from: string | undefined;
  for (let page = 0; page < mostPages; page++) {
    const query = { limit: String(pageSize), ...(from === undefined ? {} : { from }) };
    const path = ["v1", "rooms", roomId, "relations", eventId, "m.reference"];
    const answer: JsonObject = await api.request("GET", path, { query });
    found.push(...parseEvents(listAt(answer, "chunk")));
    from = textAt(answer, "next_batch");
    if (from === undefined) return found;
  }
  throw new TooMany("more votes than are counted here");
}
