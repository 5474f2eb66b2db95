// What a user's message stanza means: to a contact it becomes an outgoing row, to the gateway a line of a chat.
// XEP-0085, 0184, 0201, 0308, 0333, 0359, 0382, 0424, 0428, 0444, 0461.
import type { Verb } from "#bridge";
import type { Gateway } from "../../gateway/gateway.ts";
import type { Origin, OutgoingBody } from "../../gateway/lane-ports.ts";
import { NS } from "../ns.ts";
import type { Feature, Request } from "../router.ts";
import { attr, child, children, type Element, textOf } from "../stanza.ts";
import { readError, StanzaError } from "../stanza-error.ts";
import { withoutFallback } from "./fallback.ts";
import { sharedFile } from "./files-in.ts";

export interface MessageInOptions {
  readonly bridge: string;
  readonly gateway: Gateway;
  /** What the bridge can do: the namespaces that follow from it are told. */
  readonly verbs: readonly Verb[];
  /** The bridge sends files. */
  readonly files: boolean;
  /** The component's own domain: XEP-0356 advertisements and the like are not for users. */
  readonly serverDomain: string;
  readonly onPrivilege: (stanza: Element) => void;
  /** A user's server answered a stanza of this id with an error. */
  readonly onRefused: (id: string, reason: string) => void;
  /** Takes an invitation into a room (XEP-0249) to a contact; false: the stanza is none. */
  readonly inviteDirectly: (user: string, contact: string, stanza: Element) => Promise<boolean>;
}

export function messages(options: MessageInOptions): Feature {
  const { verbs } = options;
  const able: readonly (readonly [Verb, string])[] = [
    ["edit", NS.correct],
    ["retract", NS.retract],
    ["markRead", NS.markers],
    ["react", NS.reactions],
    ["setTyping", NS.chatStates],
  ];
  const shared = options.files ? [NS.oob, NS.fileSharing] : [];
  const more = able.filter(([verb]) => verbs.includes(verb)).map(([, ns]) => ns);
  return {
    xep: "0184",
    features: { contact: [NS.receipts, NS.reply, NS.fallback, NS.sid, ...shared, ...more] },
    message: (request) => receive(request, options),
  };
}

async function receive(
  request: Request,
  { bridge, gateway, files, serverDomain, onPrivilege, onRefused, inviteDirectly }: MessageInOptions,
): Promise<void> {
  const { stanza, from, contact } = request;
  const type = attr(stanza, "type") ?? "normal";
  if (from.local === undefined) {
    // Only the server itself grants privileges (security.md X07).
    if (from.domain === serverDomain && from.resource === undefined && child(stanza, "privilege", NS.privilege))
      onPrivilege(stanza);
    return;
  }
  if (type === "error") {
    // Never bridged and never answered (security.md X04); it may be about a message of ours.
    const id = attr(stanza, "id");
    if (id) onRefused(id, readError(stanza).message);
    return;
  }
  if (type === "headline" || isForwarded(stanza)) return;
  if (type === "groupchat") throw new StanzaError("feature-not-implemented", "This is not a room.");
  if (contact === undefined) {
    const text = textOf(stanza, "body");
    if (text?.trim()) await gateway.hear(bridge, from.bare, text);
    return;
  }
  // No client is without a resource: what the gateway said in the user's name comes back (see displayed-out.ts).
  if (from.resource === undefined && child(stanza, "displayed", NS.markers)) return;
  if (await inviteDirectly(from.bare, contact, stanza)) return;
  const body = decode(stanza, from.toString(), { files });
  if (body) return gateway.submit(bridge, from.bare, contact, body);
  const active = chatState(stanza);
  if (active !== undefined) gateway.hints.typing(bridge, from.bare, contact, active);
}

const longestId = 4_096;
/** Reactions of one person on one message, and the UTF-16 units of one: more is no reaction any more. */
const mostEmojis = 20;
const longestEmoji = 64;

export interface DecodeOptions {
  /** The network takes files: then a shared file is one, and not a link in the text. */
  readonly files: boolean;
}

