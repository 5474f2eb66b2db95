// What people say in rooms: into the archive, and to those who are there.
import type { OutgoingMessage, RemoteId, Sent } from "#bridge";
import { derivedKey } from "./keys.ts";
import type { AccountId, OutgoingRow } from "./ports.ts";
import { roomOf } from "./room-changes.ts";
import { actingPerson, type RoomContext, tell } from "./room-people.ts";
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
  readonly reason?: string | undefined;
  readonly url?: string | undefined;
}

/** What the network said, or what it took from the user. */
export function said(tables: RoomTables, context: RoomContext, what: Utterance): void {
  const { account } = context;
  const room = roomOf(tables, context, what.room);
  if (room === undefined) return;
  const id = what.from === "self" ? account.self : what.from;
  const self = id === account.self;
  const { nick } = actingPerson(tables, context, room.id, id, what.name);
  const target = what.body.kind === "message" ? undefined : tables.archived(account.id, room.id, what.body.target);
  const body = asShown(tables, what, account.id, target);
  const moderated = body.kind === "retraction" && target !== undefined && target.from !== (self ? "self" : id);
  archive(tables, { ...what, body, from: self ? "self" : id }, account.id, nick);
  const event: Said = {
    do: "said",
    body,
    id,
    nick,
    self,
    stanzaId: what.stanzaId,
    ...(what.originId === undefined ? {} : { originId: what.originId }),
    ...(moderated ? { moderated } : {}),
    ...(what.reason ? { reason: what.reason } : {}),
    ...(what.url === undefined ? {} : { url: what.url }),
  };
  tell(tables, context, room.id, event, what.key);
}

/** What the user's client wrote and the network took: everybody in the room sees it, with the client's own id. */
export function reflected(
  tables: RoomTables,
  context: RoomContext,
  room: RemoteId,
  row: OutgoingRow,
  sent: { readonly message: OutgoingMessage; readonly as: Sent } | undefined,
): void {
  const body = sayingOf(row, sent);
  if (body === undefined) return;
  said(tables, context, {
    room,
    from: "self",
    body,
    sentAt: row.createdAt,
    stanzaId: row.key,
    key: derivedKey("reflection", row.key),
    originId: row.body.origin.id,
    url: row.body.file?.url,
  });
}

function sayingOf(
  { body }: OutgoingRow,
  sent: { readonly message: OutgoingMessage; readonly as: Sent } | undefined,
): Saying | undefined {
  const target = body.target ?? "";
  switch (body.kind) {
    case "message": {
      if (sent === undefined) return undefined;
      const { text, sentAt, subject, thread, replyTo, file } = sent.message;
      const message = {
        id: sent.as.id,
        from: "self",
        text: text || (file?.url ?? ""),
        sentAt,
        ...(subject === undefined ? {} : { subject }),
        ...(thread === undefined ? {} : { thread }),
        ...(replyTo === undefined ? {} : { replyTo: [replyTo.id] }),
      } as const;
      return { kind: "message", message };
    }
    case "edit":
      return { kind: "edit", target, text: body.text ?? "" };
    case "retraction":
      return { kind: "retraction", target };
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
  { body, room }: Utterance,
  account: AccountId,
  target: ArchiveEntry | undefined,
): Saying {
  // XEP-0308 section 3: a correction names the id of the message stanza; everything else the stanza id.
  if (body.kind === "edit" && target) return { ...body, target: target.xmppId };
  if (body.kind !== "message") return body;
  const answers = tables.answered(account, room, body.message.replyTo ?? []);
  return answers === undefined ? body : { ...body, answers };
}

function archive(tables: RoomTables, what: Utterance, account: number, nick: string): void {
  const { body, room, from, sentAt, stanzaId, originId } = what;
  // A set of reactions is kept with the message it is on, as it is now.
  if (body.kind === "reaction") return;
  if (body.kind === "retraction") tables.erase(account, room, body.target);
  tables.keep({ account, room, id: stanzaId, xmppId: originId ?? stanzaId, from, nick, sentAt, body });
}
