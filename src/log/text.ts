// Text that came from outside, made fit for a log line.

// JSON escapes the C0 controls. These it leaves: C1 (U+009B starts a terminal escape), line separators, bidi controls.
const unsafe = /[\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;
const longest = 500;

/** One line of bounded length, without characters that act on a terminal or a log viewer. */
export function cleanText(text: string): string {
  const cut = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return cut
    .toWellFormed()
    .replaceAll(unsafe, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** As cleanText, with everything that looks like an address, or a URL's user and password, masked. */
export function withoutAddresses(text: string): string {
  // Cut before the search: the patterns below are linear, the text may be megabytes.
  return cleanText(text.slice(0, longest * 2))
    .replaceAll(/\b([a-z][a-z0-9+.-]{0,20}):\/\/[^\s/@]{1,200}@/gi, "$1://[credentials]@")
    .replaceAll(/[^\s<>"'(),;:[\]]{1,200}(?:@|\\40|%40)[^\s<>"'(),;\]]{1,255}/g, "[address]");
}
