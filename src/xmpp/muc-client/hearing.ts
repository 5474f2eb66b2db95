// What a chat sends to an occupant, as the core hears it. XEP-0359 (stanza ids), 0421 (occupant ids), 0425 (moderation),
// 0203 (history).
import type { Occupant } from "#bridge";
import type { Heard } from "../../gateway/group-chat-ports.ts";
import { derivedKey } from "../../gateway/keys.ts";
import type { OutgoingBody } from "../../gateway/lane-ports.ts";
import { parseJid } from "../jid.ts";
import { NS } from "../ns.ts";
import { attr, child, type Element, textOf } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";
import { decode } from "../xeps/message-in.ts";
import type { ChatFacts } from "./services.ts";

/** Longer ones are no ids: nobody may fill the index with them. */
const longestId = 255;

export interface Hearing {
  readonly address: string;
  readonly facts: ChatFacts;
  readonly now: number;
  /** Undefined where it cannot be told. */
  readonly mine?: boolean;
  /** From the archive: the archive's id of it, and when it was said. */
  readonly archived?: { readonly id: string; readonly at: number };
}

/** Undefined: nothing that anybody would have to know. */
export function hear(stanza: Element, hearing: Hearing): Heard | undefined {
  const { address, now, archived, mine } = hearing;
  const from = attr(stanza, "from") ?? "";
  const nick = parseJid(from)?.resource;
  const subject = textOf(stanza, "subject");
  const text = textOf(stanza, "body");
  if (subject !== undefined && text === undefined)
    return archived ? undefined : { what: "changed", change: { do: "subject", text: subject } };
  const body = bodyOf(stanza, from);
  // Chats may give our stanzas ids of their own; what is inside they leave alone.
  const own = mine === false ? undefined : child(stanza, "origin-id", NS.sid);
  const id = short((own && attr(own, "id")) ?? attr(stanza, "id"));
  const stanzaId = archived?.id ?? stanzaIdOf(stanza, hearing);
  const speaker = nick === undefined ? undefined : occupantOf(stanza, nick, hearing.facts);
  // Only moderators and the service itself speak as the chat; of what it says to people nothing is news elsewhere.
  if (speaker === undefined && body?.kind !== "retraction") return undefined;
  if (body === undefined && stanzaId === undefined) return undefined;
  return {
    what: "said",
    mark: stanzaId ?? `~${derivedKey(address, nick ?? "", id ?? "", text ?? "")}`,
    at: Math.min(now, archived?.at ?? sentAt(stanza) ?? now),
    ...(stanzaId === undefined ? {} : { stanzaId }),
    ...(id === undefined ? {} : { id }),
    ...(mine === undefined ? {} : { mine }),
    ...(speaker === undefined ? {} : { speaker }),
    ...(body === undefined ? {} : { body }),
  };
}

/** Where chats do not make the ids, anybody could write them into a message. */
export function occupantOf(stanza: Element, nick: string, { features }: ChatFacts): Occupant {
  const given = child(stanza, "occupant-id", NS.occupantId);
  const id = features.has(NS.occupantId) && given ? short(attr(given, "id")) : undefined;
  return { id: id ?? `nick ${nick}`, nick };
}

function stanzaIdOf(stanza: Element, { address, facts: { features } }: Hearing): string | undefined {
  if (!features.has(NS.sid) && !features.has(NS.mam)) return undefined;
  for (const node of stanza.children) {
    if (typeof node === "string" || node.getName() !== "stanza-id" || node.getNS() !== NS.sid) continue;
    if (attr(node, "by") === address) return short(attr(node, "id"));
  }
  return undefined;
}

function sentAt(stanza: Element): number | undefined {
  const delay = child(stanza, "delay", NS.delay);
  return delay && timeOf(attr(delay, "stamp"));
}

/** XEP-0082; undefined for what is no time. */
export function timeOf(stamp: string | undefined): number | undefined {
  const time = Date.parse(stamp ?? "");
  return Number.isSafeInteger(time) && time > 0 ? time : undefined;
}

function bodyOf(stanza: Element, from: string): OutgoingBody | undefined {
  try {
    const body = decode(stanza, from, { files: true });
    return body?.kind === "read" ? undefined : body;
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    return { kind: "message", origin: { from }, text: "[This message is encrypted and cannot be read here.]" };
  }
}

const short = (id: string | undefined): string | undefined =>
  id !== undefined && id.length > 0 && id.length <= longestId ? id : undefined;
