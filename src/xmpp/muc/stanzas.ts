// XEP-0045: Multi-User Chat: the rows of a room's lane as stanzas for each client of the user's that is in it. XEP-0249:
// Direct MUC Invitations. XEP-0359 (stanza ids), 0203 (history), 0425 (moderation), 0066 (shared files), 0372 (mentions), 0333 (markers),
// 0486 (the room's picture).
import type { RemoteId } from "#bridge";
import type { IncomingRow } from "../../gateway/lane-ports.ts";
import type { OutputItem } from "../../gateway/xmpp-ports.ts";
import type { RoomEvent, RoomView, Said, Subject } from "../../gateway/room-events.ts";
import type { ArchiveEntry } from "../../gateway/room-ports.ts";
import { NS } from "../ns.ts";
import { attr, child, type Element, el, textOf } from "../stanza.ts";
import { messageStanza, type Written } from "../xeps/message-out.ts";
import { roomPicture } from "./cards.ts";
import { callOf, references } from "./mentions.ts";
import { gonePresence, herePresence, occupantId, renamePresence, type RoomContext } from "./presence-out.ts";

export interface WriteContext extends RoomContext {
  readonly now: number;
  /** The component's own JID: it invites to what the user chose. */
  readonly gateway: string;
}

/** All stanzas of a row, in order. */
export function roomStanzas(item: OutputItem, view: RoomView, context: WriteContext): Element[] {
  const { body } = item.row;
  if (body.kind === "room") return view.clients.flatMap((to) => eventStanzas(item, view, body.event, to, context));
  return [messageStanza(item, { from: context.jid, now: context.now, markable: false, links: undefined })];
}

function eventStanzas(
  item: OutputItem,
  view: RoomView,
  event: RoomEvent,
  to: string,
  context: WriteContext,
): Element[] {
  switch (event.do) {
    case "said":
      return [saidStanza(event, to, { ...context, createdAt: item.row.createdAt }, item.emojis)];
    case "here": {
      const here = herePresence(context, to, event.person);
      return event.was === undefined ? [here] : [renamePresence(context, to, event.person, event.was), here];
    }
    case "gone":
    case "expelled":
      return [gonePresence(context, to, event.person, event)];
    case "read":
      return [readStanza(context, to, item.row.key, event)];
    case "subject":
      return [subjectStanza(context, to, item.row.key, event)];
    case "configured":
      return [
        el(
          "message",
          { type: "groupchat", from: context.jid, to, id: item.row.key },
          // Section 10.2.1: something that has nothing to do with privacy changed.
          el("x", { xmlns: NS.mucUser }, el("status", { code: 104 })),
        ),
        ...pictureStanzas(view, to, context),
      ];
    case "pictured":
      return pictureStanzas(view, to, context);
    case "invited":
    case "joined":
      return [invitation(item.row, event, to, context)];
    case "forgotten":
      return [];
    case "entered":
      return entryStanzas(item, view, event, to, context);
    default:
      return event satisfies never;
  }
}

/** Section 7.1: who is there, then the client itself, the history and the subject. */
function entryStanzas(
  item: OutputItem,
  view: RoomView,
  event: Extract<RoomEvent, { readonly do: "entered" }>,
  to: string,
  context: WriteContext,
): Element[] {
  const { people, subject } = event;
  // Section 15.6.2: 100 everybody's address is seen, 210 the nick is another one than asked for.
  const codes = event.asked === event.person.nick ? [100] : [100, 210];
  return [
    ...people.map((person) => herePresence(context, to, person)),
    herePresence(context, to, event.person, codes),
    ...(view.history ?? []).map((entry) => historyStanza(entry, to, context)),
    ...pictureStanzas(view, to, context),
    subjectStanza(context, to, item.row.key, subject),
  ];
}

const pictureStanzas = ({ picture }: RoomView, to: string, { jid }: RoomContext): Element[] =>
  picture === undefined ? [] : [roomPicture(jid, to, picture)];

/** Section 7.2.13, with the time at which it was said (XEP-0203). */
function historyStanza(entry: ArchiveEntry, to: string, context: RoomContext): Element {
  const stanza = archivedStanza(entry, to, context);
  stanza.cnode(el("delay", { xmlns: NS.delay, from: context.jid, stamp: new Date(entry.sentAt).toISOString() }));
  return stanza;
}

/** Something that was said earlier. */
export function archivedStanza(entry: ArchiveEntry, to: string | undefined, context: RoomContext): Element {
  const self = entry.from === "self";
  const said: Said = {
    do: "said",
    body: entry.body,
    id: self ? context.self : entry.from,
    nick: entry.nick,
    self,
    stanzaId: entry.id,
    originId: entry.xmppId,
  };
  // As if it were said now: whoever shows it says when it was.
  return saidStanza(said, to, { ...context, now: entry.sentAt, createdAt: entry.keptAt });
}

