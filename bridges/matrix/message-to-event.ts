// Messages to the content of events (client-server specification v1.17). Deterministic: the same message makes the same
// content, so that a retry repeats the first attempt.
import { BridgeError, type Json, type MessageRef, type OutgoingMessage, type RemoteId } from "#bridge";
import { geoUri } from "./events/message-content.ts";
import { field, text as asText } from "./events/shape.ts";
import { isEventId, isUserId } from "./ids.ts";
import { cleanLabel } from "./text/characters.ts";
import { markMentions, pillsIn, withoutPills } from "./text/pills.ts";
import { escapeHtml, htmlOf, stylingToHtml } from "./text/styling.ts";

export type EventContent = { readonly [key: string]: Json };

/** A file that lies in the media repository; encrypted when `file` says with what (the fields of EncryptedFile). */
export interface Upload {
  readonly mxc: string;
  readonly file?: EventContent;
  readonly name: string;
  readonly type: string;
  /** In bytes. */
  readonly size?: number;
  /** Pixels. */
  readonly width?: number;
  readonly height?: number;
  /** Milliseconds. */
  readonly duration?: number;
  /** MSC2448. */
  readonly blurhash?: string;
}

export interface ContentOptions {
  /** The room is encrypted: the event grows by a third on its way, so less fits in. */
  readonly encrypted?: boolean;
}

/** Content of an m.room.message. Throws BridgeError `reject` when the text does not fit into an event. */
export function messageContent(message: OutgoingMessage, options: ContentOptions = {}): EventContent {
  const content = { ...(place(message) ?? words(message)), ...mentions(message), ...relation(message) };
  return fitting(content, options);
}

/** Content of an m.room.message with a file; the message's text is its caption (v1.10). Throws as messageContent. */
export function fileContent(message: OutgoingMessage, upload: Upload, options: ContentOptions = {}): EventContent {
  const name = cleanLabel(upload.name.replace(/^.*[/\\]/s, ""), 200) || "file";
  const caption = withSubject(message);
  const { body, formatted_body } = wordsOfText(caption, message);
  const content = {
    msgtype: msgtypeOf(upload.type),
    filename: name,
    body: caption === "" ? name : body,
    ...(formatted_body === undefined ? {} : html(formatted_body)),
    ...(upload.file === undefined ? { url: upload.mxc } : { file: { ...upload.file, url: upload.mxc } }),
    info: infoOf(upload),
    ...mentions(message),
    ...relation(message),
  };
  return fitting(content, options);
}

/** Content of the m.room.message that replaces `target`, always the first version's id. Throws as messageContent. */
export function editContent(target: RemoteId, message: OutgoingMessage, options: ContentOptions = {}): EventContent {
  const { formatted_body: formatted, body, ...rest } = words(message);
  const content = {
    // What clients that know no replacements show.
    ...rest,
    body: `* ${body}`,
    ...(formatted === undefined ? {} : { formatted_body: `* ${formatted}` }),
    "m.new_content": { ...words(message), ...mentions(message) },
    // Here stand those that the edit newly mentions: nobody is called a second time.
    "m.mentions": {},
    "m.relates_to": { rel_type: "m.replace", event_id: target },
  };
  return fitting(content, options);
}

/** Content of an m.reaction. */
export function reactionContent(target: RemoteId, emoji: string): EventContent {
  return { "m.relates_to": { rel_type: "m.annotation", event_id: target, key: qualified(emoji) } };
}

/**
 * An emoji that is shown as text by default needs U+FE0F behind it: Matrix compares reactions by their characters and
 * counts the fully-qualified form (client-server specification, m.annotation). XMPP clients often leave it out.
 */
