// A mail as a tree of parts with decoded bytes. postal-mime does the MIME; which part is the text, and in which
// charset, is decided here, because the library guesses charsets that it does not know (email.md 15).
import PostalMime from "postal-mime";

export interface Part {
  /** Lower case, "text/plain" by default. */
  readonly type: string;
  /** Parameters of Content-Type, lower-case names, RFC 2231 decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Content-Disposition without parameters, lower case; empty when absent. */
  readonly disposition: string;
  /** As the sender wrote it, encoded words not decoded. */
  readonly fileName: string | undefined;
  readonly contentId: string | undefined;
  /** Content transfer decoded; empty for multiparts. */
  readonly bytes: Uint8Array;
  readonly children: readonly Part[];
}

export interface TreeLimits {
  readonly parts: number;
  readonly depth: number;
  readonly headerBytes: number;
}

/** E16: what a mail may be made of. */
export const treeLimits: TreeLimits = { parts: 1000, depth: 64, headerBytes: 1024 * 1024 };

/** The mail is above a limit. `message` ends a sentence that begins "it could not be shown because". */
export class TooComplex extends Error {
  override readonly name = "TooComplex";
}

/** Parses a whole mail. Throws TooComplex. */
export async function parseTree(raw: Uint8Array, limits: TreeLimits = treeLimits): Promise<Part> {
  // Counted before parsing: a million empty parts cost the library 20 s and 1.8 GB.
  if (countBoundaries(raw, limits.parts * 2) > limits.parts * 2) throw new TooComplex("it has too many parts");
  const parser = new PostalMime({
    maxNestingDepth: limits.depth,
    maxHeadersSize: limits.headerBytes,
    forceRfc822Attachments: true,
  });
  // Only the tree is wanted. The library's own texts would cost a second decoding and an HTML conversion.
  Object.assign(parser, { collectNode: async () => {}, renderTextContent: () => {} });
  try {
    await parser.parse(raw);
  } catch (error) {
    if (error instanceof Error && /nesting depth/i.test(error.message))
      throw new TooComplex("its parts are nested too deeply");
    if (error instanceof Error && /header size/i.test(error.message)) throw new TooComplex("its header is too long");
    throw error;
  }
  const budget = { parts: limits.parts };
  return toPart(Reflect.get(parser, "root"), budget, 0);
}

/** Lines that may be boundaries: "--" and at least one more character that is no space. Stops above `enough`. */
function countBoundaries(raw: Uint8Array, enough: number): number {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const declared = declaredBoundaries(bytes);
  if (declared.size === 0) return 0;
  let count = 0;
  for (let at = bytes.indexOf("\n--"); at >= 0 && count <= enough; at = bytes.indexOf("\n--", at + 3)) {
    const newline = bytes.indexOf(0x0a, at + 3);
    const end = Math.min(newline < 0 ? bytes.length : newline, at + 3 + 200);
    const line = bytes.toString("latin1", at + 3, end).trimEnd();
    if (declared.has(line) || (line.endsWith("--") && declared.has(line.slice(0, -2)))) count += 1;
  }
  return count;
}

function declaredBoundaries(bytes: Buffer): Set<string> {
  const declared = new Set<string>();
  for (let at = bytes.indexOf("oundary"); at >= 0 && declared.size < 5000; at = bytes.indexOf("oundary", at + 7)) {
    const value = /^oundary(?:\*\d?\*?)?\s{0,20}=\s{0,20}(?:"([^"\r\n]{1,200})"|([^\s;"]{1,200}))/.exec(
      bytes.toString("latin1", at, at + 300),
    );
    const boundary = value?.[1] ?? value?.[2];
    if (boundary !== undefined) declared.add(boundary.trimEnd());
  }
  return declared;
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

/**
 * The library's node, which its types do not show, as plain data; postal-mime is pinned exactly, and every test of the
 * bridge fails when this shape changes.
 */
function toPart(node: unknown, budget: { parts: number }, depth: number): Part {
  if (!isFields(node) || depth > 300) throw new Error("postal-mime no longer exposes its tree");
  budget.parts -= 1;
  if (budget.parts < 0) throw new TooComplex("it has too many parts");
  const contentType = structured(node["contentType"]);
  const disposition = structured(node["contentDisposition"]);
  const content = node["content"];
  const childNodes = node["childNodes"];
  const contentId = node["contentId"];
  return {
    type: contentType.value === "" ? "text/plain" : contentType.value,
    params: contentType.params,
    disposition: disposition.value,
    fileName: disposition.params["filename"] ?? contentType.params["name"],
    contentId: typeof contentId === "string" ? contentId : undefined,
    bytes:
      content instanceof ArrayBuffer
        ? new Uint8Array(content)
        : content instanceof Uint8Array
          ? content
          : new Uint8Array(),
    children: Array.isArray(childNodes) ? childNodes.map((child) => toPart(child, budget, depth + 1)) : [],
  };
}

function structured(field: unknown): { value: string; params: Record<string, string> } {
  const parsed = isFields(field) ? field["parsed"] : undefined;
  if (!isFields(parsed)) return { value: "", params: {} };
  const params: Record<string, string> = Object.create(null);
  if (isFields(parsed["params"])) {
    for (const [name, value] of Object.entries(parsed["params"])) if (typeof value === "string") params[name] = value;
  }
  return { value: typeof parsed["value"] === "string" ? parsed["value"].trim() : "", params };
}
