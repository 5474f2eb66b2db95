// State events of a room: who comes and goes, what it is called, who may come in. In a conversation of two most of
// that is no news: only what the other person shows of themselves is.
import type { Incoming, IncomingMembership } from "#bridge";
import { isRoomAlias, isRoomId, isUserId } from "../ids.ts";
import { cleanLabel, cleanName, cleanText, cutAt } from "../text/characters.ts";
import type { EventContext, ParsedEvent } from "./event.ts";
import { textBlock } from "./extensible.ts";
import { avatarIn } from "./media.ts";
import { rankOf } from "./ranks.ts";
import { at, field, text } from "./shape.ts";

const longestTopic = 4000;

/** What a state event means; nothing for state that no XMPP client could show. */
export function stateToIncoming(event: ParsedEvent, context: EventContext): readonly Incoming[] {
  switch (event.type) {
    case "m.room.encryption":
      return notice(event, "Messages here are encrypted from now on. The gateway encrypts and decrypts them for you.");
    case "m.room.tombstone":
      return tombstone(event);
    case "m.beacon_info":
    case "org.matrix.msc3672.beacon_info":
      return notice(
        event,
        `/me ${field(event.content, "live") === true ? "shares" : "stopped sharing"} a live location.`,
      );
    default:
      return context.direct ? contact(event, context) : roomState(event, context);
  }
}

function contact({ base, type, content, stateKey }: ParsedEvent, { peer }: EventContext): readonly Incoming[] {
  if (type !== "m.room.member" || stateKey !== peer.id || field(content, "membership") !== "join") return [];
  const name = nameOf(content, peer.id);
  const avatar = avatarIn(content, "avatar_url") ?? null;
  return [{ ...base, type: "contact", avatar, ...(name === undefined ? {} : { name }) }];
}

function roomState(event: ParsedEvent, context: EventContext): readonly Incoming[] {
  const { base, type, content } = event;
  const room = { ...base, type: "room" } as const;
  const alias = field(content, "alias");
  switch (type) {
    case "m.room.member":
      return membership(event, context);
    case "m.room.name":
      return [{ ...room, name: cleanLabel(text(field(content, "name")) ?? "") }];
    case "m.room.topic":
      return [{ ...room, topic: topicOf(content) }];
    case "m.room.canonical_alias":
      return isRoomAlias(alias) ? [{ ...room, address: alias }] : [];
    case "m.room.avatar":
      return [{ ...room, avatar: avatarIn(content, "url") ?? null }];
    case "m.room.join_rules":
      return [{ ...room, access: field(content, "join_rule") === "public" ? "open" : "members" }];
    default:
      return [];
  }
}

/** Since v1.15 the topic has text blocks. */
function topicOf(content: unknown): string {
  const topic = textBlock(field(content, "m.topic")) ?? cleanText(text(field(content, "topic")) ?? "");
  return cutAt(topic, longestTopic);
}

function membership(event: ParsedEvent, context: EventContext): readonly Incoming[] {
  const { base, content, sender, stateKey, raw } = event;
  if (!isUserId(stateKey)) return [];
  const before = text(at(raw, "unsigned", "prev_content", "membership"));
  const state = stateOf(field(content, "membership"), sender === stateKey, before);
  const name = nameOf(content, stateKey);
  // Said by the room: they are not in it.
  if (state === "knocked")
    return notice(
      { ...event, base: { ...base, from: base.peer.id } },
      `${name ?? stateKey} (${stateKey}) asks to be let in.${reasonIn(content)} Who may invite can let them in by that.`,
    );
  if (state === undefined) return [];
  const reason = cleanLabel(text(field(content, "reason")) ?? "", 500);
  const rank = state === "banned" ? "outcast" : rankOf(context.powerLevels, context.create, stateKey);
  return [
    {
      ...base,
      type: "membership",
      who: stateKey === context.self ? "self" : stateKey,
      state,
      ...(state === "left" || state === "kicked" ? {} : { rank }),
      ...(state === "joined" ? { avatar: avatarIn(content, "avatar_url") ?? null } : {}),
      ...(name === undefined ? {} : { name }),
      ...(reason === "" ? {} : { reason }),
    },
  ];
}

function stateOf(
  membership: unknown,
  byThemselves: boolean,
  before: string | undefined,
): IncomingMembership["state"] | "knocked" | undefined {
  switch (membership) {
    case "join":
      return "joined";
    case "invite":
      return "invited";
    case "ban":
      return "banned";
    case "knock":
      return "knocked";
    case "leave":
      // A ban that is lifted and a knock that is refused put nobody out.
      return byThemselves || before === "ban" || before === "knock" ? "left" : "kicked";
    default:
      return undefined;
  }
}

function nameOf(content: unknown, who: string): string | undefined {
  const name = text(field(content, "displayname"));
  return name === undefined ? undefined : cleanName(name, who);
}

function reasonIn(content: unknown): string {
  const reason = cleanLabel(text(field(content, "reason")) ?? "", 500);
  return reason === "" ? "" : ` "${reason}"`;
}

function tombstone(event: ParsedEvent): readonly Incoming[] {
  const body = cleanLabel(text(field(event.content, "body")) ?? "", 500);
  const next = field(event.content, "replacement_room");
  const where = isRoomId(next) ? ` The new one is ${next}.` : "";
  return notice(event, `This room was replaced.${where}${body === "" ? "" : ` "${body}"`}`);
}

function notice({ base }: ParsedEvent, words: string): readonly Incoming[] {
  return [{ ...base, type: "message", text: words, unstyled: true, automatic: true }];
}
