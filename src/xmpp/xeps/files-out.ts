// Files on their way to a user, as links. XEP-0066 (Out of Band Data), 0447 (Stateless file sharing) with 0446 (File
// metadata), 0264 (thumbnails) and 0300 (hashes), 0428 (fallback).
import type { IncomingAttachment } from "#bridge";
import { NS } from "../ns.ts";
import { type Element, el } from "../stanza.ts";
import { blurhashType, blurhashUri } from "./files-in.ts";
import { type BodyRange, fallbackFor } from "./fallback.ts";

/** An attachment that can be downloaded. */
export interface LinkedFile {
  readonly url: string;
  readonly file: IncomingAttachment;
  /** The link to its thumbnail. */
  readonly thumbnail?: string;
}

/** The body of a message with files, and the elements that go beside it. */
export interface BodyWithFiles {
  readonly body: string;
  readonly elements: readonly Element[];
}

/**
 * One file without words is the link alone: clients that know XEP-0066 only show a file when the body is its URL and
 * nothing else. Otherwise the links stand below the text, one a line, marked as said by the elements.
 */
export function withFiles(text: string, files: readonly LinkedFile[]): BodyWithFiles {
  const [first] = files;
  if (first === undefined) return { body: text, elements: [] };
  if (text === "" && files.length === 1) {
    const oob = el("x", { xmlns: NS.oob }, el("url", {}, first.url));
    return { body: first.url, elements: [oob, sharing(first), fallbackFor(NS.fileSharing)] };
  }
  let body = text;
  const ranges: BodyRange[] = files.map(({ url }) => {
    const start = [...body].length;
    body += body === "" ? url : `\n${url}`;
    return { start, end: [...body].length };
  });
  return { body, elements: [...files.map(sharing), fallbackFor(NS.fileSharing, ranges)] };
}

/** XEP-0447 section 3.1. */
function sharing({ url, file, thumbnail }: LinkedFile): Element {
  const disposition = /^(image|audio|video)\//.test(file.type) ? "inline" : "attachment";
  return el(
    "file-sharing",
    { xmlns: NS.fileSharing, disposition },
    metadata(file, thumbnails(file, thumbnail)),
    el("sources", {}, el("url-data", { xmlns: NS.urlData, target: url })),
  );
}

/** XEP-0446 section 2. What the network says is not always what it should be: then it is left out. */
function metadata(
  { name, type, size, width, height, duration, sha256 }: IncomingAttachment,
  pictures: readonly Element[],
): Element {
  const number = (tag: string, value: number | undefined) => (isCount(value) ? el(tag, {}, String(value)) : undefined);
  const hash = /^[A-Za-z0-9+/]{43}(?==?$)/.exec(sha256 ?? "")?.[0];
  return el(
    "file",
    { xmlns: NS.fileMetadata },
    /^[\w.+-]+\/[\w.+-]+$/.test(type) ? el("media-type", {}, type) : undefined,
    name ? el("name", {}, name.replace(/[/\\]/g, "_")) : undefined,
    number("size", size),
    number("width", width),
    number("height", height),
    number("length", duration),
    hash && el("hash", { xmlns: NS.hashes, algo: "sha-256" }, `${hash}=`),
    ...pictures,
  );
}

/** XEP-0264 section 3. What is drawn of a BlurHash has the picture's own proportions. */
function thumbnails({ thumbnail, blurhash, width, height }: IncomingAttachment, url: string | undefined): Element[] {
  const picture = (uri: string, type: string, w: number | undefined, h: number | undefined) => {
    const size = isCount(w) && isCount(h) ? { width: w, height: h } : {};
    return el("thumbnail", { xmlns: NS.thumbnails, uri, "media-type": type, ...size });
  };
  const isType = /^image\/[\w.+-]+$/.test(thumbnail?.type ?? "");
  return [
    ...(thumbnail && url && isType ? [picture(url, thumbnail.type, thumbnail.width, thumbnail.height)] : []),
    ...(blurhash ? [picture(blurhashUri + encodeURIComponent(blurhash), blurhashType, width, height)] : []),
  ];
}

const isCount = (value: number | undefined): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
