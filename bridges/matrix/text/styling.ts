// XEP-0393: Message Styling, as HTML for `formatted_body`.

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => escapes[character] ?? character);
}

/** HTML of a styled text; undefined when nothing in it is styling, so that plain text stays plain. */
export function stylingToHtml(text: string): string | undefined {
  const html = htmlOf(text);
  return html === escapeHtml(text).replaceAll("\n", "<br>") ? undefined : html;
}

/** The same, whether there is styling in it or not. */
export function htmlOf(text: string): string {
  return blocks(text.split("\n"), 0);
}

/** Whether a client that knows XEP-0393 would style something in it. */
export function hasStyling(text: string): boolean {
  return stylingToHtml(text) !== undefined;
}

/** Quotes deeper than this are shown as text. */
const deepestQuote = 10;

/** Section 5: preformatted text, quotations and plain lines. */
function blocks(lines: readonly string[], depth: number): string {
  const out: string[] = [];
  let plain: string[] = [];
  const flush = (): void => {
    if (plain.length > 0) out.push(plain.map(spans).join("<br>"));
    plain = [];
  };
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line.startsWith("```")) {
      flush();
      // Section 5.1.2: it ends with the block around it when no line closes it.
      const fence = lines.indexOf("```", at + 1);
      const end = fence < 0 ? lines.length : fence;
      out.push(preformatted(line.slice(3), lines.slice(at + 1, end)));
      at = end;
    } else if (line.startsWith(">") && depth < deepestQuote) {
      flush();
      const from = at;
      while (lines[at + 1]?.startsWith(">")) at += 1;
      const inner = lines.slice(from, at + 1).map((quoted) => quoted.replace(/^>[ \t]*/, ""));
      out.push(`<blockquote>${blocks(inner, depth + 1)}</blockquote>`);
    } else {
      plain.push(line);
    }
  }
  flush();
  return out.join("");
}

function preformatted(firstLine: string, code: readonly string[]): string {
  const language = firstLine.trim();
  const name = /^[A-Za-z0-9+#_-]{1,30}$/.test(language) ? ` class="language-${language}"` : "";
  return `<pre><code${name}>${escapeHtml(code.join("\n"))}\n</code></pre>`;
}

const tags: ReadonlyMap<string, string> = new Map([
  ["*", "strong"],
  ["_", "em"],
  ["~", "del"],
  ["`", "code"],
]);

/**
 * Section 6: a directive opens at the start of a line, after white space or after another opening directive, and not
 * before white space; it closes where no white space stands before it; between them is at least one character. A span
 * holds none of its own kind, so this goes four deep at most.
 */
function spans(line: string): string {
  const hopeless = new Set<string>();
  let html = "";
  let textAt = 0;
  let mayOpen = true;
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at);
    const tag = tags.get(character);
    const end = tag !== undefined && mayOpen && !hopeless.has(character) ? closing(line, at, character) : -1;
    if (tag !== undefined && end > 0) {
      const inner = line.slice(at + 1, end);
      html += `${escapeHtml(line.slice(textAt, at))}<${tag}>${tag === "code" ? escapeHtml(inner) : spans(inner)}</${tag}>`;
      at = end;
      textAt = end + 1;
      mayOpen = false;
    } else {
      // What nothing closes here nothing closes further on: without this a line of openings costs its square.
      if (end === nothingCloses) hopeless.add(character);
      mayOpen = /\s/.test(character) || (mayOpen && tag !== undefined);
    }
  }
  return html + escapeHtml(line.slice(textAt));
}

const nothingCloses = -2;

/** Where the span that opens at `openAt` ends; negative: it is none. */
function closing(line: string, openAt: number, directive: string): number {
  const next = line.charAt(openAt + 1);
  if (next === "" || next === directive || /\s/.test(next)) return -1;
  let end = line.indexOf(directive, openAt + 2);
  while (end > 0 && /\s/.test(line.charAt(end - 1))) end = line.indexOf(directive, end + 1);
  return end < 0 ? nothingCloses : end;
}
