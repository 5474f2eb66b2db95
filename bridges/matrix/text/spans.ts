// XEP-0393 spans from marked text. HTML nests freely, over lines and inside words; a styling directive works only at
// the edges of words and within one line. So the converter writes marks (Unicode noncharacters, which no text may hold),
// and here each becomes a directive where a reader's client will take it for one, or nothing.

/** Section 6 of the XEP: strong, emphasis, strike-through, preformatted. */
export type Directive = "*" | "_" | "~" | "`";

const directives: readonly Directive[] = ["*", "_", "~", "`"];
const firstMark = 0xfdd0;

/** Stands where a span begins. */
export function openMark(directive: Directive): string {
  return String.fromCharCode(firstMark + 2 * directives.indexOf(directive));
}

/** Stands where it ends. */
export function closeMark(directive: Directive): string {
  return String.fromCharCode(firstMark + 2 * directives.indexOf(directive) + 1);
}

/** Begins and ends preformatted text, where nothing is a span. */
export const fence = "\ufdd8```";

const anyMark = /[\ufdd0-\ufdd7]/;
const anyMarks = /[\ufdd0-\ufdd7]/g;

export function withoutMarks(text: string): string {
  return text.replace(anyMarks, "");
}

interface Span {
  readonly directive: Directive | "";
  readonly parts: (string | Span)[];
}

/** Text with its marks turned into directives. */
export function placeDirectives(text: string): string {
  const open = new OpenSpans();
  const out: string[] = [];
  let verbatim = false;
  for (const line of text.split("\n")) {
    // Quote marks are not part of what they quote: a span over lines begins again after them.
    const [quote = ""] = /^(?:> ?)*/.exec(line) ?? [];
    const words = line.slice(quote.length);
    const isFence = words.startsWith(fence);
    if (isFence) verbatim = !verbatim;
    if (isFence || verbatim) out.push(quote + words.replace(fence, "```"));
    else {
      const styled = render(parseLine(words, open), "", "");
      // A line of marks alone was none.
      if (styled !== "" || words === "") out.push(quote + styled);
    }
  }
  return out.join("\n");
}

/**
 * Which spans the text is in, outermost first. A span in one of its own kind is not counted as another: so there are
 * four at most, however deep the elements are.
 */
class OpenSpans {
  readonly #depths = new Map<Directive, number>();

  list(): readonly Directive[] {
    return [...this.#depths.keys()];
  }
  /** Whether that begins a span. */
  enter(directive: Directive): boolean {
    const depth = this.#depths.get(directive) ?? 0;
    this.#depths.set(directive, depth + 1);
    return depth === 0;
  }
  /** Whether that ends one. */
  leave(directive: Directive): boolean {
    const depth = this.#depths.get(directive) ?? 0;
    if (depth > 1) this.#depths.set(directive, depth - 1);
    return depth === 1 && this.#depths.delete(directive);
  }
}

/** The line as a tree, which begins and ends in the open spans. */
function parseLine(line: string, open: OpenSpans): Span {
  const root: Span = { directive: "", parts: [] };
  const stack = [root];
  const push = (directive: Directive): void => {
    const span: Span = { directive, parts: [] };
    stack.at(-1)?.parts.push(span);
    stack.push(span);
  };
  for (const directive of open.list()) push(directive);
  for (const piece of line.split(/([\ufdd0-\ufdd7])/)) {
    const code = piece.charCodeAt(0) - firstMark;
    const directive = directives[code >> 1];
    if (!anyMark.test(piece) || directive === undefined) {
      if (piece !== "") stack.at(-1)?.parts.push(piece);
    } else if (code % 2 === 0) {
      if (open.enter(directive)) push(directive);
    } else if (open.leave(directive)) {
      // Elements nest, so this is the innermost; only a stranger's noncharacters can mix them up.
      if (stack.at(-1)?.directive === directive) stack.pop();
    }
  }
  return root;
}

/** `inside` are the directives around the span, `before` what was written before it on the line. */
function render(span: Span, inside: string, before: string): string {
  const { directive } = span;
  const plain = flat(span);
  const edge = /^\s/.test(plain) ? " " : before.slice(-1);
  const mayOpen = /^\s?$/.test(edge) || (inside.includes(edge) && edge !== directive);
  const opens = directive !== "" && mayOpen && !inside.includes(directive);
  if (directive === "`") return opens ? wrap(plain, directive, before) : plain;
  const lead = opens ? directive : before;
  let out = "";
  for (const part of span.parts)
    out += typeof part === "string" ? part : render(part, opens ? inside + directive : inside, lead + out);
  return opens ? wrap(out, directive, before) : out;
}

/** Directive, text, directive, where no directive of that kind is inside. Blanks at the edges stay outside. */
function wrap(text: string, directive: Directive, before: string): string {
  const inner = text.trim();
  if (inner === "" || inner.includes(directive)) return text;
  const start = text.indexOf(inner);
  const lead = /\s$/.test(before) ? "" : text.slice(0, start);
  return `${lead}${directive}${inner}${directive}${text.slice(start + inner.length)}`;
}

function flat(span: Span): string {
  return span.parts.map((part) => (typeof part === "string" ? part : flat(part))).join("");
}
