// Events of a room's timeline to what the core understands. Pure: no network, no state. The events are what homeservers
// send, so any field may be anything (security.md M03); what is no event is ignored, what is an event of a kind that
// nobody here knows says so in words: nothing is lost in silence.
import type { Incoming, IncomingMessage, RemoteId } from "#bridge";
import { type EventContext, type ParsedEvent, parseEvent } from "./events/event.ts";
import { textBlock } from "./events/extensible.ts";
import { type Content, contentOf, location, stickerContent } from "./events/message-content.ts";
import { pollContext, pollEndText, pollPart, pollText } from "./events/polls.ts";
import { mentionsOf, relationsOf } from "./events/relations.ts";
import { stateToIncoming } from "./events/room-state.ts";
import { field, isObject, text } from "./events/shape.ts";
import { isEventId, matrixLink } from "./ids.ts";
import { cleanLabel, cleanName, cleanText } from "./text/characters.ts";

/**
 * What an event means: usually one thing, nothing for what is no event, was taken back already, or is signalling between
 * programs. Never throws.
 */
export function eventToIncoming(raw: unknown, context: EventContext): readonly Incoming[] {
  const event = parseEvent(raw, context);
  if (event === undefined) return [];
  if (event.stateKey !== undefined) return stateToIncoming(event, context);
  if (isRedacted(raw)) return [];
  switch (event.type) {
    case "m.room.redaction":
      return redaction(event);
    case "m.reaction":
      return reaction(event);
    default:
      return isSignalling(event.type) ? [] : [message(event, context)];
  }
}

/** Somebody took the event back before it was seen here: nothing of it is left to show. */
function isRedacted(raw: unknown): boolean {
  return isObject(field(field(raw, "unsigned"), "redacted_because"));
}

/** Programs talk to each other with these; people do not see them anywhere. */
function isSignalling(type: string): boolean {
  return (
    /^m\.(?:key|dummy|secret|call\.(?!invite$|notify$))/.test(type) ||
    /^(?:m\.beacon|org\.matrix\.msc3672\.beacon|com\.beeper\.message_send_status)$/.test(type) ||
    /^(?:org\.matrix\.(?:msc3401\.)?call\.(?!invite|notify)|io\.element\.call\.encryption_keys)/.test(type)
  );
}

function message(event: ParsedEvent, context: EventContext): Incoming {
  const { base, content, type } = event;
  const { replaces, thread, replyTo } = relationsOf(content);
  const replacement = field(content, "m.new_content");
  if (replaces !== undefined && type !== "m.room.encrypted" && isObject(replacement))
    return edit(event, replaces, said({ type, content: replacement }, context, false));
  const { automatic, ...words } = said(event, context, replyTo !== undefined);
  const answers = replyTo ?? (type === "m.room.message" ? undefined : referenceOf(content));
  const mentions = mentionsOf(content, context.self, event.sender);
  const kept = {
    ...(thread === undefined ? {} : { thread }),
    ...(pollPart(type) === "start" ? { poll: pollContext(type, content) } : {}),
  };
  return {
    ...base,
    type: "message",
    ...words,
    ...(automatic ? { automatic } : {}),
    ...(thread === undefined ? {} : { thread }),
    ...(Object.keys(kept).length === 0 ? {} : { context: kept }),
    ...(answers === undefined ? {} : { replyTo: [answers] }),
    ...(mentions.length === 0 ? {} : { mentions }),
    ...(context.name === undefined ? {} : { name: cleanName(context.name, event.sender) }),
  };
}

function edit({ base }: ParsedEvent, target: RemoteId, { text: words, unstyled, attachments }: Content): Incoming {
  const files = attachments?.map(({ name }) => `[${name}]`).join(" ") ?? "";
  return { ...base, type: "edit", target, text: words || files, ...(unstyled ? { unstyled } : {}) };
}

/** Votes and ends of polls point at them. */
function referenceOf(content: unknown): RemoteId | undefined {
  const relation = field(content, "m.relates_to");
  const target = field(relation, "event_id");
  return field(relation, "rel_type") === "m.reference" && isEventId(target) ? target : undefined;
}

