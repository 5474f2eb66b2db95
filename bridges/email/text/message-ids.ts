// Message-IDs: RFC 5322 section 3.6.4, as strictly as the gateway stands behind them.
import { createHash } from "node:crypto";

/** RemoteId allows 1,000 characters, a header line 998; real ids are far shorter. */
const longest = 900;
const shape = /^<[!-;=?-~]+>$/;

/** The id with its angle brackets, or undefined when it is none: no space, no angle inside, ASCII (E04). */
export function validMessageId(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const id = text.trim();
  return id.length <= longest && shape.test(id) ? id : undefined;
}

/** Every valid id in an In-Reply-To or References field, in order, each once. Prose in between (RFC 822) is skipped. */
export function messageIdsIn(value: string | undefined): string[] {
  if (value === undefined) return [];
  const ids = new Set<string>();
  // Folding inside an id happens when a mail program folds at any price.
  for (const match of value.slice(0, 200_000).matchAll(/<[^<>]{1,1000}>/g)) {
    const id = validMessageId(match[0].replace(/[ \t]/g, ""));
    if (id !== undefined) ids.add(id);
  }
  return [...ids];
}

/** First and last 20: the root keeps the thread together, the end names the near parents (email.md 17). */
export function trimReferences(ids: readonly string[]): string[] {
  const unique = [...new Set(ids)];
  const root = unique[0];
  if (root === undefined || unique.length <= 21) return unique;
  return [root, ...unique.slice(-20)];
}

/** XEP-0201 thread id of the mail thread that begins with `root`: the same for every mail of it. */
export function threadOf(root: string): string {
  return createHash("sha256").update(root).digest("hex").slice(0, 32);
}