/** Undefined: nothing that a network would want to know (chat states, receipts, bare markers of other kinds). */
export function decode(
  stanza: Element,
  from: string,
  { files }: DecodeOptions = { files: false },
): OutgoingBody | undefined {
  // An id of any length would not fit into the answers that carry it (security.md X17); no client makes one.
  const id = attr(stanza, "id");
  const origin: Origin = { from, ...(id && id.length <= longestId ? { id } : {}) };
  const displayed = child(stanza, "displayed", NS.markers);
  const retract = child(stanza, "retract", NS.retract);
  const replace = child(stanza, "replace", NS.correct);
  const reply = child(stanza, "reply", NS.reply);
  const text = textOf(stanza, "body");
  const of = (kind: OutgoingBody["kind"], target: string | undefined): OutgoingBody => ({
    kind,
    origin,
    ...(target ? { target } : {}),
  });
  if (retract) return of("retraction", attr(retract, "id"));
  const reactions = child(stanza, "reactions", NS.reactions);
  if (reactions) return { ...of("reaction", attr(reactions, "id")), emojis: emojisOf(reactions) };
  if (isEncrypted(stanza)) {
    throw new StanzaError(
      "not-acceptable",
      "The gateway cannot read encrypted messages. Switch encryption off for this contact and send it again.",
    );
  }
  if (displayed && !text) return of("read", attr(displayed, "id"));
  const content = contentOf(stanza, text, files);
  if (content === undefined) return undefined;
  const subject = oneLine(textOf(stanza, "subject"));
  const thread = textOf(stanza, "thread")?.slice(0, 255);
  const nick = oneLine(textOf(stanza, "nick", NS.nick));
  const spoiler = oneLine(textOf(stanza, "spoiler", NS.spoiler));
  const target = replace ?? reply;
  return {
    ...of(replace ? "edit" : "message", target && attr(target, "id")),
    ...content,
    receipt: child(stanza, "request", NS.receipts) !== undefined,
    ...(subject ? { subject } : {}),
    ...(thread ? { thread } : {}),
    ...(nick ? { senderName: nick } : {}),
    ...(spoiler === undefined ? {} : { spoiler }),
  };
}

/** The words and the file of a message. Where the network has no files the link is the text. */
function contentOf(
  stanza: Element,
  body: string | undefined,
  files: boolean,
): Pick<OutgoingBody, "text" | "file"> | undefined {
  const shared = sharedFile(stanza, body ?? "");
  if (shared && files) return shared;
  if (body?.trim()) return { text: withoutQuote(body, stanza) };
  return shared && { text: shared.file.url };
}

/** XEP-0444 section 3.1: a set; each holds an emoji. */
function emojisOf(reactions: Element): readonly string[] {
  const all = children(reactions, "reaction", NS.reactions).map((one) => one.getText().trim());
  return [...new Set(all)].filter((emoji) => emoji !== "" && emoji.length <= longestEmoji).slice(0, mostEmojis);
}

/** XEP-0085: true while the user types, false when they stopped, undefined when nothing is said of it. */
export function chatState(stanza: Element): boolean | undefined {
  const state = children(stanza, undefined, NS.chatStates)[0]?.getName();
  if (state === undefined) return undefined;
  return state === "composing";
}

/** Carbons, archive results and forwards name other senders inside; none of them is a message to a contact (X05). */
export function isForwarded(stanza: Element): boolean {
  return children(stanza).some((node) => {
    const ns = node.getNS();
    return ns === NS.carbons || ns === NS.mam || ns === NS.forward;
  });
}

const encryptions = new Set([
  "eu.siacs.conversations.axolotl",
  "urn:xmpp:omemo:2",
  "urn:xmpp:omemo:1",
  "jabber:x:encrypted",
  "urn:xmpp:openpgp:0",
]);
const isEncrypted = (stanza: Element) => children(stanza).some((node) => encryptions.has(node.getNS() ?? ""));

/** XEP-0461 section 3.2: the quote that stands in the body for clients without replies is not a part of the answer. */
function withoutQuote(text: string, stanza: Element): string {
  const rest = withoutFallback(text, stanza, NS.reply);
  return rest.trim() ? rest : text;
}

/** Longer subjects are cut, not refused: RFC 5322 lines end at 998. */
const oneLine = (text: string | undefined) => text?.replace(/\s+/g, " ").trim().slice(0, 500);
