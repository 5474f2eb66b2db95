// The texts of events, and the names of people in them: what all bridges do with characters, and what is Matrix's own.
import { cleanLabel, xmlSafe } from "#bridge";
import { parseUserId } from "../ids.ts";

export { cleanLabel, cutAt } from "#bridge";

/** They are characters of XML, but mark spans inside this bridge. */
const spanMarks = /[\ufdd0-\ufdef]/g;

/** Lines that end in "\n", only characters of XML 1.0 (section 2.2), no white space around. */
export function cleanText(text: string): string {
  return xmlSafe(text)
    .text.replace(spanMarks, "\ufffd")
    .replace(/^(?:[ \t]*\n)+/, "")
    .trimEnd();
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