const calls = new Set([
  "m.call.invite",
  "m.call.notify",
  "m.rtc.notification",
  "org.matrix.msc4075.call.notify",
  "org.matrix.msc4075.rtc.notification",
]);

/** What an event of the timeline says to people. */
function said(
  { type, content }: Pick<ParsedEvent, "type"> & { readonly content: unknown },
  { undecryptable = defaultPlaceholder, peer, pollResult }: EventContext,
  isReply: boolean,
): Content {
  if (calls.has(type))
    return { text: `/me is calling. Calls cannot be taken here, but in a Matrix program: ${matrixLink(peer.id)}` };
  switch (type.replace(/^org\.matrix\.msc3381\./, "m.")) {
    case "m.room.message":
      return contentOf(content, isReply);
    case "m.sticker":
      return stickerContent(content);
    case "m.room.encrypted":
      return { text: undecryptable, unstyled: true };
    case "m.location":
      return { text: location(content, textBlock(content) ?? "A location") };
    case "m.poll.start":
      return { text: pollText(content) };
    case "m.poll.response":
      return { text: "/me voted in the poll.", automatic: true };
    case "m.poll.end":
      return { text: pollResult ?? pollEndText(content), automatic: true };
    default:
      return unknown(type, content);
  }
}

/** security.md M17. The caller corrects it with `asCorrection` when the key has come. */
const defaultPlaceholder = "[This message is encrypted, and its key is not here.]";

function unknown(type: string, content: unknown): Content {
  const body = text(field(content, "body"));
  const words = textBlock(content) ?? (body === undefined ? "" : cleanText(body));
  if (words !== "") return { text: words };
  return { text: `[Something that cannot be shown here: ${cleanLabel(type, 100)}]`, unstyled: true, automatic: true };
}

/** The message in place of the placeholder that was shown for the same event. Its files come with it. */
export function asCorrection(decrypted: IncomingMessage): readonly Incoming[] {
  // What the user wrote elsewhere is no message of the gateway's to correct: it is shown once more, readable.
  if (decrypted.from === "self") return [{ ...decrypted, digest: "decrypted" }];
  const { id, peer, from, sentAt, text: words, unstyled, attachments } = decrypted;
  const correction: Incoming = {
    type: "edit",
    id,
    peer,
    from,
    sentAt,
    target: id,
    text: words || "[A file, in the next message.]",
    ...(unstyled ? { unstyled } : {}),
  };
  // A correction carries no files. The digest tells the message apart from the placeholder with the same id.
  return attachments === undefined ? [correction] : [correction, { ...decrypted, text: "", digest: "decrypted" }];
}

function reaction({ base, content }: ParsedEvent): readonly Incoming[] {
  const relation = field(content, "m.relates_to");
  const target = field(relation, "event_id");
  const key = text(field(relation, "key"));
  if (!isEventId(target) || key === undefined) return [];
  // Custom pictures are shown by their names.
  const name = text(field(content, "shortcode")) ?? text(field(content, "com.beeper.reaction.shortcode"));
  const emoji = key.startsWith("mxc:") ? cleanLabel(name ?? "", 50) || "[image]" : visible(key);
  return emoji === "" ? [] : [{ ...base, type: "reaction", target, emoji }];
}

/** Variation selectors and joiners are part of an emoji, so a label's cleaning would break it. */
function visible(key: string): string {
  const label = cleanText(key.slice(0, 50)).replace(/\s+/g, " ");
  return cleanLabel(label) === "" ? "" : label;
}

/** Since room version 11 the target stands in the content, before beside it. */
function redaction({ base, content, raw }: ParsedEvent): readonly Incoming[] {
  const target = [field(content, "redacts"), field(raw, "redacts")].find((id) => isEventId(id));
  if (target === undefined) return [];
  const reason = cleanLabel(text(field(content, "reason")) ?? "", 500);
  return [{ ...base, type: "retraction", target, ...(reason === "" ? {} : { reason }) }];
}
