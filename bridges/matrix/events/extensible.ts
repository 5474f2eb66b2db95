// MSC1767 extensible events: text in events of types that this bridge does not know.
import { cleanLabel, cleanText } from "../text/characters.ts";
import { htmlToStyling } from "../text/html.ts";
import { at, field, list, text } from "./shape.ts";

/** Representations of one text; the first plain one counts. */
const mostBlocks = 20;

/** The text block of an event, in the stable form or either form of the drafts. */
export function textBlock(content: unknown): string | undefined {
  const draft = text(field(content, "org.matrix.msc1767.text"));
  if (draft !== undefined) return notEmpty(cleanText(draft));
  for (const name of ["m.text", "org.matrix.msc1767.text", "m.message", "org.matrix.msc1767.message"]) {
    const blocks = list(field(content, name), mostBlocks);
    const plain = blocks.find((block) => [undefined, "text/plain"].includes(text(field(block, "mimetype"))));
    const body = text(field(plain, "body"));
    if (body !== undefined) return notEmpty(cleanText(body));
    const html = text(
      field(
        blocks.find((block) => field(block, "mimetype") === "text/html"),
        "body",
      ),
    );
    if (html !== undefined) return htmlToStyling(html);
  }
  const simple = text(field(content, "m.text"));
  return simple === undefined ? undefined : notEmpty(cleanText(simple));
}

const notEmpty = (words: string): string | undefined => (words === "" ? undefined : words);

/** A label of a poll: one line. */
export function label(of: unknown): string | undefined {
  const words = textBlock(of) ?? text(at(of, "body"));
  return words === undefined ? undefined : notEmpty(cleanLabel(words, 500));
}