export function qualified(emoji: string): string {
  return emoji.replace(/[#*0-9](?=\u20e3)|(?![#*0-9])\p{Emoji}(?!\p{Emoji_Modifier}|[\ufe0e\ufe0f])/gu, (character) =>
    /\p{Emoji_Presentation}/u.test(character) ? character : `${character}\ufe0f`,
  );
}

/**
 * The thread that a message goes to: the first event of it. The context of what `eventToIncoming` makes names it. XMPP clients
 * make up thread ids as they like, and in chats of two many give one to everything they send; in a room it is meant.
 */
export function threadOf({
  thread,
  replyTo,
  threadLast,
  peer,
}: Pick<OutgoingMessage, "thread" | "replyTo" | "threadLast" | "peer">): RemoteId | undefined {
  if (isEventId(thread)) return thread;
  const ofReply = asText(field(replyTo?.context, "thread"));
  if (isEventId(ofReply)) return ofReply;
  if (peer.kind !== "room" || threadLast === undefined) return undefined;
  // What was said first in it has no thread of its own yet.
  const first = asText(field(threadLast.context, "thread")) ?? threadLast.id;
  return isEventId(first) ? first : undefined;
}

/** What XMPP clients send as a place is a `geo:` URI and nothing else. */
function place({ text, subject }: OutgoingMessage): EventContent | undefined {
  const uri = text.trim();
  return subject === undefined && geoUri.test(uri) ? { msgtype: "m.location", body: uri, geo_uri: uri } : undefined;
}

interface Words {
  readonly msgtype: string;
  readonly body: string;
  readonly format?: string;
  readonly formatted_body?: string;
}

/** XEP-0245: `/me ` is an emote, and no part of its text. */
function words(message: OutgoingMessage): Words {
  const text = withSubject(message);
  return /^\/me \S/.test(text)
    ? { msgtype: "m.emote", ...wordsOfText(text.slice(4), message) }
    : { msgtype: "m.text", ...wordsOfText(text, message) };
}

/** Matrix messages have no subject: it is not lost. With marks where people are mentioned. */
function withSubject({ subject, text, mentions = [] }: OutgoingMessage): string {
  const marked = markMentions(text, mentions).text;
  return subject === undefined ? marked : `Subject: ${withoutPills(subject)}\n${marked}`.trimEnd();
}

/** `marked` is of `withSubject`. */
function wordsOfText(marked: string, { text, mentions = [], spoiler }: OutgoingMessage): Omit<Words, "msgtype"> {
  const body = withoutPills(marked);
  const { ids } = markMentions(text, mentions);
  if (spoiler !== undefined && body !== "") return hidden(spoiler, body, pillsIn(htmlOf(marked), ids));
  const formatted = ids.length === 0 ? stylingToHtml(body) : pillsIn(htmlOf(marked), ids);
  return formatted === undefined ? { body } : { body, ...html(formatted) };
}

/** "Spoiler messages" (v1.1). Clients without HTML show the words: nothing is kept from anybody, only marked. */
function hidden(reason: string, body: string, formatted: string): Omit<Words, "msgtype"> {
  const mark = reason === "" ? "data-mx-spoiler" : `data-mx-spoiler="${escapeHtml(reason)}"`;
  return {
    body: `[Spoiler${reason === "" ? "" : `: ${reason}`}] ${body}`,
    ...html(`<span ${mark}>${formatted}</span>`),
  };
}

function html(formatted: string): { readonly format: string; readonly formatted_body: string } {
  return { format: "org.matrix.custom.html", formatted_body: formatted };
}

/** Always there: without it old rules look for names in the text (v1.7). `@room` calls everybody, where the user may. */
function mentions({ mentions: people = [], peer, text }: OutgoingMessage): { readonly "m.mentions": EventContent } {
  const users = [...new Set(people.map(({ id }) => id).filter((id) => isUserId(id)))];
  const isForAll = peer.kind === "room" && /(?<![^\s(*_])@room(?![\p{L}\p{N}_:.@-])/u.test(text);
  return {
    "m.mentions": { ...(users.length === 0 ? {} : { user_ids: users }), ...(isForAll ? { room: true } : {}) },
  };
}

/** A reply has no fallback in its text since v1.13. In a thread, what is no reply points at the newest message. */
function relation(message: OutgoingMessage): EventContent {
  const reply = idOf(message.replyTo);
  const thread = threadOf(message);
  if (thread !== undefined) {
    return {
      "m.relates_to": {
        rel_type: "m.thread",
        event_id: thread,
        is_falling_back: reply === undefined,
        "m.in_reply_to": { event_id: reply ?? idOf(message.threadLast) ?? thread },
      },
    };
  }
  return reply === undefined ? {} : { "m.relates_to": { "m.in_reply_to": { event_id: reply } } };
}

function idOf(ref: MessageRef | undefined): RemoteId | undefined {
  return isEventId(ref?.id) ? ref.id : undefined;
}

function msgtypeOf(type: string): string {
  const [kind = ""] = type.toLowerCase().split("/", 1);
  return ["image", "audio", "video"].includes(kind) ? `m.${kind}` : "m.file";
}

/** Only what the specification has for that kind of file. */
function infoOf({ type, size, width, height, duration, blurhash }: Upload): EventContent {
  const kind = msgtypeOf(type);
  const isSeen = kind === "m.image" || kind === "m.video";
  const isPlayed = kind === "m.audio" || kind === "m.video";
  return {
    mimetype: type,
    ...(size === undefined ? {} : { size }),
    ...(width === undefined || !isSeen ? {} : { w: width }),
    ...(height === undefined || !isSeen ? {} : { h: height }),
    ...(duration === undefined || !isPlayed ? {} : { duration }),
    ...(blurhash === undefined || !isSeen ? {} : { "xyz.amorgan.blurhash": blurhash }),
  };
}

/** An event may have 65,536 bytes; ids, signatures, hashes and unsigned data of the servers come to the content. */
const mostBytes = 60_000;
/** The same as base64 in an m.room.encrypted, with room for what encryption adds. */
const mostEncryptedBytes = 44_000;

/** The content, without its HTML when only that makes it too big. */
function fitting(content: EventContent, { encrypted = false }: ContentOptions): EventContent {
  const limit = encrypted ? mostEncryptedBytes : mostBytes;
  if (bytesOf(content) <= limit) return content;
  const plain = withoutHtml(content);
  const bytes = bytesOf(plain);
  if (bytes <= limit) return plain;
  throw new BridgeError(
    "reject",
    `The message is too long for Matrix: it takes ${bytes} bytes, and at most ${limit} fit into one. Send it in parts.`,
  );
}

function bytesOf(content: EventContent): number {
  return Buffer.byteLength(JSON.stringify(content));
}

function withoutHtml(content: EventContent): EventContent {
  const { format: _, formatted_body: __, ...plain } = content;
  const inner = plain["m.new_content"];
  if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return plain;
  return { ...plain, "m.new_content": withoutHtml(inner as EventContent) };
}
