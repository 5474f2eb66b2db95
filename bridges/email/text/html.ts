// HTML to text (email.md 7). Nothing is fetched; what a reader would not see is not shown.
import { compile, type HtmlToTextOptions } from "html-to-text";

/** Above this the structure is not worth its price: tags are stripped (E16, E21). */
const largest = 1_000_000;

/** Deeper than any layout table; the library recurses, and takes seconds long before its stack ends. */
const deepest = 1000;

/** Text of an HTML body. Never throws: what the library cannot take has its tags stripped. */
export function htmlToPlain(html: string): string {
  const visible = toText(markHidden(html));
  // A mail that hides everything still says what it hides.
  return visible.trim() === "" ? toText(html) : visible;
}

function toText(html: string): string {
  if (html.length > largest || isDeep(html)) return stripTags(html);
  try {
    return tidy(convert(html));
  } catch {
    return stripTags(html);
  }
}

const skipped = [
  "img",
  "head",
  "title",
  "style",
  "script",
  "noscript",
  "template",
  "svg",
  "object",
  "iframe",
  "textarea",
  "select",
  "[hidden]",
];

const options: HtmlToTextOptions = {
  wordwrap: false,
  formatters: {
    cell: (element, walk, builder) => {
      walk(element.children, builder);
      builder.addInline(" ");
    },
  },
  selectors: [
    ...skipped.map((selector) => ({ selector, format: "skip" })),
    ...["h1", "h2", "h3", "h4", "h5", "h6"].map((selector) => ({ selector, options: { uppercase: false } })),
    // The real target stands beside the words, so that a text cannot lie about where it leads (email.md 40).
    { selector: "a", options: { noAnchorUrl: true, hideLinkHrefIfSameAsText: true, linkBrackets: ["<", ">"] } },
    { selector: 'a[href=""]', format: "inline" },
    { selector: "a[href^=cid]", format: "inline" },
    { selector: "ul", options: { itemPrefix: "- " } },
    { selector: "hr", options: { length: 3 } },
    { selector: "tr", format: "block", options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
    { selector: "td", format: "cell" },
    { selector: "th", format: "cell" },
  ],
};

/** Compiling the selectors costs more than converting most mails. */
const convert = compile(options);

const selfClosing = new Set(["br", "img", "hr", "meta", "link", "input", "wbr", "col", "area", "base", "p", "li"]);

/** Counts open elements, each kind for itself, so that stray closing tags hide nothing. */
function isDeep(html: string): boolean {
  const open = new Map<string, number>();
  let depth = 0;
  for (const match of html.matchAll(/<(\/?)([a-z][a-z0-9]{0,20})/gi)) {
    const name = (match[2] ?? "").toLowerCase();
    if (selfClosing.has(name)) continue;
    const count = open.get(name) ?? 0;
    const change = match[1] === "" ? 1 : count > 0 ? -1 : 0;
    open.set(name, count + change);
    depth += change;
    if (depth > deepest) return true;
  }
  return false;
}

const hides =
  /display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden|mso-hide\s{0,3}:\s{0,3}all|(?:font-size|max-height|opacity)\s{0,3}:\s{0,3}0(?:px|pt|em|%)?\s{0,3}(?:;|!|$)/i;

/** Preheaders and other text that the sender hides become `hidden`, which the selectors skip. */
function markHidden(html: string): string {
  return html.replace(/\sstyle\s{0,3}=\s{0,3}("[^"]{0,4000}"|'[^']{0,4000}')/gi, (attribute, value: string) =>
    hides.test(value.slice(1, -1)) ? " hidden" : attribute,
  );
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/** Linear, without structure: the last resort. */
function stripTags(html: string): string {
  return tidy(
    dropElements(html.slice(0, 4 * largest), ["style", "script", "head", "svg", "title", "textarea"])
      .replace(/<!--|-->/g, "")
      .replace(/<(?:br|\/p|\/div|\/tr|\/h[1-6]|\/li)\b[^<>]*>/gi, "\n")
      .replace(/<[^<>]*>/g, "")
      .replace(
        /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi,
        (all, decimal?: string, hex?: string, name?: string) => {
          if (name !== undefined) return entities[name.toLowerCase()] ?? all;
          const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
          return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "";
        },
      ),
  );
}

/** Elements with all they hold. By indexOf, because a pattern that looks for its end is quadratic without one. */
function dropElements(html: string, names: readonly string[]): string {
  let rest = html;
  for (const name of names) {
    const lower = rest.toLowerCase();
    // Lower-casing can change lengths (U+0130): then positions would lie.
    if (lower.length !== rest.length) return rest;
    const kept: string[] = [];
    let at = 0;
    for (let open = lower.indexOf(`<${name}`); open >= 0; open = lower.indexOf(`<${name}`, at)) {
      kept.push(rest.slice(at, open));
      const close = lower.indexOf(`</${name}`, open);
      at = close < 0 ? rest.length : close;
    }
    kept.push(rest.slice(at));
    rest = kept.join(" ");
  }
  return rest;
}

/** No-break spaces to spaces, no trailing blanks, at most one empty line in a row. */
function tidy(text: string): string {
  const lines = text
    .replace(/[\u00a0\u2007\u202f]/g, " ")
    .replace(/[\u200b-\u200d\ufeff\u00ad\u034f]{2,}/g, "")
    .split("\n")
    .map((line) => line.trimEnd());
  const out: string[] = [];
  for (const line of lines) {
    const empty = /^[>\s]*$/.test(line);
    if (!empty || (out.length > 0 && out.at(-1) !== line)) out.push(line);
  }
  return out.join("\n").trimEnd();
}
