// XEP-0372: References, in rooms: whom a client calls, and how those who are called see it.
import type { Mention, RemoteId } from "#bridge";
import { joinMentions, nickMentions } from "../../gateway/nick-mentions.ts";
import type { Mentioned, OutgoingBody } from "../../gateway/lane-ports.ts";
import type { EnteredRoom } from "../../gateway/room-directory.ts";
import type { Jid } from "../jid.ts";
import { type Element, textOf } from "../stanza.ts";
import { mention, mentionsIn, placeOf, type Reference, uriOf } from "../xeps/references.ts";
import type { MucOptions } from "./options.ts";
import type { RoomContext } from "./presence-out.ts";

/** What a client says in a room, with those it calls: by references, and by nicks that are unmistakable. */
export async function withMentions(
  body: OutgoingBody,
  stanza: Element,
  inside: EnteredRoom,
  options: MucOptions,
): Promise<OutgoingBody> {
  const { text } = body;
  if (!text || (body.kind !== "message" && body.kind !== "edit")) return body;
  const { known } = options.gateway.rooms;
  const whoIs = async (jid: Jid): Promise<RemoteId | undefined> => {
    if (jid.resource !== undefined && jid.bare === options.addresses.roomJid(inside.room.local))
      return (await known.person(inside, jid.resource))?.id;
    const address = jid.domain === options.addresses.domain ? options.addresses.resolve(jid) : undefined;
    return address?.kind === "contact" ? address.id : undefined;
  };
  const mentionOf = async ({ jid, at }: Reference): Promise<Mention | undefined> => {
    const id = await whoIs(jid);
    return id === undefined ? undefined : { id, ...(at === undefined ? {} : { at }) };
  };
  const references = mentionsIn(stanza, textOf(stanza, "body") ?? "", text);
  const byReference = (await Promise.all(references.map(mentionOf))).filter((one) => one !== undefined);
  // Most texts have nothing in them that could call anybody.
  const byNick = /[:,@]/.test(text) ? nickMentions(text, await known.people(inside)) : [];
  const mentions = joinMentions(joinMentions([], byReference), byNick).filter(({ id }) => id !== inside.account.self);
  return mentions.length === 0 ? body : { ...body, mentions };
}

/** The references of a message, for the body that its stanza has. */
export function references(mentioned: readonly Mentioned[], body: string, context: RoomContext): readonly Element[] {
  return mentioned.map(({ who, nick }) => {
    const jid = who === "self" ? context.user : (context.jidOf(who) ?? `${context.jid}/${nick}`);
    return mention(uriOf(jid), body, nick);
  });
}

/**
 * The line above a message that calls the user without their nick (an answer, `@room`): clients ring at the nick.
 * Undefined: the nick is there, the user is not called, or the line would break a `/me` (XEP-0245).
 */
export function callOf(mentioned: readonly Mentioned[], text: string): string | undefined {
  const own = mentioned.find(({ who }) => who === "self");
  const isCalled = own !== undefined && text !== "" && !text.startsWith("/me ");
  return isCalled && placeOf(own.nick, text) === undefined ? `${own.nick}:` : undefined;
}
