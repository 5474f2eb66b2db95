// Attachments of m.image, m.file, m.audio, m.video and m.sticker (client-server specification, "m.room.message msgtypes"
// and "Sending encrypted attachments").
import type { IncomingAttachment, Json } from "#bridge";
import { checkSealedFile, parseSealedFile, type SealedFile } from "../crypto/attachments.ts";
import { parseMxc } from "../ids.ts";
import { cleanLabel } from "../text/characters.ts";
import { count, field, firstText, text } from "./shape.ts";

/** Where a file is and how to decrypt it: what `openFile` gets. All fields are checked. */
export type MediaSource = { readonly mxc: string } | { readonly file: SealedFile };

/** Reads a source again after it went through storage; undefined when it is none. */
export function readMediaSource(source: Json): MediaSource | undefined {
  const mxc = text(field(source, "mxc"));
  if (mxc !== undefined && parseMxc(mxc) !== undefined) return { mxc };
  const file = checkSealedFile(field(source, "file"));
  return file && { file };
}

const ofType: ReadonlyMap<string, string> = new Map([
  ["m.image", "image"],
  ["m.sticker", "image"],
  ["m.video", "video"],
  ["m.audio", "audio"],
]);

/** The picture of a person or a room: `avatar_url` or `url` of a profile or an event. */
export function avatarIn(content: unknown, key: string): string | undefined {
  const mxc = text(field(content, key));
  return mxc !== undefined && parseMxc(mxc) !== undefined ? mxc : undefined;
}

export function attachmentOf(content: unknown, type: string): IncomingAttachment {
  const info = field(content, "info");
  const source = sourceOf(content);
  return {
    name: fileName(firstText(field(content, "filename"), field(content, "body")) ?? "", ofType.get(type) ?? "file"),
    type: mediaType(field(info, "mimetype")),
    ...defined("size", count(field(info, "size"))),
    ...defined("width", count(field(info, "w"))),
    ...defined("height", count(field(info, "h"))),
    ...defined("duration", count(field(info, "duration"))),
    ...(source === undefined ? {} : { source }),
    ...thumbnailOf(info),
    ...blurhashOf(info),
  };
}

/** `thumbnail_url`, or `thumbnail_file` where it is encrypted ("ThumbnailInfo"). */
function thumbnailOf(info: unknown): Pick<IncomingAttachment, "thumbnail"> {
  const source = sourceOf({ file: field(info, "thumbnail_file"), url: field(info, "thumbnail_url") });
  if (source === undefined) return {};
  const about = field(info, "thumbnail_info");
  const size = { ...defined("width", count(field(about, "w"))), ...defined("height", count(field(about, "h"))) };
  return { thumbnail: { type: mediaType(field(about, "mimetype")), source, ...size } };
}

/** MSC2448, as clients write it: base 83. */
function blurhashOf(info: unknown): Pick<IncomingAttachment, "blurhash"> {
  const hash = text(field(info, "xyz.amorgan.blurhash"));
  return hash !== undefined && /^[0-9A-Za-z#$%*+,\-.:;=?@[\]^_{|}~]{6,200}$/.test(hash) ? { blurhash: hash } : {};
}

/** XML has no type for it, so it is only a label; `type/subtype` of RFC 6838 section 4.2, without parameters. */
function mediaType(type: unknown): string {
  const [, plain] = /^([\w.+-]{1,64}\/[\w.+-]{1,64})(?:;|$)/.exec(text(type) ?? "") ?? [];
  return plain?.toLowerCase() ?? "application/octet-stream";
}

/** A label and never a path (E17): what stands before a slash goes, and so does what is not seen. */
function fileName(name: string, fallback: string): string {
  const label = cleanLabel(name.slice(-400).replace(/^.*[/\\]/s, ""), 200);
  return /^\.*$/.test(label) ? fallback : label;
}

function sourceOf(content: unknown): MediaSource | undefined {
  const file = field(content, "file");
  if (file === undefined) {
    const mxc = text(field(content, "url"));
    return mxc !== undefined && parseMxc(mxc) !== undefined ? { mxc } : undefined;
  }
  const sealed = parseSealedFile(file);
  return sealed && { file: sealed };
}

function defined<Name extends string>(name: Name, value: number | undefined): { readonly [name in Name]?: number } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [name in Name]: number });
}
