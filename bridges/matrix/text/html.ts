// `formatted_body` to text with XEP-0393 styling. The tags are those of the client-server specification (section
// "m.room.message msgtypes", org.matrix.custom.html); of all others only the words remain. Nothing is fetched, no
// address of a picture is shown, links only lead where people expect links to lead (security.md X28).
import { compile, type DomNode, type FormatCallback, type HtmlToTextOptions } from "html-to-text";
import { parseMatrixLink } from "../ids.ts";
import { cleanLabel, cleanText } from "./characters.ts";
import { closeMark, type Directive, fence, openMark, placeDirectives, withoutMarks } from "./spans.ts";

/** An event has at most 64 KB; what is larger or has more tags is not worth its price: `body` says the same. */
const largest = 65_536;
const mostTags = 5000;
/** The specification asks for a limit, and names 100. */
const deepest = 100;
/** The library writes it where it goes no deeper. */
const tooDeep = "\ufdef";

/** Text of a formatted body; undefined when it is too big or too deep to convert, or says nothing. */
export function htmlToStyling(html: string): string | undefined {
  if (html.length > largest || countTags(html) > mostTags) return undefined;
  const converted = attempt(html);
  if (converted === undefined || converted.includes(tooDeep)) return undefined;
  const text = cleanText(placeDirectives(converted));
  return text === "" ? undefined : text;
}

function attempt(html: string): string | undefined {
  try {
    return convert(html);
  } catch {
    // The library promises nothing about hostile trees.
    return undefined;
  }
}

function countTags(html: string): number {
  let tags = 0;
  for (let at = html.indexOf("<"); at >= 0; at = html.indexOf("<", at + 1)) tags += 1;
  return tags;
}

const spanOf: ReadonlyMap<string, Directive> = new Map([
  ["strong", "*"],
  ["b", "*"],
  ["em", "_"],
  ["i", "_"],
  ["del", "~"],
  ["s", "~"],
  ["strike", "~"],
  ["code", "`"],
]);

const headings = ["h1", "h2", "h3", "h4", "h5", "h6"];

const span: FormatCallback = (element, walk, builder) => {
  const directive = spanOf.get(element.name ?? "") ?? "*";
  builder.addInline(openMark(directive));
  walk(element.children ?? [], builder);
  builder.addInline(closeMark(directive));
};

const heading: FormatCallback = (element, walk, builder, formatOptions) => {
  builder.openBlock({ leadingLineBreaks: 2 });
  span(element, walk, builder, formatOptions);
  builder.closeBlock({ trailingLineBreaks: 2 });
};

