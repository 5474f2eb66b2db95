// The end of a poll with its result, which the homeserver keeps as one event a vote (MSC3381; Client-Server API, "Relations").
import { BridgeError } from "#bridge";
import type { Api } from "./api.ts";
import type { Encryption } from "./encryption.ts";
import { pollPart, pollResult, type Vote, voteOf } from "./events/polls.ts";
import { isEventId } from "./ids.ts";
import { field, type JsonObject, listAt, objectAt, textAt } from "./json.ts";
import { parseEvent, parseEvents, type RoomEvent } from "./wire.ts";

/** Votes that are counted: of a larger poll its author's program tells the result. */
const pageSize = 100;
const mostPages = 5;
/** Milliseconds for each request: the timeline waits behind it. */
const timeout = 5_000;
/** In one answer of the sync: those who end polls must not keep us from reading on. */
const mostPolls = 5;

export interface PollDeps {
  readonly api: Api;
  readonly encryption: Pick<Encryption, "decrypt">;
  /** Polls that were counted already since something was read. */
  readonly counted: Set<string>;
}

/**
 * Undefined for what ends no poll, and when the server does not tell, or tells too much: then the words of the event have to do.
 * @throws BridgeError when the keys cannot be read
 */
export async function resultOf(
  end: RoomEvent,
  roomId: string,
  { api, encryption, counted }: PollDeps,
): Promise<string | undefined> {
  const pollId = textAt(field(end.content, "m.relates_to"), "event_id");
  if (pollPart(end.type) !== "end" || !isEventId(pollId) || counted.has(pollId) || counted.size >= mostPolls)
    return undefined;
  counted.add(pollId);
  const readable = async (event: RoomEvent): Promise<RoomEvent | undefined> => {
    if (event.type !== "m.room.encrypted") return event;
    const read = await encryption.decrypt(roomId, { ...event });
    if (read.kind !== "ok") return undefined;
    return { ...event, type: textAt(read.event, "type") ?? "", content: objectAt(read.event, "content") };
  };
  try {
    const path = ["v3", "rooms", roomId, "event", pollId];
    const asked = parseEvent(await api.request("GET", path, { timeout }));
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
    // Of our own store. Whatever a server answers, or does not, must not keep us from reading on.
    if (error instanceof BridgeError) throw error;
    return undefined;
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
    const answer: JsonObject = await api.request("GET", path, { query, timeout });
    found.push(...parseEvents(listAt(answer, "chunk")));
    from = textAt(answer, "next_batch");
    if (from === undefined) return found;
  }
  throw new TooMany("more votes than are counted here");
}
