// XEP-0045: Multi-User Chat, sections 7.4, 7.5, 7.8 and 8.1: what clients say in a room, and whom they ask in.
import { GatewayError } from "../../gateway/errors.ts";
import { NS } from "../ns.ts";
import { parseJid } from "../jid.ts";
import type { RoomRequest } from "../router.ts";
import { attr, child, type Element, textOf } from "../stanza.ts";
import { chatState, decode, isForwarded } from "../xeps/message-in.ts";
import { withMentions } from "./mentions.ts";
import type { MucOptions } from "./options.ts";

export async function receiveMessage(request: RoomRequest, options: MucOptions): Promise<void> {
  const { stanza, from, room, to } = request;
  const type = attr(stanza, "type") ?? "normal";
  if (from.local === undefined || from.resource === undefined || isForwarded(stanza)) return;
  const { rooms } = options.gateway;
  const client = from.toString();
  if (type === "error") {
    // The client is not there any more (section 7.14): its server could not deliver.
    await rooms.goOut(options.bridge, from.bare, room.local, client);
    return;
  }
  if (room.nick !== undefined) return refusePrivate(request, options, type);
  if (type === "groupchat") return say(request, options);
  const asked = child(stanza, "x", NS.mucUser);
  if (asked === undefined) return refuseUnheard(stanza);
  const found = await rooms.known.find(options.bridge, from.bare, room.local);
  if (found === undefined) throw new GatewayError("item-not-found", "There is no such room.");
  if (child(asked, "decline"))
    return found.room.self === "invited" ? rooms.leave(found.account, found.room.id) : undefined;
  const invite = child(asked, "invite");
  if (invite === undefined) return;
  const who = contactOf(attr(invite, "to"), options);
  if (who === undefined)
    throw new GatewayError("not-acceptable", `Only people of ${to.domain} can be asked into this room.`);
  await rooms.change(found, { do: "invite", who, ...reasonOf(textOf(invite, "reason")) });
}

/** XEP-0249: an invitation that a client sends to a contact itself. False: it is something else. */
export async function inviteDirectly(
  user: string,
  contact: string,
  stanza: Element,
  options: MucOptions,
): Promise<boolean> {
  const invitation = child(stanza, "x", NS.conference);
  const room = invitation && parseJid(attr(invitation, "jid") ?? "");
  if (invitation === undefined || room === undefined) return false;
  const address = room.domain === options.addresses.domain ? options.addresses.resolve(room) : undefined;
  const local = address?.kind === "room" || address?.kind === "unclaimed" ? address.local : undefined;
  const found = local === undefined ? undefined : await options.gateway.rooms.known.find(options.bridge, user, local);
  if (found === undefined)
    throw new GatewayError("not-acceptable", "People of this network can only be asked into its own rooms.");
  await options.gateway.rooms.change(found, { do: "invite", who: contact, ...reasonOf(attr(invitation, "reason")) });
  return true;
}

async function say({ stanza, from, room }: RoomRequest, options: MucOptions): Promise<void> {
  const { rooms } = options.gateway;
  const inside = await rooms.known.inside(options.bridge, from.bare, room.local, from.toString());
  const subject = textOf(stanza, "subject");
  if (subject !== undefined && textOf(stanza, "body") === undefined && !child(stanza, "thread"))
    return rooms.change(inside, { do: "subject", text: subject });
  const body = decode(stanza, from.toString(), { files: options.files });
  if (body)
    return options.gateway.submitToRoom(options.bridge, inside, await withMentions(body, stanza, inside, options));
  const active = chatState(stanza);
  if (active !== undefined) rooms.typingHere(inside, active);
}

/**
 * Section 7.5, security.md X24. Networks have no private messages through a room, and what was meant for one person must
 * not be read by all: the sender hears where that person is.
 */
async function refusePrivate({ from, room, stanza }: RoomRequest, options: MucOptions, type: string): Promise<void> {
  if (type === "groupchat") throw new GatewayError("bad-request", "Messages to everybody go to the room itself.");
  if (textOf(stanza, "body") === undefined) return;
  const { rooms } = options.gateway;
  const inside = await rooms.known.inside(options.bridge, from.bare, room.local, from.toString());
  const person = await rooms.known.person(inside, room.nick ?? "");
  if (person === undefined || person.state !== "joined")
    throw new GatewayError("item-not-found", "There is nobody of that name in the room.");
  const jid = options.addresses.jidOf(person.id);
  throw new GatewayError(
    "not-acceptable",
    jid === undefined ? "This person cannot be written to from here." : `Write to ${jid} instead.`,
  );
}

/** A message to the room that is not for everybody is nobody's; its sender must not think that it was heard. */
function refuseUnheard(stanza: Element): void {
  if (textOf(stanza, "body") !== undefined)
    throw new GatewayError("bad-request", "Messages to a room are of the type groupchat.");
}

function contactOf(text: string | undefined, { addresses }: MucOptions): string | undefined {
  const jid = parseJid(text ?? "");
  const address = jid?.domain === addresses.domain ? addresses.resolve(jid) : undefined;
  return address?.kind === "contact" ? address.id : undefined;
}

const longestReason = 500;
const reasonOf = (text: string | undefined) => (text?.trim() ? { reason: text.trim().slice(0, longestReason) } : {});
