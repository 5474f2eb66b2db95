// What a row looks like as a stanza. XEP-0359 (ids), 0203 (delay), 0172 (nick), 0461 (reply), 0428 (fallback), 0333 (markers),
// 0184 (receipts), 0382 (spoilers), 0393 (styling), 0308 (edits), 0424 (retractions), 0444 (reactions), 0085 (chat states).
import type { Origin } from "../../gateway/lane-ports.ts";
import type { FileLinks } from "../../gateway/web-ports.ts";
import type { OutputItem } from "../../gateway/xmpp-ports.ts";
import { NS } from "../ns.ts";
import { type LinkedFile, withFiles } from "./files-out.ts";
import { type Element, el } from "../stanza.ts";
import type { StanzaCondition } from "../stanza-error.ts";

export interface MessageContext {
  /** Bare JID that speaks. */
  readonly from: string;
  readonly now: number;
  readonly markable: boolean;
  readonly links: FileLinks | undefined;
}

/** Older messages carry their time (XEP-0203). */
const delayAfter = 60_000;

/** What of an item its stanza is made of. */
export type Written = Pick<OutputItem, "user" | "replyTo" | "emojis"> & {
  readonly row: Pick<OutputItem["row"], "key" | "body" | "createdAt">;
};

export function messageStanza(item: Written, context: MessageContext): Element {
  const { row, user } = item;
  const { body } = row;
  switch (body.kind) {
    case "message":
      return contentStanza(item, body.message, context);
    case "notice":
      return noticeStanza(context.from, user, row.key, body.text);
    case "edit":
      return el(
        "message",
        { from: context.from, to: user, type: "chat", id: row.key },
        el("body", {}, body.text),
        el("replace", { xmlns: NS.correct, id: body.target }),
        el("origin-id", { xmlns: NS.sid, id: row.key }),
        body.unstyled ? el("unstyled", { xmlns: NS.styling }) : undefined,
      );
    case "retraction":
      return el(
        "message",
        { from: context.from, to: user, type: "chat", id: row.key },
        el("retract", { xmlns: NS.retract, id: body.target }),
        el("fallback", { xmlns: NS.fallback, for: NS.retract }),
        el("body", {}, "A message was taken back, but your client does not support that."),
        el("store", { xmlns: NS.hints }),
      );
    case "reaction":
      return el(
        "message",
        { from: context.from, to: user, type: "chat", id: row.key },
        el(
          "reactions",
          { xmlns: NS.reactions, id: body.target },
          ...(item.emojis ?? []).map((emoji) => el("reaction", {}, emoji)),
        ),
        el("store", { xmlns: NS.hints }),
      );
    case "delivered":
      if (body.origin.iq)
        return el("iq", { type: "result", id: body.origin.id, from: context.from, to: body.origin.from });
      return el(
        "message",
        { from: context.from, to: body.origin.from, id: row.key },
        el("received", { xmlns: NS.receipts, id: body.origin.id }),
      );
    case "read":
      return el(
        "message",
        { from: context.from, to: body.origin.from, id: row.key, type: "chat" },
        el("displayed", { xmlns: NS.markers, id: body.origin.id }),
      );
    case "displayed":
      throw new RangeError("what the user has read is written by displayed-out.ts");
    case "failed":
      return errorStanza(context.from, body.origin, body.condition, body.text);
    case "profile":
      throw new RangeError("what a contact shows of themselves is told by presence");
    case "room":
    case "groupchat":
      throw new RangeError("what happens in rooms and group chats is written by muc and muc-client");
    default:
      return body satisfies never;
  }
}

/** XEP-0085. No copy of it is kept anywhere (XEP-0334). */
export function chatStateStanza(from: string, user: string, active: boolean): Element {
  return el(
    "message",
    { from, to: user, type: "chat" },
    el(active ? "composing" : "paused", { xmlns: NS.chatStates }),
    el("no-store", { xmlns: NS.hints }),
  );
}

