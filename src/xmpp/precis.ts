// RFC 8264 and RFC 8265: PRECIS preparation of local parts (UsernameCaseMapped) and resources (OpaqueString).
//
// The classes come from Unicode property escapes, so they follow the Unicode version of Node. The Bidi Rule (RFC 5893)
// has no property escape; right-to-left is told by script, which is the same for every letter that a name can hold.

/** RFC 8264 section 9.6: valid although their category says otherwise. */
const exceptionsValid = "\\u00df\\u03c2\\u06fd\\u06fe\\u0f0b\\u3007";
/** RFC 8264 section 9.6: valid only where their context allows (checked by `contextOk`). */
const exceptionsContext = "\\u00b7\\u0375\\u05f3\\u05f4\\u30fb\\u0660-\\u0669\\u06f0-\\u06f9";
const exceptionsDisallowed = /[\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b]/u;
const oldHangulJamo = /[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb]/u;
const ignorable = /[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/u;
const joinControls = /[\u200c\u200d]/gu;

/** RFC 8264 section 4.2: letters, digits and ASCII; no spaces, symbols or other punctuation. */
const identifierClass = new RegExp(
  `^[\\u0021-\\u007e\\p{Ll}\\p{Lu}\\p{Lo}\\p{Nd}\\p{Lm}\\p{Mn}\\p{Mc}${exceptionsValid}${exceptionsContext}\\u200c\\u200d]+$`,
  "u",
);
const fullOrHalfWidth = /[\uff00-\uffef\u3000]/gu;
const ascii = /^[\u0021-\u007e]+$/;
const upperAscii = /[A-Z]/;

/**
 * RFC 8265 section 3.3, UsernameCaseMapped: width mapping, IdentifierClass, lower case, NFC, Bidi Rule.
 * Undefined when the text is no such name. Idempotent: the result prepares to itself.
 */
export function usernameCaseMapped(text: string): string | undefined {
  if (ascii.test(text)) return upperAscii.test(text) ? text.toLowerCase() : text;
  if (!text.isWellFormed()) return undefined;
  // Width mapping: only these have decomposition types <wide> and <narrow>.
  const narrowed = text.replace(fullOrHalfWidth, (character) => character.normalize("NFKC"));
  if (!isIdentifier(narrowed)) return undefined;
  const mapped = narrowed.toLowerCase().normalize("NFC");
  // Lower case and NFC can bring code points that were not there: U+0130 becomes i and U+0307.
  if (!isIdentifier(mapped) || mapped.toLowerCase().normalize("NFC") !== mapped) return undefined;
  return bidiOk(mapped) ? mapped : undefined;
}

/** Compatibility characters (RFC 8264 section 9.17), such as U+212A KELVIN SIGN, are no part of a name: X03. */
function isIdentifier(text: string): boolean {
  if (!identifierClass.test(text) || exceptionsDisallowed.test(text) || oldHangulJamo.test(text)) return false;
  if (ignorable.test(text.replace(joinControls, ""))) return false;
  for (const character of text) {
    if (character > "\u007f" && character.normalize("NFKC") !== character) return false;
  }
  return contextOk(text);
}

/** RFC 5892 appendix A, rules A.1 to A.9. */
function contextOk(text: string): boolean {
  const all = [...text];
  return all.every((character, i) => {
    const before = all[i - 1] ?? "";
    const after = all[i + 1] ?? "";
    switch (character) {
      case "\u200c": // ZERO WIDTH NON-JOINER: after a virama, or between joining letters of the scripts that join
        return isVirama(before) || (joining.test(before) && joining.test(after));
      case "\u200d": // ZERO WIDTH JOINER
        return isVirama(before);
      case "\u00b7": // MIDDLE DOT, the Catalan l·l
        return before.toLowerCase() === "l" && after.toLowerCase() === "l";
      case "\u0375": // GREEK LOWER NUMERAL SIGN
        return /\p{Script=Greek}/u.test(after);
      case "\u05f3": // HEBREW PUNCTUATION GERESH and GERSHAYIM
      case "\u05f4":
        return /\p{Script=Hebrew}/u.test(before);
      case "\u30fb": // KATAKANA MIDDLE DOT
        return /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(text.replaceAll("\u30fb", ""));
      default: // Arabic-Indic digits, plain and extended, do not mix
        return !/[\u0660-\u0669]/.test(character) || !/[\u06f0-\u06f9]/.test(text);
    }
  });
}

/** Canonical combining class 9, of the scripts of India and its neighbours. */
const viramas = new Set([
  0x94d, 0x9cd, 0xa4d, 0xacd, 0xb4d, 0xbcd, 0xc4d, 0xccd, 0xd3b, 0xd3c, 0xd4d, 0xdca, 0xe3a, 0xeba, 0xf84, 0x1039,
  0x103a, 0x1714, 0x1734, 0x17d2, 0x1a60, 0x1b44, 0x1baa, 0x1bab, 0x1bf2, 0x1bf3, 0x2d7f, 0xa806, 0xa82c, 0xa8c4,
  0xa953, 0xa9c0, 0xaaf6, 0xabed,
]);
const isVirama = (character: string): boolean => viramas.has(character.codePointAt(0) ?? 0);
const joining = /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Nko}\p{Script=Mongolian}\p{Script=Mandaic}\p{Mn}]/u;

const rightToLeftScripts =
  "Hebrew Arabic Syriac Thaana Nko Samaritan Mandaic Adlam Hanifi_Rohingya Mende_Kikakui".split(" ");
const rightToLeft = `[${rightToLeftScripts.map((script) => `\\p{Script=${script}}`).join("")}]`;
const hasRightToLeft = new RegExp(`(?=${rightToLeft})[\\p{L}]`, "u");
const startsRightToLeft = new RegExp(`^(?=${rightToLeft})\\p{L}`, "u");
const endsRightToLeft = new RegExp(`(?:(?=${rightToLeft})\\p{L}|\\p{Nd})\\p{Mn}*$`, "u");
const leftToRight = new RegExp(`(?!${rightToLeft})\\p{L}`, "u");

/** RFC 5893 section 2, for names that hold a right-to-left letter. */
function bidiOk(text: string): boolean {
  if (!hasRightToLeft.test(text)) return true;
  if (!startsRightToLeft.test(text) || !endsRightToLeft.test(text) || leftToRight.test(text)) return false;
  return !(/[0-9\u06f0-\u06f9]/.test(text) && /[\u0660-\u0669]/.test(text));
}

const control = /[\p{Cc}\p{Noncharacter_Code_Point}]/u;
const otherSpace = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g;

/**
 * RFC 8265 section 4.2, OpaqueString: spaces become U+0020, then NFC. Wider than the FreeformClass on purpose:
 * code points newer than our Unicode tables and the joiners of emoji pass, because a server that prepares with older
 * rules sends them and a message must not be lost over its sender's resource.
 */
export function opaqueString(text: string): string | undefined {
  if (text === "" || !text.isWellFormed() || control.test(text)) return undefined;
  return ascii.test(text) ? text : text.replace(otherSpace, " ").normalize("NFC");
}
