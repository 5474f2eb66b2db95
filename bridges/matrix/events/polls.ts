// Polls (MSC3381): shown as numbered answers, voted in by an answer that is a number, counted when they end.
import type { Json, OutgoingMessage, RemoteId } from "#bridge";
import { cleanText } from "../text/characters.ts";
import { label, textBlock } from "./extensible.ts";
import { at, entries, field, list, text } from "./shape.ts";

/** MSC3381 allows 20 answers, and ids of any length. */
const mostAnswers = 20;
const longestId = 200;
const longestVote = 100;

const draft = "org.matrix.msc3381.poll.";

/** "start", "response" or "end"; undefined for what is no event of a poll. */
export function pollPart(type: string): string | undefined {
  return /^(?:m\.poll|org\.matrix\.msc3381\.poll)\.(start|response|end)$/.exec(type)?.[1];
}

interface Answer {
  readonly id: string;
  readonly words: string;
}

interface Poll {
  readonly question: string;
  readonly answers: readonly Answer[];
  /** How many of them one person may choose. */
  readonly most: number;
}

function pollOf(content: unknown): Poll {
  const poll = field(content, "m.poll") ?? field(content, `${draft}start`);
  const most = field(poll, "max_selections");
  const answers = list(field(poll, "answers"), mostAnswers).map((answer) => ({
    id: text(field(answer, "m.id") ?? field(answer, "id")) ?? "",
    words: label(answer) ?? "[an answer without text]",
  }));
  return {
    question: label(field(poll, "question")) ?? textBlock(content) ?? "[a question without text]",
    answers,
    most: Number.isSafeInteger(most) && Number(most) > 1 ? Math.min(Number(most), answers.length) : 1,
  };
}

/** Question and numbered answers, and how to vote. */
export function pollText(content: unknown): string {
  const { question, answers, most } = pollOf(content);
  const numbers = most > 1 ? `up to ${most} numbers` : "a number";
  return [
    `Poll: ${question}`,
    ...answers.map(({ words }, index) => `${index + 1}. ${words}`),
    ...(answers.length > 0 ? [`(Reply to this message with ${numbers} to vote.)`] : []),
  ].join("\n");
}

/** What is kept with the message of a poll, so that it can be voted in. */
export function pollContext(type: string, content: unknown): Json {
  const { answers, most } = pollOf(content);
  const ids = answers.map(({ id }) => (id.length <= longestId ? id : ""));
  return { ids, most, ...(type.startsWith(draft) ? { draft: true } : {}) };
}

/** A reply to a poll that is nothing but numbers of its answers, as a vote. Undefined: it is a message like any other. */
export function voteIn({
  text: words,
  file,
  replyTo,
}: OutgoingMessage): { readonly type: string; readonly content: { readonly [name: string]: Json } } | undefined {
  const poll = field(replyTo?.context, "poll");
  if (replyTo === undefined || poll === undefined || file !== undefined) return undefined;
  if (words.length > longestVote || !/^\d{1,2}(?:[\s,;]+\d{1,2})*[.!]?$/.test(words.trim())) return undefined;
  const numbers = [...new Set(words.match(/\d+/g)?.map(Number))];
  const ids = numbers.map((number) => text(list(field(poll, "ids"), mostAnswers)[number - 1]) ?? "");
  if (ids.includes("") || ids.length > Number(field(poll, "most"))) return undefined;
  const relation = { "m.relates_to": { rel_type: "m.reference", event_id: replyTo.id } };
  return field(poll, "draft") === true
    ? { type: `${draft}response`, content: { ...relation, [`${draft}response`]: { answers: ids } } }
    : { type: "m.poll.response", content: { ...relation, "m.selections": ids } };
}

/** One person's vote: ids of answers, as they came. */
export interface Vote {
  readonly sender: RemoteId;
  readonly sentAt: number;
  readonly ids: readonly unknown[];
}

export function voteOf(content: unknown): readonly unknown[] {
  return list(field(content, "m.selections") ?? at(content, `${draft}response`, "answers"), mostAnswers);
}

/** The result: of each person the last vote before the end counts, and none that chooses what there is not (MSC3381). */
export function pollResult(start: unknown, votes: readonly Vote[], endedAt: number): string {
  const { question, answers, most } = pollOf(start);
  const last = new Map<RemoteId, Vote>();
  for (const vote of votes) {
    if (vote.sentAt <= endedAt && (last.get(vote.sender)?.sentAt ?? -1) < vote.sentAt) last.set(vote.sender, vote);
  }
  const chosen = [...last.values()].flatMap(({ ids }) => {
    const some = ids.slice(0, most);
    return some.every((id) => answers.some((answer) => answer.id === id)) ? [...new Set(some)] : [];
  });
  const lines = answers.map(({ id, words }, index) => {
    const count = chosen.filter((one) => one === id).length;
    return `${index + 1}. ${words}: ${count} ${count === 1 ? "vote" : "votes"}`;
  });
  return [`The poll has ended: ${question}`, ...lines].join("\n");
}

/** That it is over, with the counts that its author's program gives, or in the words that it gives. */
export function pollEndText(content: unknown): string {
  const said = textBlock(content) ?? cleanText(text(field(content, "body")) ?? "");
  const end = field(content, "m.poll.end") ?? field(content, `${draft}end`);
  const votes = entries(field(content, "m.poll.results") ?? field(end, "results"), mostAnswers)
    .map(([, number]) => number)
    .filter((number) => Number.isSafeInteger(number));
  const total = votes.reduce((sum: number, number) => sum + Number(number), 0);
  const counted = votes.length === 0 ? "" : ` Votes: ${total}.`;
  return `The poll has ended.${counted}${said === "" ? "" : `\n${said}`}`;
}
