// XEP-0045: Multi-User Chat, section 6: what a room is. XEP-0128: Service Discovery Extensions. XEP-0410: MUC Self-Ping.
import { GatewayError } from "../../gateway/errors.ts";
import type { FoundRoom } from "../../gateway/room-directory.ts";
import { NS } from "../ns.ts";
import type { IqRequest, IqRoute } from "../router.ts";
import { attr, type Element, el } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";
import { describe } from "../xeps/disco.ts";
import type { MucOptions } from "./options.ts";

/** Section 7.12 of XEP-0045: the node by which a client asks for its nick. */
const nickNode = "x-roomuser-item";

export function infoRoutes(options: MucOptions, features: () => readonly string[]): readonly IqRoute[] {
  const get = { type: "get", name: "query" } as const;
  return [
    { ...get, ns: NS.discoInfo, targets: ["room"], handle: (request) => info(request, options, features()) },
    {
      ...get,
      ns: NS.discoItems,
      targets: ["room"],
      handle: async (request) => {
        await foundRoom(request, options);
        // Who is there only those who are in are told, by presence.
        return el("query", { xmlns: NS.discoItems });
      },
    },
    { type: "get", name: "ping", ns: NS.ping, targets: ["room"], handle: () => undefined },
    { type: "get", name: "ping", ns: NS.ping, targets: ["occupant"], handle: (request) => selfPing(request, options) },
  ];
}

/** The room that a request is for. Throws GatewayError `item-not-found` when this user knows no such room. */
export async function foundRoom(request: IqRequest, options: MucOptions): Promise<FoundRoom> {
  const found = await knownRoom(request, options);
  if (found) return found;
  throw noSuchRoom();
}

const noSuchRoom = () => new GatewayError("item-not-found", "There is no such room, or you are not in it.");

async function knownRoom({ from, room }: IqRequest, { bridge, gateway }: MucOptions): Promise<FoundRoom | undefined> {
  return room && gateway.rooms.known.find(bridge, from.bare, room.local);
}

/** Kinds of all rooms. */
const always = ["muc_hidden", "muc_nonanonymous", "muc_persistent", "muc_unmoderated", "muc_unsecured"];

async function info(request: IqRequest, options: MucOptions, features: readonly string[]): Promise<Element> {
  const node = attr(request.payload, "node");
  const found = await knownRoom(request, options);
  if (found === undefined && node === undefined) {
    // A room that the user has not been in yet. Clients ask before they join; what it is like only joining can tell.
    const name = request.room?.local ?? "";
    return describe(undefined, [{ category: "conference", type: "text", name }], [...features, ...always].toSorted());
  }
  if (found === undefined) throw noSuchRoom();
  const { room, account } = found;
  if (node === nickNode) {
    const own = await options.gateway.rooms.known.participant(found, account.self);
    const name = own?.nick ?? account.self;
    return describe(node, [{ category: "conference", type: "text", name }], []);
  }
  if (node !== undefined) throw new StanzaError("item-not-found");
  // Section 15.3: how the room is.
  const kinds = [room.access === "open" ? "muc_open" : "muc_membersonly", ...always];
  const identity = { category: "conference", type: "text", name: room.name ?? room.local };
  return describe(undefined, [identity], [...features, ...kinds].toSorted(), await infoForm(found, options));
}

/** Section 6.4. */
async function infoForm(found: FoundRoom, { gateway }: MucOptions): Promise<Element> {
  const { room } = found;
  const picture = await gateway.roomPictures.hashOf(found);
  const count = room.members ?? (await gateway.rooms.known.people(found)).length;
  const field = (name: string, value: string | number) => el("field", { var: name }, el("value", {}, String(value)));
  return el(
    "x",
    { xmlns: NS.dataForms, type: "result" },
    el("field", { var: "FORM_TYPE", type: "hidden" }, el("value", {}, NS.mucRoomInfo)),
    field("muc#roominfo_description", room.name ?? room.local),
    field("muc#roominfo_subject", room.topic ?? ""),
    field("muc#roominfo_occupants", count),
    // XEP-0486 section 3.
    picture === undefined ? undefined : field("muc#roominfo_avatarhash", picture),
    // COMPAT(Gajim 1.7, Prosody's mod_vcard_muc): the name of the field before XEP-0486.
    picture === undefined ? undefined : field("{http://modules.prosody.im/mod_vcard_muc}avatar#sha1", picture),
  );
}

/** XEP-0410 section 3: a client asks its own nick whether it is still in. */
async function selfPing({ from, room }: IqRequest, { bridge, gateway }: MucOptions): Promise<undefined> {
  const inside = await gateway.rooms.known.inside(bridge, from.bare, room?.local ?? "", from.toString());
  if (inside.own.nick === room?.nick) return undefined;
  const other = await gateway.rooms.known.person(inside, room?.nick ?? "");
  // Section 3.2: these two tell a client that it is in all the same.
  throw new StanzaError(other ? "service-unavailable" : "item-not-found");
}
