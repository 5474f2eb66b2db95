// Which characters may travel. One character that XML 1.0 forbids ends the whole component stream, so no text of an
// event passes on without `cleanText` or `cleanLabel`.
import { parseUserId } from "../ids.ts";

const forbidden = /[\u0000-\u0008\u000b\u000e-\u001f]/g;
/** U+FFFE and U+FFFF are no characters of XML; U+FDD0 to U+FDEF are, but mark spans inside this bridge. */
const noncharacters = /[\ufdd0-\ufdef\ufffe\uffff]/g;

/** Lines that end in "\n", only characters of XML 1.0 (section 2.2), no white space around. */
export function cleanText(text: string): string {
  return text
    .replace(/\r\n?|\f/g, "\n")
    .replace(forbidden, "")
    .replace(noncharacters, "\ufffd")
    .toWellFormed()
    .replace(/^(?:[ \t]*\n)+/, "")
    .trimEnd();
}

/** C0, C1, bidi controls, zero-width and other invisible format characters: never part of a label. */
const invisible =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3164\ufdd0-\ufdef\ufeff\uffa0\ufff0-\uffff\u{e0000}-\u{e0fff}]/gu;

/** One line that shows what it is: no controls, no bidi, nothing invisible, single spaces, at most `limit` characters. */
export function cleanLabel(text: string, limit = 200): string {
  const line = text
    .slice(0, limit * 4)
    .toWellFormed()
    .replace(/[\t\r\n\u2028\u2029]+/g, " ")
    .replace(invisible, "")
    .replace(/\s+/g, " ")
    .trim();
  return cutAt(line, limit);
}

/** The first `limit` UTF-16 units, without cutting a surrogate pair. */
export function cutAt(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const end = /[\ud800-\udbff]/.test(text.charAt(limit - 1)) ? limit - 1 : limit;
  return text.slice(0, end);
}

/** Anything that reads as a user id or an address, also with look-alikes of "@". */
const addressLike = /[^\s<>()[\],;"@＠﹫]{0,100}[@＠﹫][^\s<>()[\],;"]*[.:：][^\s<>()[\],;"]*/gu;

/** A display name that cannot pass for somebody's id (security.md X22, E02); the localpart when nothing is left. */
export function cleanName(name: string, userId: string): string {
  const label = cleanLabel(
    cleanLabel(name)
      .replace(addressLike, (found) => (found === userId ? found : " "))
      .replace(/\(\s*\)|\[\s*\]/g, " "),
    100,
  );
  if (label !== "") return label;
  return cleanLabel(parseUserId(userId)?.localpart ?? "", 100) || "unknown";
}
