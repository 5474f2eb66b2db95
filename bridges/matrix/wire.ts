// The parts of the Client-Server API's answers that this bridge reads, checked once where they enter.
import { isObject, type JsonObject, numberAt, objectAt, textAt } from "./json.ts";

/** An event of a room ("ClientEvent" of the Client-Server API). Property names are the wire's. */
export interface RoomEvent {
  readonly event_id: string;
  readonly type: string;
  readonly sender: string;
  /** Milliseconds since the epoch, as the sender's server says. */
  readonly origin_server_ts: number;
  readonly content: JsonObject;
  readonly state_key?: string;
  readonly unsigned?: JsonObject;
  /** Of a redaction in a room before version 11. */
  readonly redacts?: string;
}

/** Ids are bounded by the specification (255 bytes); what is longer is no event. */
const longestId = 255;

/** @returns undefined for what is not an event. Stripped state has no id: then it is "". */
export function parseEvent(value: unknown): RoomEvent | undefined {
  if (!isObject(value)) return undefined;
  const type = textAt(value, "type");
  const sender = textAt(value, "sender");
  const eventId = textAt(value, "event_id") ?? "";
  if (type === undefined || sender === undefined) return undefined;
  if (type.length > longestId || sender.length > longestId || eventId.length > longestId) return undefined;
  const stateKey = textAt(value, "state_key");
  const redacts = textAt(value, "redacts");
  return {
    event_id: eventId,
    type,
    sender,
    origin_server_ts: numberAt(value, "origin_server_ts") ?? 0,
    content: objectAt(value, "content"),
    unsigned: objectAt(value, "unsigned"),
    ...(stateKey === undefined ? {} : { state_key: stateKey }),
    ...(redacts === undefined ? {} : { redacts }),
  };
}

export function parseEvents(list: readonly unknown[]): RoomEvent[] {
  return list.flatMap((value) => parseEvent(value) ?? []);
}

/** The transaction id under which this device sent the event (own echo). */
export function transactionOf(event: RoomEvent): string | undefined {
  return textAt(event.unsigned, "transaction_id");
}
