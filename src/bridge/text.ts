// Which characters may travel. One character that XML 1.0 forbids ends the whole component stream, so nothing that
// came from a network passes on without `xmlSafe` or `cleanLabel`.

/** Lines that end in "\n", and only characters of XML 1.0 (section 2.2, Char). */
export interface SafeText {
  readonly text: string;
  /** How many characters were taken out or replaced. */
  readonly replaced: number;
}

const forbidden = /[\u0000-\u0008\u000b\u000e-\u001f\ufffe\uffff]/g;
/** All that `forbidden` names and lone surrogates. */
const suspicious = /[\u0000-\u0008\u000b-\u000d\u000e-\u001f\ud800-\udfff\ufffe\uffff]/;

/** Invisible C0 controls are dropped, lone surrogates and noncharacters become U+FFFD; both are counted. */
export function xmlSafe(text: string): SafeText {
  if (!suspicious.test(text)) return { text, replaced: 0 };
  let replaced = 0;
  const cleaned = text.replace(/\r\n?|\f/g, "\n").replace(forbidden, (character) => {
    replaced += 1;
    return character >= "\ufffe" ? "\ufffd" : "";
  });
  if (cleaned.isWellFormed()) return { text: cleaned, replaced };
  const whole = cleaned.toWellFormed();
  for (let at = 0; at < whole.length; at += 1) if (whole[at] !== cleaned[at]) replaced += 1;
  return { text: whole, replaced };
}

/**
 * C0, C1, bidi controls, zero-width and other invisible format characters, noncharacters: never part of a label. The two
 * selectors that make a character an emoji or no emoji stay.
 */
const invisible =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3164\ufdd0-\ufdef\ufe00-\ufe0d\ufeff\uffa0\ufff0-\uffff\u{e0000}-\u{e0fff}]/gu;

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
