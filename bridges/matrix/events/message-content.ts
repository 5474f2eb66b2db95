// The content of m.room.message as text and files (client-server specification, "m.room.message msgtypes").
import type { IncomingAttachment } from "#bridge";
import { cleanLabel, cleanText } from "../text/characters.ts";
import { htmlToStyling } from "../text/html.ts";
import { hasStyling } from "../text/styling.ts";
import { textBlock } from "./extensible.ts";
import { attachmentOf } from "./media.ts";
import { at, field, firstText, text } from "./shape.ts";

export interface Content {
  readonly text: string;
  /** The sender meant no styling by it. */
  readonly unstyled?: true;
  /** All of it is one: "", or what it is about. */
  readonly spoiler?: string;
  /** From a machine: shown without ringing, never answered (security.md M05). */
  readonly automatic?: true;
  readonly attachments?: readonly IncomingAttachment[];
}

const media = new Set(["m.image", "m.file", "m.audio", "m.video"]);

/** What a message says. Never empty: a message without words and files tells that it has none. */
export function contentOf(content: unknown, isReply: boolean): Content {
  const kind = text(field(content, "msgtype")) ?? "m.text";
  if (media.has(kind)) return mediaContent(content, kind, isReply);
  const words = wordsOf(content, isReply);
  switch (kind) {
    case "m.emote":
      return { ...words, text: `/me ${words.text}` };
    case "m.notice":
    case "m.server_notice":
      return { ...words, automatic: true };
    case "m.location":
      return { text: location(content, words.text) };
    case "m.key.verification.request":
      return {
        text: "Asks to verify your devices with each other. That cannot be done from here: use a Matrix program.",
        automatic: true,
      };
    default:
      return words;
  }
}

/** A sticker: a picture and its name. */
export function stickerContent(content: unknown): Content {
  return { text: "", attachments: [attachmentOf(content, "m.sticker")] };
}

/** Since v1.10 `body` is a caption when `filename` stands beside it and says something else. */
function mediaContent(content: unknown, kind: string, isReply: boolean): Content {
  const name = text(field(content, "filename"));
  const isCaption = name !== undefined && name !== "" && field(content, "body") !== name;
  const caption = isCaption ? words(content, isReply) : undefined;
  return { ...(caption ?? { text: "" }), attachments: [attachmentOf(content, kind)] };
}

function wordsOf(content: unknown, isReply: boolean): Content {
  return words(content, isReply) ?? { text: textBlock(content) ?? "[A message without text.]", unstyled: true };
}

function words(content: unknown, isReply: boolean): Content | undefined {
  const html = text(field(content, "formatted_body"));
  const styled =
    html !== undefined && field(content, "format") === "org.matrix.custom.html" ? htmlToStyling(html) : undefined;
  if (styled !== undefined) return { text: styled, ...spoilerOf(html ?? "") };
  const body = text(field(content, "body"));
  const plain = cleanText(body === undefined || !isReply ? (body ?? "") : withoutReplyFallback(body));
  if (plain === "") return undefined;
  return hasStyling(plain) ? { text: plain, unstyled: true } : { text: plain };
}

/** The whole message in one `data-mx-spoiler`. Its words say so too, for clients that know no spoilers. */
function spoilerOf(html: string): Pick<Content, "spoiler"> {
  const whole = /^\s*<span\s+data-mx-spoiler(?:\s*=\s*"([^"<]{0,400})")?\s*>((?:(?!<\/?span\b)[^])*)<\/span>\s*$/i.exec(
    html,
  );
  return whole === null ? {} : { spoiler: cleanLabel(htmlToStyling(whole[1] ?? "") ?? "", 200) };
}

/** Clients before v1.13 quote what they answer: `> <@alice:example.org> words`, then an empty line. */
const fallbackStart = /^> (?:\* )?<@[^>\s]{1,255}>/;

function withoutReplyFallback(body: string): string {
  if (!fallbackStart.test(body)) return body;
  const lines = body.split("\n");
  const end = lines.findIndex((line) => !line.startsWith(">"));
  return end < 0 ? body : lines.slice(lines[end] === "" ? end + 1 : end).join("\n");
}

/** RFC 5870, as far as clients write it. */
export const geoUri =
  /^geo:-?\d{1,3}(?:\.\d{1,15})?,-?\d{1,3}(?:\.\d{1,15})?(?:,-?[\d.]{1,15})?(?:;[\w=.;-]{1,100})?$/i;

/** The place as words and as a URI that programs open. */
export function location(content: unknown, body: string): string {
  const uri = firstText(
    field(content, "geo_uri"),
    at(content, "m.location", "uri"),
    at(content, "org.matrix.msc3488.location", "uri"),
  );
  if (uri === undefined || !geoUri.test(uri)) return body;
  return body.includes(uri) ? body : `${cleanLabel(body, 500)}\n${uri}`;
}
