// XEP-0393: Message Styling, as minimal HTML for the other half of multipart/alternative (email.md 18).

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => escapes[character] ?? character);
}

/** Blocks (section 5: preformatted, quotes, plain lines) and spans of a message body. */
export function stylingToHtml(text: string): string {
  return `<!DOCTYPE html><html><body>${blocks(text.split("\n"), 0)}</body></html>`;
}

/** Quotes deeper than this are shown as text. */
const deepestQuote = 10;

function blocks(lines: readonly string[], depth: number): string {
  const out: string[] = [];
  let plain: string[] = [];
  const flush = (): void => {
    if (plain.length > 0) out.push(`<div>${plain.map(spans).join("<br>\n")}</div>`);
    plain = [];
  };
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line.startsWith("```")) {
      flush();
      const end = lines.indexOf("```", at + 1);
      const code = lines.slice(at + 1, end < 0 ? lines.length : end);
      out.push(`<pre>${escapeHtml(code.join("\n"))}</pre>`);
      at = end < 0 ? lines.length : end;
    } else if (line.startsWith(">") && depth < deepestQuote) {
      flush();
      const from = at;
      while (at + 1 < lines.length && (lines[at + 1] ?? "").startsWith(">")) at += 1;
      const inner = lines.slice(from, at + 1).map((quoted) => quoted.replace(/^> ?/, ""));
      out.push(`<blockquote>${blocks(inner, depth + 1)}</blockquote>`);
    } else {
      plain.push(line);
    }
  }
  flush();
  return out.join("\n");
}

const tags: Readonly<Record<string, string>> = { "*": "strong", _: "em", "~": "s", "`": "code" };

/**
 * Section 6: a directive opens at the start of a line, after white space or after another opening directive, and not
 * before white space; it closes where no white space stands before it; between them is at least one character.
 */
function spans(line: string): string {
  if (line.length > 5000) return escapeHtml(line);
  let html = "";
  let textAt = 0;
  let mayOpen = true;
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at);
    const tag = tags[character];
    const end = tag !== undefined && mayOpen ? closing(line, at, character) : -1;
    if (tag !== undefined && end > 0) {
      const inner = line.slice(at + 1, end);
      html += links(line.slice(textAt, at)) + `<${tag}>${tag === "code" ? escapeHtml(inner) : spans(inner)}</${tag}>`;
      at = end;
      textAt = end + 1;
      mayOpen = false;
    } else {
      mayOpen = /\s/.test(character) || (mayOpen && tag !== undefined);
    }
  }
  return html + links(line.slice(textAt));
}

function closing(line: string, openAt: number, directive: string): number {
  if (/^(?:\s|$)/.test(line.charAt(openAt + 1)) || line.charAt(openAt + 1) === directive) return -1;
  let end = line.indexOf(directive, openAt + 2);
  while (end > 0 && /\s/.test(line.charAt(end - 1))) end = line.indexOf(directive, end + 1);
  return end;
}

/** Web addresses become links to exactly what they show. */
function links(text: string): string {
  let html = "";
  let at = 0;
  for (const match of text.matchAll(/\bhttps?:\/\/[^\s<>"]{1,2000}/g)) {
    const url = match[0].replace(/[.,;:!?)\]}'*_~]+$/, "");
    const start = match.index;
    html += escapeHtml(text.slice(at, start)) + `<a href="${escapeHtml(url)}">${escapeHtml(url)}</a>`;
    at = start + url.length;
  }
  return html + escapeHtml(text.slice(at));
}
