// Who is called by their nick in a text: "Ann: hello", "Ann, Ben: hello", "hello @Ann". Only what cannot be anything else:
// nicks of a room are unlike each other, and are taken as they are written there, letter by letter.
import type { Mention, RemoteId } from "#bridge";

/** Places that are looked at, and people that one text calls: more is no conversation. */
const mostPlaces = 200;
const mostMentions = 50;

/** In the order of the text. */
export function nickMentions(
  text: string,
  people: readonly { readonly nick: string; readonly id: RemoteId }[],
): readonly Mention[] {
  // The longest first: "Ann Lee" is not Ann.
  const byLength = people.filter(({ nick }) => nick !== "").toSorted((a, b) => b.nick.length - a.nick.length);
  const at = (start: number, isEnd: (after: string) => boolean): Mention | undefined => {
    const person = byLength.find(({ nick }) => text.startsWith(nick, start) && isEnd(text.slice(start + nick.length)));
    return person && { id: person.id, at: { start, end: start + person.nick.length } };
  };
  const mentions = [...addressed(text, at), ...marked(text, at)];
  return mentions.slice(0, mostMentions);
}

type Find = (start: number, isEnd: (after: string) => boolean) => Mention | undefined;

/** At the beginning, before a colon or commas. */
function addressed(text: string, at: Find): readonly Mention[] {
  const found: Mention[] = [];
  for (let start = 0; found.length < mostMentions; ) {
    const mention = at(start, (after) => /^[:,](?:\s|$)/.test(after));
    const end = mention?.at?.end;
    if (mention === undefined || end === undefined) break;
    found.push(mention);
    if (text.charAt(end) === ":") break;
    start = end + 1 + (/^[ \t]*/.exec(text.slice(end + 1))?.[0].length ?? 0);
  }
  return found;
}

/** Behind an "@" that begins a word, outside of code (XEP-0393 sections 5.1.2 and 6.2.4). */
function marked(text: string, at: Find): readonly Mention[] {
  const prose = text.replace(/```[^]*?(?:```|$)|`[^`\n]+`/g, (code) => " ".repeat(code.length));
  const places = [...prose.matchAll(/(?<![^\s("'*_~[])@/gu)].slice(0, mostPlaces);
  return places.flatMap(
    ({ index }) => at(index + 1, (after) => !/^[\p{L}\p{N}_]|^[.:@-][\p{L}\p{N}_]/u.test(after)) ?? [],
  );
}

/** Those of `more` that say something new: nobody again, and nothing over another place. In the order of the text. */
export function joinMentions(first: readonly Mention[], more: readonly Mention[]): readonly Mention[] {
  const all = [...first];
  for (const mention of more) {
    const overlaps = (other: Mention) =>
      mention.at === undefined || other.at === undefined
        ? mention.id === other.id
        : mention.at.start < other.at.end && other.at.start < mention.at.end;
    if (all.length < mostMentions && !all.some(overlaps)) all.push(mention);
  }
  return all.toSorted((a, b) => (a.at?.start ?? -1) - (b.at?.start ?? -1));
}
