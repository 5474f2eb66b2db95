// Building, reading and writing stanzas. The one place where text becomes XML.
import { Element } from "ltx";
import { NS } from "./ns.ts";

export { Element };

export type AttributeValue = string | number | undefined;
export type Attributes = Readonly<Record<string, AttributeValue>>;
/** undefined is left out, so that optional children need no `if`. */
export type Child = Element | string | undefined;

/** Why `serialize` refused. Nothing was written; the stanza itself is at fault, so do not retry it. */
export class StanzaWriteError extends Error {
  override readonly name = "StanzaWriteError";
  readonly reason: "too-large" | "too-deep" | "bad-name";
  constructor(reason: StanzaWriteError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Builds an element. Attributes that are undefined are left out; strings become text. */
export function el(name: string, attributes?: Attributes, ...children: readonly Child[]): Element {
  const element = new Element(name);
  if (attributes) {
    for (const key in attributes) {
      const value = attributes[key];
      if (value !== undefined) element.attrs[key] = typeof value === "string" ? value : String(value);
    }
  }
  for (const node of children) {
    if (node === undefined) continue;
    element.children.push(node);
    if (typeof node !== "string") node.parent = element;
  }
  return element;
}

/** The value of an attribute; undefined when absent. */
export function attr(element: Element, name: string): string | undefined {
  const value: unknown = Object.hasOwn(element.attrs, name) ? element.attrs[name] : undefined;
  return value === undefined || value === null ? undefined : String(value);
}

/** Child elements, optionally of one name and namespace, in document order. */
export function children(element: Element, name?: string, ns?: string): Element[] {
  const found: Element[] = [];
  for (const node of element.children) {
    if (
      typeof node !== "string" &&
      (name === undefined || node.getName() === name) &&
      (ns === undefined || node.getNS() === ns)
    )
      found.push(node);
  }
  return found;
}

/** The first child element of that name and namespace. */
export function child(element: Element, name: string, ns?: string): Element | undefined {
  for (const node of element.children) {
    if (typeof node !== "string" && node.getName() === name && (ns === undefined || node.getNS() === ns)) return node;
  }
  return undefined;
}

/** The text of the first child of that name; undefined when there is no such child, "" when it is empty. */
export function textOf(element: Element, name: string, ns?: string): string | undefined {
  return child(element, name, ns)?.getText();
}

// XML 1.0 section 2.2: Char. Lone surrogates are dealt with by toWellFormed.
const illegal = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
const illegalOnce = new RegExp(illegal.source);

/** Replaces every character that XML 1.0 forbids with U+FFFD: one of them closes the whole component stream. */
export function cleanText(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  return illegalOnce.test(wellFormed) ? wellFormed.replace(illegal, "\ufffd") : wellFormed;
}

const textSpecial = /[&<>\r]/;
const attributeSpecial = /[&<>"'\t\n\r]/;
const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  // A parser turns a bare CR into LF (XML 1.0 section 2.11) and white space in attributes into spaces (3.3.3).
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};
const entityOf = (character: string): string => entities[character] ?? character;

const escapeText = (text: string): string => {
  const clean = cleanText(text);
  return textSpecial.test(clean) ? clean.replace(/[&<>\r]/g, entityOf) : clean;
};
const escapeAttribute = (value: string): string => {
  const clean = cleanText(value);
  return attributeSpecial.test(clean) ? clean.replace(/[&<>"'\t\n\r]/g, entityOf) : clean;
};

/** Prosody takes 512 KiB from a component, 256 KiB from a client; what we write stays far below both. */
export const defaultMaxBytes = 65_536;
/** Nothing we build is deeper than about ten; a loop of parents would never end. */
const maxDepth = 128;

/**
 * Writes a stanza for the component stream: well-formed whatever the strings hold, at most `maxBytes` of UTF-8.
 * Throws StanzaWriteError.
 */
export function serialize(element: Element, options: { readonly maxBytes?: number } = {}): string {
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  const xml = write(element, element, 0, maxBytes);
  // A UTF-16 unit is one to three bytes: count only where it can matter.
  if (xml.length * 3 > maxBytes && Buffer.byteLength(xml) > maxBytes) throw tooLarge(maxBytes);
  return xml;
}

const tooLarge = (maxBytes: number): StanzaWriteError =>
  new StanzaWriteError("too-large", `the stanza is larger than ${maxBytes} bytes`);

function write(element: Element, top: Element, depth: number, maxBytes: number): string {
  if (depth > maxDepth) throw new StanzaWriteError("too-deep", `the stanza is deeper than ${maxDepth} levels`);
  const { name } = element;
  checkName(name);
  let xml = `<${name}`;
  if (name.includes(":")) checkPrefix(element, top, name);
  const { attrs } = element;
  for (const key in attrs) {
    const value: unknown = attrs[key];
    if (value === undefined || value === null) continue;
    // The stream's default namespace is the component's (XEP-0114); a stanza that says "jabber:client" would leave it.
    if (depth === 0 && key === "xmlns" && (value === NS.client || value === NS.component)) continue;
    checkName(key);
    if (key.includes(":")) checkPrefix(element, top, key);
    xml += ` ${key}="${escapeAttribute(String(value))}"`;
  }
  if (element.children.length === 0) return `${xml}/>`;
  xml += ">";
  for (const node of element.children) {
    xml += typeof node === "string" ? escapeText(node) : write(node, top, depth + 1, maxBytes);
    if (xml.length > maxBytes) throw tooLarge(maxBytes);
  }
  return `${xml}</${name}>`;
}

// Every name of every XEP is ASCII; XML 1.0 allows more, but then in an echo of something hostile only.
const qualifiedName = /^[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?$/;

function checkName(name: string): void {
  if (!qualifiedName.test(name)) throw new StanzaWriteError("bad-name", "a name in the stanza is not an XML name");
}

/** An undeclared prefix closes the stream; one declared outside of what we write is as good as undeclared. */
function checkPrefix(element: Element, top: Element, name: string): void {
  const prefix = name.slice(0, name.indexOf(":"));
  if (prefix === "xml" || prefix === "xmlns") return;
  for (let scope: Element | null = element; scope; scope = scope === top ? null : scope.parent) {
    if (attr(scope, `xmlns:${prefix}`) !== undefined) return;
  }
  throw new StanzaWriteError("bad-name", "a prefix in the stanza is not declared");
}
