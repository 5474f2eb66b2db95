// Cuts the characters of an XML stream into whole stanzas before any tree is built.
//
// Why not feed the parser directly: ltx copies what it holds on every write, so one-byte chunks cost the square of the
// stanza's length (400,000 bytes took 62 s); it has no limit of size or depth; it skips comments and DOCTYPE. Here each
// character is looked at once, and limits hold before a parser sees anything. The framer knows tags, quotes and CDATA,
// nothing more: what it cuts goes through the parser, and both must agree on where the stanza ends.

/** `too-deep` carries only the stanza's start tag, enough to answer its sender. */
export type Frame =
  | { readonly kind: "open"; readonly xml: string }
  | { readonly kind: "stanza"; readonly xml: string }
  | { readonly kind: "too-deep"; readonly startTag: string }
  | { readonly kind: "close" };

/** The stream cannot go on; `condition` is the stream error to send (RFC 6120 section 4.9.3). */
export class StreamFormatError extends Error {
  override readonly name = "StreamFormatError";
  readonly condition: "not-well-formed" | "policy-violation" | "restricted-xml";
  constructor(condition: StreamFormatError["condition"], message: string, cause?: unknown) {
    super(message, { cause });
    this.condition = condition;
  }
}

export interface FramerLimits {
  /** The longest stanza, in UTF-16 units. */
  readonly maxStanzaSize: number;
  /** The deepest stanza: its own element counts as 1. */
  readonly maxDepth: number;
}

/** Where the scan stands; `first` is the character right after "<". */
type State = "text" | "first" | "tag" | "quoted" | "bang" | "cdata" | "declaration";

const cdataStart = "[CDATA[";
const LT = 0x3c;
const GT = 0x3e;
const SLASH = 0x2f;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;

export class Framer {
  readonly #limits: FramerLimits;
  #text = "";
  #pos = 0;
  /** Where the current frame begins in #text; -1 outside of frames. */
  #start = -1;
  /** Earlier pieces of the current frame, joined once. */
  #parts: string[] = [];
  #carried = 0;
  #state: State = "text";
  #quote = QUOTE;
  #closing = false;
  /** The last character inside the tag was "/". */
  #slash = false;
  /** Characters matched of "[CDATA[" or of the end "]]>". */
  #matched = 0;
  #depth = 0;
  #headLength = 0;
  #tooDeep: string | undefined;
  #begun = false;
  #root: string | undefined;

  constructor(limits: FramerLimits) {
    this.#limits = limits;
  }

