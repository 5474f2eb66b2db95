// Turns one whole stanza, as the framer cut it, into a tree. ltx does the XML.
import { escapeXMLText } from "ltx";
import SaxLtx from "ltx/lib/parsers/ltx.js";
import { StreamFormatError } from "./framer.ts";
import { Element } from "./stanza.ts";

// ltx lets raw control characters through; inside there is only text that XML 1.0 allows.
const illegal = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

const cdataSection = /<!\[CDATA\[([\s\S]*?)\]\]>/g;
/** ltx 3.1.2 drops the text that follows a CDATA section: write such sections as plain text first. */
const withoutCdata = (xml: string): string =>
  xml.includes("<![CDATA[") ? xml.replace(cdataSection, (_, text: string) => escapeXMLText(text)) : xml;

/** Reads elements of one stream. After an error it is of no further use, like the stream. */
export class XmlReader {
  readonly #sax = new SaxLtx();
  #root: Element | undefined;
  #cursor: Element | undefined;
  #complete = false;

  constructor() {
    this.#sax.on("startElement", (name: string, attributes: Record<string, string>) => {
      if (this.#complete) throw new Error("a second element");
      const element = new Element(name, attributes);
      if (this.#cursor) {
        this.#cursor.children.push(element);
        element.parent = this.#cursor;
      } else {
        this.#root = element;
      }
      this.#cursor = element;
    });
    this.#sax.on("endElement", (name: string) => {
      if (this.#cursor?.name !== name) throw new Error("a closing tag of another name");
      this.#cursor = this.#cursor.parent ?? undefined;
      this.#complete = this.#cursor === undefined;
    });
    this.#sax.on("text", (text: string) => {
      if (!this.#cursor) throw new Error("text outside of an element");
      this.#cursor.children.push(text);
    });
  }

  /**
   * Reads exactly one element; `parent` gives it the namespaces of the stream. Throws StreamFormatError: for ltx
   * throws on entities in the middle of a write, and where it and the framer disagree the stream is not to be trusted.
   */
  read(xml: string, parent?: Element): Element {
    if (illegal.test(xml)) throw new StreamFormatError("not-well-formed", "a character that XML does not allow");
    this.#root = undefined;
    this.#complete = false;
    try {
      this.#sax.write(withoutCdata(xml));
    } catch (error) {
      throw new StreamFormatError("not-well-formed", "the stanza is not well-formed", error);
    }
    const root: Element | undefined = this.#root;
    if (root === undefined || !this.#complete)
      throw new StreamFormatError("not-well-formed", "the stanza is not well-formed");
    if (parent) (root as Element).parent = parent;
    return root;
  }

  /** Reads a start tag alone, as an element without children. */
  readStartTag(startTag: string, parent?: Element): Element {
    return this.read(startTag.endsWith("/>") ? startTag : `${startTag.slice(0, -1)}/>`, parent);
  }
}
