// What an event is about: replies (13.11.2 "Rich replies"), threads, replacements, annotations, mentions.
import type { RemoteId } from "#bridge";
import { isEventId, isUserId, parseMatrixLink } from "../ids.ts";
import { at, field, list, text } from "./shape.ts";

export interface Relations {
  /** The event that this one replaces. */
  readonly replaces?: RemoteId;
  /** The first event of the thread. */
  readonly thread?: RemoteId;
  readonly replyTo?: RemoteId;
}

export function relationsOf(content: unknown): Relations {
  const relation = field(content, "m.relates_to");
  const kind = field(relation, "rel_type");
  const target = field(relation, "event_id");
  const reply = at(relation, "m.in_reply_to", "event_id");
  // In a thread the reply is often only for clients that know no threads.
  const isReal = kind !== "m.thread" || field(relation, "is_falling_back") !== true;
  return {
    ...(kind === "m.replace" && isEventId(target) ? { replaces: target } : {}),
    ...(kind === "m.thread" && isEventId(target) ? { thread: target } : {}),
    ...(isReal && isEventId(reply) ? { replyTo: reply } : {}),
  };
}

/** Mentions beyond this notify nobody. */
const mostMentions = 100;

/**
 * Who is meant (`m.mentions`, since v1.7); `@room` means the user too. Clients from before that only have pills in
 * their HTML.
 */
export function mentionsOf(content: unknown, self: RemoteId, sender: RemoteId): readonly (RemoteId | "self")[] {
  const mentions = field(content, "m.mentions");
  const ids = mentions === undefined ? pills(text(field(content, "formatted_body"))) : field(mentions, "user_ids");
  const found = new Set<RemoteId | "self">();
  if (field(mentions, "room") === true && sender !== self) found.add("self");
  for (const id of list(ids, mostMentions)) if (isUserId(id) && id !== sender) found.add(id === self ? "self" : id);
  return [...found];
}

function pills(html: string | undefined): readonly string[] {
  if (html === undefined || html.length > 65_536) return [];
  // A reply's quote links to whom it answers, which is no mention.
  const end = html.lastIndexOf("</mx-reply>");
  const links = html.slice(Math.max(end, 0)).matchAll(/href\s?=\s?["'](https:\/\/matrix\.to\/#\/[^"']{1,600})["']/gi);
  return [...links].flatMap(([, url = ""]) => parseMatrixLink(url)?.id ?? []);
}