  /** Adds what came from the socket. */
  push(text: string): void {
    if (this.#pos < this.#text.length) {
      this.#text += text;
      return;
    }
    if (this.#start >= 0) this.#carry();
    if (this.#start >= 0) this.#start = 0;
    this.#text = text;
    this.#pos = 0;
  }

  /** The next frame; undefined when more input is needed. Throws StreamFormatError; then the stream is over. */
  next(): Frame | undefined {
    while (this.#pos < this.#text.length) {
      const frame = this.#step();
      if (frame) return frame;
    }
    return undefined;
  }

  /** Puts the looked-at part of an unfinished frame aside. */
  #carry(): void {
    const piece = this.#text.slice(this.#start, this.#pos);
    this.#carried += piece.length;
    if (this.#carried > this.#limits.maxStanzaSize) throw this.#tooLarge();
    // The body of a stanza that is too deep is counted, not kept.
    if (this.#tooDeep === undefined) this.#parts.push(piece);
    this.#start = this.#pos;
  }

  #step(): Frame | undefined {
    switch (this.#state) {
      case "text":
        return this.#inText();
      case "first":
        return this.#afterLess();
      case "tag":
        return this.#inTag();
      case "quoted": {
        const end = this.#text.indexOf(this.#quote === QUOTE ? '"' : "'", this.#pos);
        const value = this.#text.slice(this.#pos, end === -1 ? undefined : end);
        if (value.includes("<")) throw new StreamFormatError("not-well-formed", "a tag inside an attribute");
        this.#pos = end === -1 ? this.#text.length : end + 1;
        if (end !== -1) this.#state = "tag";
        return undefined;
      }
      case "bang":
        return this.#inBang();
      case "cdata":
        return this.#inCdata();
      case "declaration": {
        // <?xml ...?> holds no ">" of its own.
        const end = this.#text.indexOf(">", this.#pos);
        this.#pos = end === -1 ? this.#text.length : end + 1;
        if (end === -1) return undefined;
        this.#state = "text";
        this.#endFrame();
        return undefined;
      }
    }
  }

  #inText(): undefined {
    const less = this.#text.indexOf("<", this.#pos);
    const end = less === -1 ? this.#text.length : less;
    if (this.#depth <= 1) {
      // Between stanzas only white space keepalives (RFC 6120 section 4.6.1).
      for (let i = this.#pos; i < end; i++) {
        if (this.#text.charCodeAt(i) > 0x20) throw new StreamFormatError("not-well-formed", "text between stanzas");
      }
      if (less !== -1) this.#start = less;
    }
    this.#pos = less === -1 ? end : less + 1;
    if (less !== -1) this.#state = "first";
  }

  #afterLess(): undefined {
    const code = this.#text.charCodeAt(this.#pos);
    this.#closing = false;
    this.#slash = false;
    if (code === SLASH) {
      this.#closing = true;
      this.#state = "tag";
      this.#pos++;
    } else if (code === 0x21) {
      if (this.#depth < 2) throw restricted();
      this.#state = "bang";
      this.#matched = 0;
      this.#pos++;
    } else if (code === 0x3f) {
      if (this.#begun) throw restricted();
      this.#state = "declaration";
    } else {
      this.#state = "tag";
    }
    this.#begun = true;
  }

  #inTag(): Frame | undefined {
    const text = this.#text;
    for (let i = this.#pos; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === GT) {
        this.#pos = i + 1;
        this.#state = "text";
        return this.#endTag();
      }
      if (code === QUOTE || code === APOSTROPHE) {
        this.#quote = code;
        this.#slash = false;
        this.#state = "quoted";
        this.#pos = i + 1;
        return undefined;
      }
      if (code === LT) throw new StreamFormatError("not-well-formed", "a tag inside a tag");
      this.#slash = code === SLASH;
    }
    this.#pos = text.length;
    return undefined;
  }

  #endTag(): Frame | undefined {
    if (this.#closing) {
      this.#depth--;
      if (this.#depth < 0) throw new StreamFormatError("not-well-formed", "a closing tag that nothing opened");
      if (this.#depth === 0) {
        const xml = this.#endFrame();
        if (xml.slice(2, -1).trimEnd() !== this.#root)
          throw new StreamFormatError("not-well-formed", "the wrong closing tag");
        return { kind: "close" };
      }
    } else if (!this.#slash) {
      this.#depth++;
      if (this.#depth === 1) {
        const xml = this.#endFrame();
        this.#root = /^<([^\s>]+)/.exec(xml)?.[1];
        return { kind: "open", xml };
      }
    } else if (this.#depth === 0) {
      throw new StreamFormatError("not-well-formed", "the stream header is an empty element");
    }
    // Level 1 is the stream, level 2 the stanza.
    const opened = !this.#closing && this.#slash ? this.#depth + 1 : this.#depth;
    if (this.#headLength === 0) this.#headLength = this.#carried + this.#pos - this.#start;
    if (opened - 1 > this.#limits.maxDepth && this.#tooDeep === undefined) this.#skipBody();
    if (this.#depth > 1) return undefined;
    const startTag = this.#tooDeep;
    const xml = this.#endFrame();
    return startTag === undefined ? { kind: "stanza", xml } : { kind: "too-deep", startTag };
  }

  #skipBody(): void {
    const head = this.#parts.join("") + this.#text.slice(this.#start, this.#pos);
    this.#tooDeep = head.slice(0, this.#headLength);
    this.#parts = [];
  }

  /** Ends the current frame; returns its text. */
  #endFrame(): string {
    const last = this.#text.slice(this.#start, this.#pos);
    const xml = this.#parts.length === 0 ? last : this.#parts.join("") + last;
    if (this.#carried + last.length > this.#limits.maxStanzaSize) throw this.#tooLarge();
    this.#start = -1;
    this.#parts = [];
    this.#carried = 0;
    this.#headLength = 0;
    this.#tooDeep = undefined;
    return xml;
  }

  #inBang(): undefined {
    // RFC 6120 section 11.1: no comments, no DOCTYPE. CDATA is ordinary XML.
    if (this.#text[this.#pos] !== cdataStart[this.#matched]) throw restricted();
    this.#pos++;
    this.#matched++;
    if (this.#matched === cdataStart.length) {
      this.#state = "cdata";
      this.#matched = 0;
    }
  }

  #inCdata(): undefined {
    for (; this.#pos < this.#text.length; this.#pos++) {
      const code = this.#text.charCodeAt(this.#pos);
      if (code === GT && this.#matched >= 2) {
        this.#pos++;
        this.#state = "text";
        return;
      }
      this.#matched = code === 0x5d ? this.#matched + 1 : 0;
    }
  }

  #tooLarge(): StreamFormatError {
    return new StreamFormatError(
      "policy-violation",
      `a stanza is longer than ${this.#limits.maxStanzaSize} characters`,
    );
  }
}

const restricted = (): StreamFormatError =>
  new StreamFormatError("restricted-xml", "the stream holds a comment, a DOCTYPE or a processing instruction");
