// Identifier grammar (client-server specification, appendices section 4.2; mxc: content repository). Whatever came from
// outside passes one of these before it is stored, compared or put into a URL (security.md M06, M08).

/** Appendices 4.2: bytes of a whole identifier, sigil and server included. */
const longestId = 255;
const longestServer = 230;

const hostName = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?$/;
const ipv6 = /^\[[0-9A-Fa-f:.]{2,45}\]$/;
/** Printable ASCII without the space: no id holds a line break or a control character. */
const printable = /^[\x21-\x7e]+$/;
/** Aliases and old user ids may be written in any script; never with white space, controls or unpaired surrogates. */
const anyScript = /^[^\s:\p{C}]+$/u;

export interface UserId {
  readonly localpart: string;
  readonly server: string;
}

/** `host`, `host:port`, `[v6]:port`. No scheme, no path, no user part. */
export function isServerName(text: string): boolean {
  if (text.length > longestServer) return false;
  const [, host = "", port = "0"] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  if (Number(port) > 65_535) return false;
  return host.startsWith("[") ? ipv6.test(host) : hostName.test(host) && !host.includes("..");
}

/** Any user id that a server may know, those of old with capitals and odd letters too. */
export function parseUserId(text: unknown): UserId | undefined {
  const parts = splitId(text, "@");
  return parts && { localpart: parts.name, server: parts.server };
}

export function isUserId(text: unknown): text is string {
  return parseUserId(text) !== undefined;
}

/** `#name:server`. */
export function isRoomAlias(text: unknown): text is string {
  return splitId(text, "#") !== undefined;
}

/** `!opaque:server`, or since room version 12 `!opaque`. */
export function isRoomId(text: unknown): text is string {
  if (!isOpaque(text, "!")) return false;
  const colon = text.indexOf(":");
  return colon < 0 || (colon > 1 && isServerName(text.slice(colon + 1)));
}

/** `$opaque`, in old rooms `$opaque:server`. */
export function isEventId(text: unknown): text is string {
  return isOpaque(text, "$");
}

export interface Mxc {
  readonly server: string;
  readonly mediaId: string;
}

/** `mxc://server/mediaId` and nothing else: no dots, query, fragment, escape or second slash (CVE-2024-50336). */
export function parseMxc(uri: unknown): Mxc | undefined {
  if (typeof uri !== "string" || uri.length > 600) return undefined;
  const [, server = "", mediaId = ""] = /^mxc:\/\/([^/?#]+)\/([A-Za-z0-9_-]{1,255})$/.exec(uri) ?? [];
  return isServerName(server) ? { server, mediaId } : undefined;
}

/** What a `matrix:` URI (appendices 4.3.1) or a matrix.to link (4.3.2) leads to. */
export interface MatrixLink {
  /** A user id, a room id or an alias. */
  readonly id: string;
  readonly event?: string;
}

/** Appendices 4.3.2: a link to somebody or a room, safe inside of an attribute. */
export function matrixLink(id: string): string {
  // The sigil and the colon as the specification's examples have them.
  const path = encodeURIComponent(id).replace("%40", "@").replaceAll("%3A", ":");
  return `https://matrix.to/#/${path.replaceAll("'", "%27")}`;
}

const kinds: ReadonlyMap<string, string> = new Map([
  ["u", "@"],
  ["user", "@"],
  ["r", "#"],
  ["room", "#"],
  ["roomid", "!"],
]);

/** Undefined when the text is no such link, or leads to no valid id. */
export function parseMatrixLink(text: string): MatrixLink | undefined {
  if (text.length > 2000) return undefined;
  const ids = matrixToParts(text) ?? matrixUriParts(text);
  if (ids === undefined) return undefined;
  const [id, event] = ids;
  if (!isUserId(id) && !isRoomAlias(id) && !isRoomId(id)) return undefined;
  if (event === undefined) return { id };
  return isEventId(event) ? { id, event } : undefined;
}

type LinkParts = readonly [id: string | undefined, event: string | undefined];

function matrixToParts(text: string): LinkParts | undefined {
  const [, path] = /^https?:\/\/matrix\.to\/#\/([^?]+)/i.exec(text) ?? [];
  if (path === undefined) return undefined;
  const [id, event] = path.split("/", 3).map(decoded);
  return [id, event];
}

function matrixUriParts(text: string): LinkParts | undefined {
  const [, kind = "", id = "", event] = /^matrix:([a-z]+)\/([^/?#]+)(?:\/e(?:vent)?\/([^/?#]+))?/i.exec(text) ?? [];
  const sigil = kinds.get(kind.toLowerCase());
  return sigil === undefined
    ? undefined
    : [`${sigil}${decoded(id) ?? ""}`, event === undefined ? event : `$${decoded(event) ?? ""}`];
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function isOpaque(text: unknown, sigil: string): text is string {
  return (
    typeof text === "string" &&
    text.length > 1 &&
    text.length <= longestId &&
    text.startsWith(sigil) &&
    printable.test(text)
  );
}

function splitId(text: unknown, sigil: string): { readonly name: string; readonly server: string } | undefined {
  if (typeof text !== "string" || !text.startsWith(sigil) || text.length > longestId) return undefined;
  const colon = text.indexOf(":");
  const name = text.slice(1, colon);
  const server = text.slice(colon + 1);
  if (colon < 0 || !anyScript.test(name) || Buffer.byteLength(text) > longestId) return undefined;
  return isServerName(server) ? { name, server } : undefined;
}
