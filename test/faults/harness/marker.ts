// What a test message says: a marker that names it, and a payload that breaks whatever can break on the way.
import { createHash } from "node:crypto";

export interface Marker {
  /** The whole marker: run, lane, sequence number and the first 8 hex digits of the payload's hash. */
  readonly text: string;
  readonly run: string;
  readonly lane: string;
  readonly seq: number;
}

export interface Marked extends Marker {
  /** The payload is the one the marker was made for. */
  readonly intact: boolean;
}

/** In every payload: it must never show up in a log (L9). */
export const bodyCanary = "xyzzy-body-canary";

const pattern = /\b([0-9a-z]+)-([a-z]+[0-9]+)-([0-9]+)-([0-9a-f]{8})\b/;

/**
 * A message: the marker on the first line, the payload after it. The payload has characters of one to four bytes, an
 * emoji of several code points, markup, both kinds of line end, a blank line, spaces at a line's end, a line longer than
 * any mail line, and a tail of 200 bytes.
 */
export function composeMarked(
  run: string,
  lane: string,
  seq: number,
): { readonly marker: Marker; readonly text: string } {
  const tail = createHash("sha512").update(`${run}-${lane}-${seq}`).digest("hex").repeat(2).slice(0, 200);
  const words = Array.from({ length: 40 }, (_, index) => `wörd${index}`).join(" ");
  const payload = [
    `Grüße aus Köln, 你好, שלום, 👩‍💻🎉, ${bodyCanary}\r\n`,
    `<b>&amp;</b> <&> "quoted" 'single' ]]> \u{1d11e}\n`,
    "spaces at the end   \r\n",
    `\n${words}\n`,
    `${tail}\n`,
  ].join("");
  const sha8 = hashOf(payload);
  const text = `${run}-${lane}-${seq}-${sha8}`;
  return { marker: { text, run, lane, seq }, text: `${text}\n${payload}` };
}

/**
 * The documented cleaning, which is all that may differ: line ends are LF (XML 1.0 section 2.11 and RFC 5322 both change
 * them), a line has no white space at its end (RFC 3676 section 4.2 takes it for a soft break), a text has no blank lines
 * at its end.
 */
export function normalise(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(/[ \t]+$/gm, "")
    .replace(/\n+$/, "");
}

const hashOf = (payload: string): string => createHash("sha256").update(normalise(payload)).digest("hex").slice(0, 8);

/** The marker of a received text and whether the payload came through. Undefined: not one of ours. */
export function readMarked(text: string): Marked | undefined {
  const clean = normalise(text);
  const found = pattern.exec(clean);
  if (!found) return undefined;
  const [whole, run = "", lane = "", seq = "", sha8 = ""] = found;
  const payload = clean.slice(found.index + whole.length).replace(/^\n/, "");
  return { text: whole, run, lane, seq: Number(seq), intact: hashOf(payload) === sha8 };
}
