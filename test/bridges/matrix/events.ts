// Events as text, and what the bridge makes of them.
import type { Incoming } from "#bridge";
import { eventToIncoming } from "../../../bridges/matrix/event-to-message.ts";
import type { EventContext } from "../../../bridges/matrix/events/event.ts";

export const room: EventContext = {
  self: "@me:example.org",
  peer: { kind: "room", id: "!room:example.org" },
  direct: false,
};

export const direct: EventContext = {
  self: "@me:example.org",
  peer: { kind: "contact", id: "@alice:example.org" },
  direct: true,
};

/** What every event of Alice's has after the bridge read it. */
export const base = {
  id: "$143273582443PhrSn:example.org",
  peer: room.peer,
  from: "@alice:example.org",
  sentAt: 1432735824653,
};

/** An event by Alice with this content, as JSON text; `more` are further fields at the top. */
export function eventText(type: string, content: string, more = ""): string {
  return `{
    "type": ${JSON.stringify(type)},
    "content": ${content},
    "event_id": "$143273582443PhrSn:example.org",
    "origin_server_ts": 1432735824653,
    "room_id": "!room:example.org",
    "sender": "@alice:example.org"${more === "" ? "" : `, ${more}`}
  }`;
}

export function incoming(text: string, context: EventContext = room): readonly Incoming[] {
  return eventToIncoming(JSON.parse(text), context);
}

/** The same for the content of an m.room.message. */
export function message(content: string, context: EventContext = room): Incoming | undefined {
  const [first] = incoming(eventText("m.room.message", content), context);
  return first;
}
