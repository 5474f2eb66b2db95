// MSC1767 extensible events: text in events of types that this bridge does not know, and polls (MSC3381, m.poll.*).
import { cleanLabel, cleanText } from "../text/characters.ts";
import { htmlToStyling } from "../text/html.ts";
import { at, entries, field, list, text } from "./shape.ts";

/** Representations of one text; the first plain one counts. */
const mostBlocks = 20;
/** MSC3381 allows 20 answers. */
const mostAnswers = 20;

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

/** Question and numbered answers. */
export function pollText(content: unknown): string {
  const poll = field(content, "m.poll") ?? field(content, "org.matrix.msc3381.poll.start");
  const question = label(field(poll, "question")) ?? textBlock(content) ?? "[a question without text]";
  const answers = list(field(poll, "answers"), mostAnswers).map(
    (answer, index) => `${index + 1}. ${label(answer) ?? "[an answer without text]"}`,
  );
  return [`Poll: ${question}`, ...answers].join("\n");
}

/** That it is over, with the counts that its author's program gives, or in the words that it gives. */
export function pollEndText(content: unknown): string {
  const said = textBlock(content) ?? cleanText(text(field(content, "body")) ?? "");
  const end = field(content, "m.poll.end") ?? field(content, "org.matrix.msc3381.poll.end");
  const votes = entries(field(content, "m.poll.results") ?? field(end, "results"), mostAnswers)
    .map(([, number]) => number)
    .filter((number) => Number.isSafeInteger(number));
  const total = votes.reduce((sum: number, number) => sum + Number(number), 0);
  const counted = votes.length === 0 ? "" : ` Votes: ${total}.`;
  return `The poll has ended.${counted}${said === "" ? "" : `\n${said}`}`;
}

function label(of: unknown): string | undefined {
  const words = textBlock(of) ?? text(at(of, "body"));
  return words === undefined ? undefined : notEmpty(cleanLabel(words, 500));
}
