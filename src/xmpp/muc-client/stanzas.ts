// XEP-0045 as an occupant writes it. XEP-0359 (ids), 0308, 0424, 0444, 0461, 0066 and 0447 as in every message.
import type { FileLinks } from "../../gateway/web-ports.ts";
import type { GroupChatItem } from "../../gateway/group-chat-ports.ts";
import { NS } from "../ns.ts";
import { child, type Element, el } from "../stanza.ts";
import { messageStanza, type Written } from "../xeps/message-out.ts";

/** How much of the past is wanted with the entry (section 7.2.14). */
export type History =
  | { readonly most: number }
  /** Milliseconds since the epoch. */
  | { readonly since: number };

export function entryPresence(from: string, address: string, nick: string, history: History): Element {
  const wanted =
    "most" in history
      ? { maxstanzas: history.most }
      : { since: new Date(history.since).toISOString().replace(/\.\d+Z$/, "Z") };
  return el("presence", { from, to: `${address}/${nick}` }, el("x", { xmlns: NS.muc }, el("history", wanted)));
}

/** Section 7.6. */
export function nickPresence(from: string, address: string, nick: string): Element {
  return el("presence", { from, to: `${address}/${nick}` });
}

/** Section 7.14. */
export function exitPresence(from: string, address: string, nick: string): Element {
  return el("presence", { from, to: `${address}/${nick}`, type: "unavailable" });
}

/** Section 7.4. The id is the row's key: by it the chat's reflection is known. */
export function sayStanza(
  item: GroupChatItem,
  from: string,
  context: { readonly now: number; readonly links: FileLinks | undefined },
): Element {
  const { row, target, emojis = [], address } = item;
  const isAbout = target !== undefined && (item.body.kind === "retraction" || item.body.kind === "reaction");
  const body = isAbout ? { ...item.body, target } : item.body;
  const written: Written = {
    row: { key: row.key, body: body as Written["row"]["body"], createdAt: row.createdAt },
    user: address,
    emojis,
    ...(item.body.kind === "message" && target !== undefined ? { replyTo: { xmppId: target, fromSelf: false } } : {}),
  };
  const stanza = messageStanza(written, { from, markable: false, ...context });
  stanza.attrs.type = "groupchat";
  // The occupant has a nick already, and the message that is answered is found by its id.
  stanza.children = stanza.children.filter((node) => typeof node === "string" || node.getName() !== "nick");
  const reply = child(stanza, "reply", NS.reply);
  if (reply) delete reply.attrs.to;
  if (!child(stanza, "origin-id", NS.sid)) stanza.cnode(el("origin-id", { xmlns: NS.sid, id: row.key }));
  return stanza;
}
