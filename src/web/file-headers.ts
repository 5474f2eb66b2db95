// What the head of an answer says about a file that anybody may have made (security.md H04, H09).

/** What a browser shows without running anything. By exact match: a type with parameters or white space is another one. */
const shown: ReadonlySet<string> = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "image/avif",
  "audio/mpeg",
  "audio/ogg",
  "audio/opus",
  "audio/mp4",
  "audio/aac",
  "audio/flac",
  "audio/wav",
  "audio/webm",
  "video/mp4",
  "video/webm",
  "video/ogg",
]);

/** Everything else is bytes to be saved, whatever the network calls it. */
export function fileHeaders(type: string, name: string): Record<string, string> {
  const inline = shown.has(type);
  return {
    "content-type": inline ? type : "application/octet-stream",
    "content-disposition": `${inline ? "inline" : "attachment"}; ${fileName(name)}`,
    "cache-control": "private, no-store",
    "accept-ranges": "bytes",
  };
}

const longestName = 200;

/** RFC 6266 section 4.3, with the encoding of RFC 8187. */
function fileName(name: string): string {
  const clean = [...name.toWellFormed().replace(/[\p{Cc}\p{Cf}/\\]/gu, "_")].slice(-longestName).join("") || "file";
  const plain = clean.replace(/[^\x20-\x7e]|["%]/g, "_");
  const encoded = encodeURIComponent(clean).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return `filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** One range of bytes (RFC 9110 section 14.1.2); undefined for none, several, or what has to be counted from the end. */
export function readRange(header: string | undefined): { start: number; end: number | undefined } | undefined {
  const [, first, last] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (first === undefined) return undefined;
  const start = Number(first);
  const end = last ? Number(last) : undefined;
  return end !== undefined && end < start ? undefined : { start, end };
}
