// Nicks: what people in a room are called. Display names of networks are not unique, may be empty, and may be made to look
// like somebody else's (security.md X22).
import type { RemoteId } from "#bridge";

/** Code points of a nick: clients give it one line. */
const longest = 60;

/** Format characters turn text around (bidi controls) or are not there to the eye; the rest is no text at all. */
const invisible = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Default_Ignorable_Code_Point}]/gu;

/** A display name on one line, without what cannot be seen; empty when nothing is left. */
export function cleanNick(name: string): string {
  const line = name
    .toWellFormed()
    .replace(/[\s\p{Z}]+/gu, " ")
    .replace(invisible, "")
    .normalize("NFC")
    .trim();
  return [...line].slice(0, longest).join("").trim();
}

// Letters that stand for others in the most common typefaces, after Unicode's confusables.txt (UTS #39): those of
// Cyrillic and Greek that look Latin, and digits and strokes that look like letters.
const lookAlikes = new Map(
  [
    ["аΑαа", "a"],
    ["Вβь", "b"],
    ["сςϲ", "c"],
    ["ԁ", "d"],
    ["еёєε", "e"],
    ["ɡ", "g"],
    ["һнΗ", "h"],
    ["іїıι1|!ӏlⅼ", "i"],
    ["јϳ", "j"],
    ["кκ", "k"],
    ["мμ", "m"],
    ["пηո", "n"],
    ["оοσ0օ", "o"],
    ["рρ", "p"],
    ["ԛ", "q"],
    ["гᴦ", "r"],
    ["ѕ5$", "s"],
    ["тτ", "t"],
    ["υսц", "u"],
    ["ѵν", "v"],
    ["ԝωшщ", "w"],
    ["хχ", "x"],
    ["уүγ", "y"],
    ["ᴢζ", "z"],
  ].flatMap(([odd = "", plain = ""]) => [...odd].map((letter) => [letter.toLowerCase(), plain] as const)),
);

/**
 * What two texts have in common that look alike, after UTS #39 section 4: compatibility forms, case, marks, spaces and
 * punctuation are gone, look-alikes are one letter. Never empty.
 */
export function skeletonOf(nick: string): string {
  const bare = nick.normalize("NFKD").toLowerCase().replace(/\p{M}/gu, "");
  const letters = [...bare].map((letter) => lookAlikes.get(letter) ?? letter).join("");
  const words = letters
    .replaceAll("rn", "m")
    .replaceAll("vv", "w")
    .replace(/[\s\p{P}\p{Z}]/gu, "");
  return words || nick;
}

/**
 * A nick that nobody in the room has or seems to have. Who comes later gets their id behind their name; ids are unique,
 * what people call themselves is not.
 */
export function nickFor(
  name: string | undefined,
  id: RemoteId,
  isTaken: (skeleton: string) => boolean,
): { readonly nick: string; readonly skeleton: string } {
  const shortId = cleanNick(id) || "somebody";
  const plain = cleanNick(name ?? "") || shortId;
  const base = plain === shortId ? plain : `${plain} (${shortId})`;
  for (let count = 0; ; count++) {
    const nick = count === 0 ? plain : count === 1 ? base : `${base} ${count}`;
    // The skeleton of a number is not the number: what makes two nicks differ is added as it is.
    const skeleton = count < 2 ? skeletonOf(nick) : `${skeletonOf(base)} ${count}`;
    if (!isTaken(skeleton)) return { nick, skeleton };
  }
}