/** A line from the gateway itself: of `from`, or in the conversation with it. */
export function noticeStanza(from: string, user: string, id: string | undefined, text: string): Element {
  return el("message", { from, to: user, type: "chat", id }, el("body", {}, text));
}

type Content = Extract<OutputItem["row"]["body"], { kind: "message" }>["message"];

function contentStanza(item: Written, message: Content, { from, now, markable, links }: MessageContext): Element {
  const { row, user, replyTo } = item;
  const lead = leadOf(message);
  const { named, linked } = filesOf(item, message, links);
  const { body, elements } = withFiles([lead + message.text, ...named].filter(Boolean).join("\n"), linked);
  return el(
    "message",
    // A machine's mail is no chat: clients show it, most without ringing.
    { from, to: user, type: message.automatic ? "normal" : "chat", id: row.key },
    el("body", {}, body),
    ...elements,
    message.subject === undefined ? undefined : el("subject", {}, message.subject),
    message.thread === undefined ? undefined : el("thread", {}, message.thread),
    el("origin-id", { xmlns: NS.sid, id: row.key }),
    now - message.sentAt > delayAfter
      ? el("delay", { xmlns: NS.delay, stamp: new Date(message.sentAt).toISOString() })
      : undefined,
    message.name === undefined ? undefined : el("nick", { xmlns: NS.nick }, message.name),
    replyTo && el("reply", { xmlns: NS.reply, id: replyTo.xmppId, to: replyTo.fromSelf ? user : from }),
    lead ? leadMark(lead) : undefined,
    message.unstyled ? el("unstyled", { xmlns: NS.styling }) : undefined,
    message.spoiler === undefined ? undefined : el("spoiler", { xmlns: NS.spoiler }, message.spoiler || undefined),
    markable ? el("markable", { xmlns: NS.markers }) : undefined,
  );
}

/** Files with a link, and a line for each that has none because there is no HTTP server to serve it. */
function filesOf({ row }: Written, { attachments = [] }: Content, links: FileLinks | undefined) {
  const named: string[] = [];
  const linked: LinkedFile[] = [];
  for (const [position, file] of attachments.entries()) {
    if (file.source === undefined) continue;
    const url = links?.link(row, position, file.name);
    if (url === undefined)
      named.push(`[${file.name} (${file.type}): this gateway has no web server to show files with]`);
    else {
      const small = file.thumbnail && links?.thumbnail(row, position, file.name);
      linked.push({ url, file, ...(small === undefined ? {} : { thumbnail: small }) });
    }
  }
  return { named, linked };
}

/**
 * The lines above the text. The subject stands in `<subject/>` as well, but Gajim 1.7 does not show that in a chat. The
 * user's own words from another program can only be shown as coming from the
 * conversation.
 */
function leadOf(message: Content): string {
  const lines = [
    message.from === "self" ? "You wrote from another program:" : undefined,
    message.subject ? `Subject: ${message.subject}` : undefined,
    message.note,
  ].filter(Boolean);
  return lines.length > 0 ? `${lines.join("\n")}\n` : "";
}

/** XEP-0428 section 3: these lines are not a part of the message. Positions count Unicode code points of the body. */
function leadMark(lead: string): Element {
  const length = [...lead].length;
  return el("fallback", { xmlns: NS.fallback, for: "urn:viaduct:lead" }, el("body", { start: 0, end: length }));
}

/** RFC 6120 section 8.3, with the id the sender's own client gave. */
function errorStanza(from: string, origin: Origin, condition: StanzaCondition, text: string): Element {
  return el(
    origin.iq ? "iq" : "message",
    { from, to: origin.from, type: "error", id: origin.id },
    el(
      "error",
      { type: "cancel" },
      el(condition, { xmlns: NS.stanzaErrors }),
      el("text", { xmlns: NS.stanzaErrors }, text),
    ),
  );
}
