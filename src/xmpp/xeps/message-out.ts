// What a row looks like as a stanza. XEP-0359 (ids), 0203 (delay), 0172 (nick), 0461 (reply), 0428 (fallback), 0333 (markers),
// 0184 (receipts), 0393 (styling).
import type { OutputItem } from "../../gateway/ports.ts";
import { NS } from "../ns.ts";
import { type Element, el } from "../stanza.ts";
import type { StanzaCondition } from "../stanza-error.ts";

export interface MessageContext {
  /** Bare JID that speaks. */
  readonly from: string;
  readonly now: number;
  readonly markable: boolean;
}

/** Older messages carry their time (XEP-0203). */
const delayAfter = 60_000;

export function messageStanza(item: OutputItem, context: MessageContext): Element {
  const { row, user } = item;
  const { body } = row;
  switch (body.kind) {
    case "message":
      return contentStanza(item, body.message, context);
    case "notice":
      return noticeStanza(context.from, user, row.key, body.text);
    case "delivered":
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
    case "failed":
      return errorStanza(context.from, body.origin, body.condition, body.text);
    default:
      return body satisfies never;
  }
}

/** A line from the gateway itself. */
export function noticeStanza(from: string, user: string, id: string | undefined, text: string): Element {
  return el("message", { from, to: user, type: "chat", id }, el("body", {}, text));
}

type Content = Extract<OutputItem["row"]["body"], { kind: "message" }>["message"];

function contentStanza(item: OutputItem, message: Content, { from, now, markable }: MessageContext): Element {
  const { row, user, replyTo } = item;
  const lead = leadOf(message);
  return el(
    "message",
    // A machine's mail is no chat: clients show it, most without ringing.
    { from, to: user, type: message.automatic ? "normal" : "chat", id: row.key },
    el("body", {}, lead + message.text),
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
    markable ? el("markable", { xmlns: NS.markers }) : undefined,
  );
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
function errorStanza(
  from: string,
  origin: { id?: string; from: string },
  condition: StanzaCondition,
  text: string,
): Element {
  return el(
    "message",
    { from, to: origin.from, type: "error", id: origin.id },
    el(
      "error",
      { type: "cancel" },
      el(condition, { xmlns: NS.stanzaErrors }),
      el("text", { xmlns: NS.stanzaErrors }, text),
    ),
  );
}
