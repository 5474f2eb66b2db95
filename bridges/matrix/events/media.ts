// Attachments of m.image, m.file, m.audio, m.video and m.sticker (client-server specification, "m.room.message msgtypes"
// and "Sending encrypted attachments").
import type { IncomingAttachment, Json } from "#bridge";
import { parseMxc } from "../ids.ts";
import { cleanLabel } from "../text/characters.ts";
import { at, count, field, firstText, text } from "./shape.ts";

/** Where a file is and how to decrypt it: what `openFile` gets. All fields are checked. */
export type MediaSource =
  | { readonly mxc: string }
  | { readonly file: { readonly url: string; readonly key: string; readonly iv: string; readonly sha256: string } };

/** Reads a source again after it went through storage; undefined when it is none. */
export function readMediaSource(source: Json): MediaSource | undefined {
  const mxc = text(field(source, "mxc"));
  if (parseMxc(mxc) !== undefined) return { mxc: mxc ?? "" };
  const [url, key, iv, sha256] = ["url", "key", "iv", "sha256"].map((name) => text(at(source, "file", name)));
  return checkedFile(url, key, iv, sha256);
}

const ofType: ReadonlyMap<string, string> = new Map([
  ["m.image", "image"],
  ["m.sticker", "image"],
  ["m.video", "video"],
  ["m.audio", "audio"],
]);

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
  };
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
  // Version 2 is AES-CTR with a 256 bit key; there is no other in use.
  if (field(file, "v") !== "v2" || at(file, "key", "alg") !== "A256CTR" || at(file, "key", "kty") !== "oct")
    return undefined;
  return checkedFile(
    text(field(file, "url")),
    text(at(file, "key", "k")),
    text(field(file, "iv")),
    text(at(file, "hashes", "sha256")),
  );
}

function checkedFile(url?: string, key?: string, iv?: string, sha256?: string): MediaSource | undefined {
  if (url === undefined || key === undefined || iv === undefined || sha256 === undefined) return undefined;
  const isWhole = hasBytes(key, 32) && hasBytes(iv, 16) && hasBytes(sha256, 32);
  return isWhole && parseMxc(url) !== undefined ? { file: { url, key, iv, sha256 } } : undefined;
}

/** Base64 of either alphabet, padded or not, of that many bytes. */
function hasBytes(base64: string, bytes: number): boolean {
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(base64) && Buffer.from(base64, "base64").length === bytes;
}

function defined<Name extends string>(name: Name, value: number | undefined): { readonly [name in Name]?: number } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [name in Name]: number });
}
