// What people say in rooms: into the archive, and to those who are there.
import type { OutgoingMessage, RemoteId, Sent } from "#bridge";
import { derivedKey } from "./keys.ts";
import type { Mentioned, OutgoingRow } from "./lane-ports.ts";
import { roomOf } from "./room-changes.ts";
import { actingPerson, append, nickOf, personOf, type RoomContext, tell } from "./room-people.ts";
import type { Said } from "./room-events.ts";
import type { ArchiveEntry, RoomTables, Saying } from "./room-ports.ts";

/** Something said, as it is committed. */
export interface Utterance {
  readonly room: RemoteId;
  readonly from: RemoteId | "self";
  /** Display name of `from`, where the event has one. */
  readonly name?: string | undefined;
  readonly body: Saying;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
  readonly stanzaId: string;
  /** The key of the row that tells it. */
  readonly key: string;
  /** The id that the user's client gave it. */
  readonly originId?: string | undefined;
  readonly url?: string | undefined;
}

/** What the network said, or what it took from the user. */
export function said(tables: RoomTables, context: RoomContext, what: Utterance): void {
  const { account } = context;
  const room = roomOf(tables, context, what.room);
  if (room === undefined) return;
  const id = what.from === "self" ? account.self : what.from;
  const self = id === account.self;
  // What the room itself says is said by nobody in it.
  const nick = id === room.id ? "" : actingPerson(tables, context, room.id, id, what.name).nick;
  const target = what.body.kind === "message" ? undefined : tables.archived(account.id, room.id, what.body.target);
  const body = asShown(tables, { ...what, from: self ? "self" : id }, context, target);
  archive(tables, { ...what, body, from: self ? "self" : id }, account.id, nick);
  const event: Said = {
    do: "said",
    body,
    id,
    nick,
    self,
    stanzaId: what.stanzaId,
    ...(what.originId === undefined ? {} : { originId: what.originId }),
    ...(what.url === undefined ? {} : { url: what.url }),
  };
  tell(tables, context, room.id, event, what.key);
}

/** What was said before the message `before`: into the archive, at its place. Nobody is told. */
export function saidBefore(
  tables: RoomTables,
  context: RoomContext,
  what: Utterance,
  before: RemoteId | undefined,
): void {
  const { account } = context;
  const room = tables.room(account.id, what.room);
  const next = before === undefined ? undefined : tables.answered(account.id, what.room, [before]);
  const place = room && tables.placeBefore(account.id, room.id, next);
  if (room === undefined || place === undefined) return;
  const self = what.from === "self" || what.from === account.self;
  const id = self ? account.self : what.from;
  const known = tables.participant(account.id, room.id, id);
  const person = known ?? personOf(tables, context, room.id, id, what.name);
  // They spoke there once; whether they are there now, that does not say.
  if (known === undefined) tables.saveParticipant({ ...person, state: "left", activeAt: what.sentAt });
  const body = asShown(tables, { ...what, from: self ? "self" : id }, context, undefined);
  archive(tables, { ...what, body, from: self ? "self" : id }, account.id, person.nick, place);
}

/** What the user's client wrote and the network took: everybody in the room sees it, with the client's own id. */
export function reflected(
  tables: RoomTables,
  context: RoomContext,
  room: RemoteId,
  row: OutgoingRow,
  sent: { readonly message: OutgoingMessage; readonly as: Sent } | undefined,
): void {
  if (row.body.kind === "read")
    return seen(tables, context, room, {
      from: "self",
      target: row.body.target ?? "",
      key: derivedKey("reflection", row.key),
    });
  const body = sayingOf(row, sent);
  if (body === undefined) return;
  said(tables, context, {
    room,
    from: "self",
    body,
    sentAt: row.createdAt,
    stanzaId: row.key,
    key: derivedKey("reflection", row.key),
    originId: row.body.origin.iq ? undefined : row.body.origin.id,
    url: row.body.file?.url,
  });
}

/** Somebody has read up to `target`. Of the user themself their other programs want to know, whether they are in or not. */
export function seen(
  tables: RoomTables,
  context: RoomContext,
  room: RemoteId,
  { from, target, key }: { readonly from: RemoteId | "self"; readonly target: string; readonly key: string },
): void {
  const id = from === "self" ? context.account.self : from;
  const nick = nickOf(tables, context, room, id);
  if (nick === undefined) return;
  const self = id === context.account.self;
  const event = { do: "read", id, nick, self, target } as const;
  if (self) append(tables, context, room, event, key);
  else tell(tables, context, room, event, key);
}

function sayingOf(
  { body }: OutgoingRow,
  sent: { readonly message: OutgoingMessage; readonly as: Sent } | undefined,
): Saying | undefined {
  const target = body.target ?? "";
  switch (body.kind) {
    case "message": {
      if (sent === undefined) return undefined;
      const { text, sentAt, subject, thread, replyTo, file, mentions = [], spoiler } = sent.message;
      const message = {
        id: sent.as.id,
        from: "self",
        text: text || (file?.url ?? ""),
        sentAt,
        ...(subject === undefined ? {} : { subject }),
        ...(thread === undefined ? {} : { thread }),
        ...(replyTo === undefined ? {} : { replyTo: [replyTo.id] }),
        ...(spoiler === undefined ? {} : { spoiler }),
        mentions: [...new Set(mentions.map(({ id }) => id))],
      } as const;
      return { kind: "message", message };
    }
    case "edit":
      return { kind: "edit", target, text: body.text ?? "" };
    case "retraction":
      return { kind: "retraction", target, ...body.moderation };
    case "reaction":
      return { kind: "reaction", target, from: "self" };
    case "read":
    case "change":
    case "part":
      return undefined;
    default:
      return body.kind satisfies never;
  }
}

/** By the ids that clients know. Nothing reaches out of the room (security.md M07). */
function asShown(
  tables: RoomTables,
  { body, room, from }: Utterance,
  context: RoomContext,
  target: ArchiveEntry | undefined,
): Saying {
  // XEP-0308 section 3: a correction names the id of the message stanza; everything else the stanza id.
  if (body.kind === "edit" && target) return { ...body, target: target.xmppId };
  if (body.kind === "retraction" && target && target.from !== from) return { ...body, moderated: true };
  if (body.kind !== "message") return body;
  const answers = tables.answered(context.account.id, room, body.message.replyTo ?? []);
  const mentioned = (body.message.mentions ?? []).flatMap((who): readonly Mentioned[] => {
    const nick = nickOf(tables, context, room, who);
    return nick === undefined ? [] : [{ who, nick }];
  });
  return {
    ...body,
    ...(answers === undefined ? {} : { answers }),
    ...(mentioned.length === 0 ? {} : { mentioned }),
  };
}

function archive(tables: RoomTables, what: Utterance, account: number, nick: string, place?: number): void {
  const { body, room, from, sentAt, stanzaId, originId } = what;
  // A set of reactions is kept with the message it is on, as it is now.
  if (body.kind === "reaction") return;
  if (body.kind === "retraction") tables.erase(account, room, body.target);
  tables.keep({ account, room, id: stanzaId, xmppId: originId ?? stanzaId, from, nick, sentAt, body }, place);
}