/** Children of a message in a conversation that have no place in a room: nicks and receipts speak for one sender. */
const personal = new Set(["nick", "origin-id"]);

function saidStanza(
  said: Said,
  to: string | undefined,
  context: RoomContext & { readonly now: number; readonly createdAt: number },
  emojis: readonly string[] = [],
): Element {
  const from = said.nick === "" ? context.jid : `${context.jid}/${said.nick}`;
  const body = bodyOf(said);
  const answers = body.kind === "message" ? body.answers : undefined;
  const written: Written = {
    row: { key: said.stanzaId, body, createdAt: context.createdAt },
    user: "",
    emojis,
    ...(answers === undefined ? {} : { replyTo: { xmppId: answers, fromSelf: false } }),
  };
  const { now, links } = context;
  const stanza = messageStanza(written, { from, now, markable: context.markable && !said.self, links });
  stanza.children = stanza.children.filter((node) => typeof node === "string" || !personal.has(node.getName()));
  stanza.attrs = { type: "groupchat", from, ...(to === undefined ? {} : { to }), id: said.originId ?? said.stanzaId };
  // The message answered is found by its id: the room has it, not one address.
  const reply = child(stanza, "reply", NS.reply);
  if (reply) delete reply.attrs.to;
  const moderated = body.kind === "retraction" && body.moderated === true;
  if (moderated) moderate(stanza, said, body.reason, context);
  const { mentioned = [] } = body.kind === "message" ? body : {};
  for (const one of references(mentioned, textOf(stanza, "body") ?? "", context)) stanza.cnode(one);
  if (said.url !== undefined) stanza.cnode(el("x", { xmlns: NS.oob }, el("url", {}, said.url)));
  stanza.cnode(el("stanza-id", { xmlns: NS.sid, by: context.jid, id: said.stanzaId }));
  if (!moderated && said.nick !== "") stanza.cnode(occupantId(context, said.id));
  return stanza;
}

/** XEP-0425 section 5.1: the room takes back what a moderator does not want. Also as clients before version 0.3 know it. */
function moderate(stanza: Element, { id, nick }: Said, reason: string | undefined, context: RoomContext): void {
  const retract = child(stanza, "retract", NS.retract);
  const by = `${context.jid}/${nick}`;
  const why = () => (reason ? el("reason", {}, reason) : undefined);
  stanza.attrs.from = context.jid;
  retract?.cnode(el("moderated", { xmlns: NS.moderate, by }, occupantId(context, id)));
  if (reason) retract?.cnode(el("reason", {}, reason));
  const before = el("moderated", { xmlns: NS.moderateV0, by }, el("retract", { xmlns: NS.retractV0 }), why());
  stanza.cnode(el("apply-to", { xmlns: NS.fasten, id: retract && attr(retract, "id") }, before));
}

/** In a room the user's own words are theirs: nothing has to say so. */
function bodyOf({ body, nick }: Said): Said["body"] {
  if (body.kind !== "message") return body;
  const note = [callOf(body.mentioned ?? [], body.message.text), body.message.note].filter(Boolean).join("\n");
  return { ...body, message: { ...body.message, from: nick, ...(note === "" ? {} : { note }) } };
}

/** XEP-0333 section 4.1: in a room messages are known by their stanza ids. */
function readStanza(
  context: RoomContext,
  to: string,
  id: string,
  { nick, id: who, target }: Extract<RoomEvent, { readonly do: "read" }>,
): Element {
  return el(
    "message",
    { type: "groupchat", from: `${context.jid}/${nick}`, to, id },
    el("displayed", { xmlns: NS.markers, id: target }),
    el("store", { xmlns: NS.hints }),
    occupantId(context, who),
  );
}

function subjectStanza({ jid }: RoomContext, to: string, id: string, { text, by, at }: Subject): Element {
  return el(
    "message",
    { type: "groupchat", from: by === undefined ? jid : `${jid}/${by}`, to, id },
    el("subject", {}, text),
    at === undefined ? undefined : el("delay", { xmlns: NS.delay, from: jid, stamp: new Date(at).toISOString() }),
  );
}

/** Section 7.8.2 and XEP-0249 in one: each client takes the one it knows. */
function invitation(
  row: IncomingRow,
  event: { readonly by?: RemoteId; readonly name?: string; readonly reason?: string },
  to: string,
  context: WriteContext,
): Element {
  const inviter = event.by === undefined ? context.gateway : (context.jidOf(event.by) ?? context.gateway);
  const room = event.name ?? context.jid;
  const who = event.by === undefined ? "You can join" : `${inviter} invites you to`;
  return el(
    "message",
    { from: context.jid, to, id: row.key },
    el("body", {}, `${who} the room ${room}`),
    el(
      "x",
      { xmlns: NS.mucUser },
      el("invite", { from: inviter }, event.reason ? el("reason", {}, event.reason) : undefined),
    ),
    el("x", { xmlns: NS.conference, jid: context.jid, reason: event.reason }),
  );
}
