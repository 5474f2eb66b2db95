// RFC 3676: text/plain with format=flowed, both ways.

/** Section 4.5 lines without a soft break; DelSp (section 4) drops the space that carried it. */
export function unflow(text: string, delSp: boolean): string {
  const out: string[] = [];
  let open: { depth: number; parts: string[] } | undefined;
  const close = (): void => {
    if (open !== undefined) out.push(quoted(open.depth, open.parts.join("")));
    open = undefined;
  };
  for (const raw of text.split(/\r?\n/)) {
    const depth = /^>*/.exec(raw)?.[0].length ?? 0;
    let line = raw.slice(depth);
    if (line.startsWith(" ")) line = line.slice(1); // space-stuffing, section 4.4
    if (open !== undefined && open.depth !== depth) close();
    if (line === "-- ") {
      close();
      out.push(quoted(depth, line));
      continue;
    }
    const soft = line.endsWith(" ");
    open ??= { depth, parts: [] };
    open.parts.push(soft && delSp ? line.slice(0, -1) : line);
    if (!soft) close();
  }
  close();
  return out.join("\n");
}

function quoted(depth: number, line: string): string {
  return depth === 0 ? line : `${">".repeat(depth)} ${line}`;
}

const width = 76;

/** Text as its lines travel: soft breaks after spaces before column 76, stuffed, no line that passes for a signature. */
export function flow(text: string): string {
  const out: string[] = [];
  for (const line of text.split("\n")) {
    const plain = escapeSignature(trimSpaces(line));
    const depth = /^(?:> ?)*/.exec(plain)?.[0].replaceAll(" ", "").length ?? 0;
    const body = depth === 0 ? plain : plain.replace(/^(?:> ?)+/, "");
    const mark = ">".repeat(depth);
    for (const piece of wrap(body, width - depth - 1)) out.push(mark + stuff(piece, depth));
  }
  return out.join("\n");
}

/** Section 4.2: no space before a hard break. By index, because a pattern that looks for the end is quadratic. */
function trimSpaces(line: string): string {
  let end = line.length;
  while (line[end - 1] === " ") end -= 1;
  return line.slice(0, end);
}

/** Section 4.4: what begins with a space, ">" or "From " gets one more space; quoted lines always do, for looks. */
function stuff(line: string, depth: number): string {
  return depth > 0 || /^(?: |>|From )/.test(line) ? ` ${line}` : line;
}

function wrap(line: string, limit: number): string[] {
  if (line.length <= limit) return [line];
  const pieces: string[] = [];
  let rest = line;
  while (rest.length > limit) {
    const space = rest.lastIndexOf(" ", limit - 1);
    // A piece of three characters could be "-- ", which ends a text.
    const at = space > 2 ? space : rest.indexOf(" ", limit);
    // A soft break before the end would leave an empty continuation.
    if (at < 0 || at + 1 >= rest.length) break;
    pieces.push(rest.slice(0, at + 1));
    rest = rest.slice(at + 1);
  }
  pieces.push(rest);
  return pieces;
}

/** Mail programs cut a text at "-- ": a zero-width space keeps the line visible (as Delta Chat writes it). */
function escapeSignature(line: string): string {
  return /^--(?: |$)/.test(line) ? `-\u200b${line.slice(1)}` : line;
}

/** Takes back what `flow` and Delta Chat do to lines of dashes. Only after a signature was looked for. */
export function unescapeSignatures(text: string): string {
  return text.replace(/^-\u200b-/gm, "--");
}
