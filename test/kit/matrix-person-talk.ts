// What a person says on Matrix: the contents of events as a usual client writes them (Client-Server API, "Modules").
import { EventType, type MatrixClient, type TimelineEvents } from "matrix-js-sdk";
import type { Files } from "./matrix-person-files.ts";

export type Content = Readonly<Record<string, unknown>>;

export interface OutgoingFile {
  readonly bytes: Uint8Array;
  readonly name: string;
  /** Also decides whether it is an image, an audio, a video or a file. */
  readonly mimetype: string;
  readonly caption?: string;
  /** More of `info`, such as `w` and `h` or `duration`. */
  readonly info?: Content;
}

/** All that send an event resolve with its id. In an encrypted room what they send is encrypted. */
export interface Talk {
  /** Sends any event. */
  send(roomId: string, content: Content, type?: string): Promise<string>;
  /** A text. `more` goes into the content as it is: `{ msgtype: "m.emote" }`, a thread, mentions. */
  say(roomId: string, body: string, more?: Content): Promise<string>;
  sayFormatted(roomId: string, body: string, html: string): Promise<string>;
  edit(roomId: string, eventId: string, body: string): Promise<string>;
  reply(roomId: string, eventId: string, body: string): Promise<string>;
  react(roomId: string, eventId: string, key: string): Promise<string>;
  redact(roomId: string, eventId: string, reason?: string): Promise<string>;
  sendFile(roomId: string, file: OutgoingFile): Promise<string>;
  /** Typing ends by itself after 30 s. */
  setTyping(roomId: string, typing: boolean): Promise<void>;
  /** A public receipt on an event that came. */
  markRead(roomId: string, eventId: string): Promise<void>;
}

export function talkOf(client: MatrixClient, files: Files): Talk {
  const send: Talk["send"] = async (roomId, content, type = "m.room.message") => {
    // Into a room that it does not know yet the SDK sends in the clear, even if the room is encrypted.
    if (!client.getRoom(roomId)) throw new Error(`${client.getUserId()} does not know the room ${roomId}`);
    // The SDK's types know the events of the specification only.
    const sent = await client.sendEvent(
      roomId,
      type as keyof TimelineEvents,
      content as unknown as TimelineEvents[keyof TimelineEvents],
    );
    return sent.event_id;
  };
  const say: Talk["say"] = (roomId, body, more = {}) => send(roomId, { ...text(body), ...more });
  return {
    send,
    say,
    sayFormatted: (roomId, body, html) => say(roomId, body, { format: "org.matrix.custom.html", formatted_body: html }),
    edit: (roomId, eventId, body) =>
      say(roomId, `* ${body}`, {
        "m.new_content": text(body),
        "m.relates_to": { rel_type: "m.replace", event_id: eventId },
      }),
    reply: (roomId, eventId, body) => say(roomId, body, { "m.relates_to": { "m.in_reply_to": { event_id: eventId } } }),
    react: (roomId, eventId, key) =>
      send(roomId, { "m.relates_to": { rel_type: "m.annotation", event_id: eventId, key } }, EventType.Reaction),
    redact: async (roomId, eventId, reason) => {
      const sent = await client.redactEvent(roomId, eventId, undefined, reason === undefined ? {} : { reason });
      return sent.event_id;
    },
    sendFile: async (roomId, { bytes, name, mimetype, caption, info = {} }) => {
      const kind = /^(image|audio|video)\//.exec(mimetype)?.[1] ?? "file";
      const encrypted = client.getRoom(roomId)?.hasEncryptionStateEvent() ?? false;
      const where = encrypted
        ? { file: await files.uploadEncrypted(bytes) }
        : { url: await files.upload(bytes, mimetype) };
      const about = {
        msgtype: `m.${kind}`,
        body: caption ?? name,
        filename: name,
        info: { mimetype, size: bytes.length, ...info },
      };
      return send(roomId, { ...about, ...where, "m.mentions": {} });
    },
    setTyping: async (roomId, typing) => void (await client.sendTyping(roomId, typing, 30_000)),
    markRead: async (roomId, eventId) => {
      const event = client.getRoom(roomId)?.findEventById(eventId);
      if (!event) throw new Error(`${client.getUserId()} has not seen ${eventId}`);
      await client.sendReadReceipt(event);
    },
  };
}

/** Without `m.mentions` a server would look for names in the body (Client-Server API, "User and room mentions"). */
const text = (body: string): Content => ({ msgtype: "m.text", body, "m.mentions": {} });
