// XEP-0045: Multi-User Chat, sections 7.1, 7.2, 7.6, 7.13 and 7.14: clients come in, change their nick and go out.
import { GatewayError } from "../../gateway/errors.ts";
import type { HistoryRequest } from "../../gateway/room-events.ts";
import { NS } from "../ns.ts";
import type { RoomRequest } from "../router.ts";
import { attr, child, type Element, el } from "../stanza.ts";
import { stanzaError } from "../stanza-error.ts";
import { contextOf, type MucOptions } from "./options.ts";
import { lostPresence, outPresence } from "./presence-out.ts";

export async function receivePresence(request: RoomRequest, options: MucOptions): Promise<void> {
  const { stanza, from } = request;
  const type = attr(stanza, "type");
  // Rooms are no contacts: nobody subscribes to them (section 7.1).
  if (from.local === undefined || from.resource === undefined) return;
  try {
    if (type === undefined) return await enterOrChange(request, options);
    // A client that is gone is gone from every room: its server says so, or answers what a room sends with an error.
    if (type === "unavailable" || type === "error") return await goOut(request, options, type === "unavailable");
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const type = error.wait ? ({ type: "wait" } as const) : {};
    const reply = stanzaError(stanza, error.condition, error.message, { ...type, by: request.to.bare });
    if (reply === undefined) return;
    // Section 7.2: by this clients know that it is about a room.
    reply.children.unshift(el("x", { xmlns: NS.muc }));
    options.send(reply);
  }
}

async function enterOrChange(request: RoomRequest, options: MucOptions): Promise<void> {
  const { rooms } = options.gateway;
  const { stanza, from, room, to } = request;
  const { nick, local } = room;
  if (nick === undefined) throw new GatewayError("bad-request", "Which nick? Join as room/nick.");
  const join = child(stanza, "x", NS.muc);
  const client = from.toString();
  if (join) {
    const history = historyRequest(join, options.clock.now());
    return rooms.enter(options.bridge, from.bare, { local, client, nick, history });
  }
  const inside = await rooms.known.inside(options.bridge, from.bare, local, client).catch(() => undefined);
  // A client that believes to be in (section 7.2.16): it hears that it is not, and joins again.
  if (inside === undefined) return options.send(lostPresence(to.bare, nick, client));
  // Anything else is news of how the user is: a network has one presence of theirs, not one a room.
  if (inside.own.nick !== nick) await rooms.change(inside, { do: "nick", name: nick });
}

async function goOut(request: RoomRequest, options: MucOptions, answer: boolean): Promise<void> {
  const { from, room } = request;
  const client = from.toString();
  const left = await options.gateway.rooms.goOut(options.bridge, from.bare, room.local, client);
  if (left === undefined || !answer) return;
  const person = { ...left.own, self: true };
  options.send(outPresence(contextOf(left, options), client, person));
}

/** Section 7.2.13. */
function historyRequest(join: Element, now: number): HistoryRequest {
  const history = child(join, "history");
  const number = (name: string): number | undefined => {
    const value = history && attr(history, name);
    return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
  };
  const maxStanzas = number("maxstanzas");
  const maxChars = number("maxchars");
  const seconds = number("seconds");
  const stamp = Date.parse((history && attr(history, "since")) ?? "");
  const since = Number.isNaN(stamp) ? (seconds === undefined ? undefined : now - seconds * 1000) : stamp;
  return {
    ...(maxStanzas === undefined ? {} : { maxStanzas }),
    ...(maxChars === undefined ? {} : { maxChars }),
    ...(since === undefined ? {} : { since }),
  };
}
