// A file that a user shares: the link that their client got for an upload. XEP-0447 (Stateless file sharing) with 0446
// (File metadata) and XEP-0264 (thumbnails), or XEP-0066 (Out of Band Data) where the URL is the whole body.
import type { OutgoingFile } from "#bridge";
import { NS } from "../ns.ts";
import { attr, child, children, type Element, textOf } from "../stanza.ts";
import { withoutFallback } from "./fallback.ts";

export interface SharedFile {
  readonly file: OutgoingFile;
  /** What is left of the body: the caption. May be empty. */
  readonly text: string;
}

/** The first file of a stanza whose body is `text`; undefined when it shares none that has an http(s) URL. */
export function sharedFile(stanza: Element, text: string): SharedFile | undefined {
  const sharing = child(stanza, "file-sharing", NS.fileSharing);
  const target = sharing && sourceOf(sharing);
  if (sharing && target) {
    const caption = withoutFallback(text, stanza, NS.fileSharing).trim();
    const file = described(target, child(sharing, "file", NS.fileMetadata));
    return { file, text: caption === target ? "" : caption };
  }
  const oob = child(stanza, "x", NS.oob);
  const url = oob && webUrl(textOf(oob, "url", NS.oob)?.trim());
  return url !== undefined && url === text.trim() ? { file: described(url, undefined), text: "" } : undefined;
}

function sourceOf(sharing: Element): string | undefined {
  const sources = child(sharing, "sources", NS.fileSharing);
  const targets = sources ? children(sources, "url-data", NS.urlData).map((source) => attr(source, "target")) : [];
  return targets.map(webUrl).find((url) => url !== undefined);
}

const longestUrl = 4_096;

/** Which hosts are asked is the guarded fetch's to decide. */
function webUrl(text: string | undefined): string | undefined {
  return text !== undefined && text.length <= longestUrl && /^https?:\/\//i.test(text) && URL.canParse(text)
    ? text
    : undefined;
}

function described(url: string, metadata: Element | undefined): OutgoingFile {
  const told = (name: string) => (metadata ? textOf(metadata, name, NS.fileMetadata)?.trim() : undefined);
  const name = fileName(told("name") ?? "") ?? fileName(lastPart(url));
  const type = told("media-type")?.toLowerCase();
  const number = (tag: string, field: "size" | "width" | "height" | "duration") => {
    const value = told(tag) ?? "";
    return /^\d{1,15}$/.test(value) ? { [field]: Number(value) } : {};
  };
  const blurhash = metadata && blurhashOf(metadata);
  return {
    url,
    ...(name === undefined ? {} : { name }),
    ...(type !== undefined && /^[\w.+-]{1,100}\/[\w.+-]{1,100}$/.test(type) ? { type } : {}),
    ...number("size", "size"),
    ...number("width", "width"),
    ...number("height", "height"),
    ...number("length", "duration"),
    ...(blurhash === undefined ? {} : { blurhash }),
  };
}

/** How clients write a BlurHash as a thumbnail (XEP-0264): a data URI (RFC 2397). */
export const blurhashType = "image/blurhash";
export const blurhashUri = `data:${blurhashType},`;

/** https://github.com/woltapp/blurhash: base 83, of 6 characters and more. */
const isBlurhash = /^[0-9A-Za-z#$%*+,\-.:;=?@[\]^_{|}~]{6,200}$/;

function blurhashOf(metadata: Element): string | undefined {
  const uris = children(metadata, "thumbnail", NS.thumbnails).map((one) => attr(one, "uri") ?? "");
  const data = uris.find((uri) => uri.startsWith(blurhashUri) && uri.length < 1_000)?.slice(blurhashUri.length);
  try {
    const hash = decodeURIComponent(data ?? "");
    return isBlurhash.test(hash) ? hash : undefined;
  } catch {
    return undefined;
  }
}

function lastPart(url: string): string {
  const part = new URL(url).pathname.split("/").at(-1) ?? "";
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A name is a label, never a path. Undefined when nothing is left of it. */
function fileName(text: string): string | undefined {
  const name = (text.split(/[/\\]/).at(-1) ?? "").replace(/[\p{Cc}\p{Cf}]/gu, "").trim();
  return /^\.*$/.test(name) ? undefined : [...name].slice(-200).join("");
}