/** XEP-0393 section 5.1. A line of the text that would end the block moves in by a space. */
const preformatted: FormatCallback = (element, walk, builder) => {
  builder.openBlock({ isPre: true, leadingLineBreaks: 1 });
  walk(element.children ?? [], builder);
  builder.closeBlock({
    trailingLineBreaks: 1,
    blockTransform: (text) => {
      const code = withoutMarks(text).replace(/^\n/, "").trimEnd().replace(/^```/gm, " ```");
      return `${fence}\n${code}\n${fence}`;
    },
  });
};

/** Schemes of the specification's list that a chat client opens. */
const leadsSomewhere = /^(?:https?|ftp|mailto|magnet|matrix):/i;

/** A pill shows the name it carries; any other link its words and where it really leads. */
const anchor: FormatCallback = (element, walk, builder) => {
  const words = textOf(element);
  const href = attribute(element, "href").trim();
  const target = href.replace(/^mailto:/i, "");
  const link = parseMatrixLink(href);
  if (words === "" && link !== undefined) return builder.addInline(link.id);
  walk(element.children ?? [], builder);
  if (!leadsSomewhere.test(href) || (link !== undefined && link.event === undefined) || words === target) return;
  const shown = cleanLabel(target, 2000).replace(/ /g, "%20");
  builder.addInline(words === "" ? shown : ` (${shown})`, { noWordTransform: true });
};

/** MSC2010: the text is told to be one; XMPP has nothing that hides it. */
const spoiler: FormatCallback = (element, walk, builder) => {
  const reason = cleanLabel(attribute(element, "data-mx-spoiler"), 200);
  builder.addInline(reason === "" ? "[spoiler] " : `[spoiler: ${reason}] `);
  walk(element.children ?? [], builder);
};

/** Custom emoji and inline pictures by their names. */
const image: FormatCallback = (element, _walk, builder) => {
  const name = cleanLabel(attribute(element, "alt") || attribute(element, "title"), 100);
  builder.addInline(name === "" ? "[image]" : name);
};

const unordered: FormatCallback = (element, walk, builder) => writeList(element, walk, builder, () => "- ");

const ordered: FormatCallback = (element, walk, builder) => {
  const start = Number(attribute(element, "start") || "1");
  let number = Number.isSafeInteger(start) ? start : 1;
  writeList(element, walk, builder, () => `${number++}. `);
};

function writeList(
  element: DomNode,
  walk: Parameters<FormatCallback>[1],
  builder: Parameters<FormatCallback>[2],
  nextPrefix: () => string,
): void {
  builder.openList({ leadingLineBreaks: 1 });
  for (const item of element.children ?? []) {
    if (item.type !== "tag") continue;
    builder.openListItem({ prefix: item.name === "li" ? nextPrefix() : "" });
    walk([item], builder);
    builder.closeListItem();
  }
  builder.closeList({ trailingLineBreaks: 1 });
}

const cell: FormatCallback = (element, walk, builder) => {
  walk(element.children ?? [], builder);
  builder.addInline(" ");
};

/** The words of an element, as far as a comparison with its address needs them. */
function textOf(element: DomNode): string {
  let text = "";
  const left = [...(element.children ?? [])].reverse();
  for (let node = left.pop(); node !== undefined && text.length < 2000; node = left.pop()) {
    if (node.type === "text") text += node.data ?? "";
    else if (node.name === "img") text += attribute(node, "alt") || "[image]";
    else left.push(...[...(node.children ?? [])].reverse());
  }
  return text.trim();
}

function attribute(element: DomNode, name: string): string {
  const attributes = element.attribs;
  return attributes !== undefined && Object.hasOwn(attributes, name) ? String(attributes[name]) : "";
}

/** Never shown: the quote that old clients put before a reply, and what is no text. */
const skipped = ["mx-reply", "head", "title", "style", "script", "noscript", "template", "svg", "object", "iframe"];

const options: HtmlToTextOptions = {
  wordwrap: false,
  limits: { maxDepth: deepest, ellipsis: tooDeep },
  formatters: { span, heading, preformatted, anchor, spoiler, image, unordered, ordered, cell },
  selectors: [
    ...skipped.map((selector) => ({ selector, format: "skip" })),
    ...[...spanOf.keys()].map((selector) => ({ selector, format: "span" })),
    ...headings.map((selector) => ({ selector, format: "heading" })),
    { selector: "pre", format: "preformatted" },
    { selector: "a", format: "anchor" },
    { selector: "span[data-mx-spoiler]", format: "spoiler" },
    { selector: "img", format: "image" },
    { selector: "ul", format: "unordered" },
    { selector: "ol", format: "ordered" },
    { selector: "blockquote", options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
    { selector: "hr", options: { length: 3, leadingLineBreaks: 1, trailingLineBreaks: 1 } },
    ...["tr", "caption", "details", "summary"].map((selector) => ({
      selector,
      format: "block",
      options: { leadingLineBreaks: 1, trailingLineBreaks: 1 },
    })),
    { selector: "td", format: "cell" },
    { selector: "th", format: "cell" },
  ],
};

/** Compiling the selectors costs more than converting most messages. */
const convert = compile(options);
