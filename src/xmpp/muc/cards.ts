// XEP-0486: MUC Avatars, as far as they are shown: the card of a room, and of those in it (XEP-0054, XEP-0153).
import { GatewayError } from "../../gateway/errors.ts";
import { pictureUpdate } from "../xeps/avatar-hash.ts";
import { NS } from "../ns.ts";
import type { IqRequest, IqRoute } from "../router.ts";
import { type Element, el } from "../stanza.ts";
import { card } from "../xeps/vcard.ts";
import type { MucOptions } from "./options.ts";
import { foundRoom } from "./room-info.ts";

export function cardRoutes(options: MucOptions): readonly IqRoute[] {
  const get = { type: "get", name: "vCard", ns: NS.vcard } as const;
  return [
    {
      ...get,
      targets: ["room"],
      async handle(request) {
        const found = await foundRoom(request, options);
        const picture = await options.gateway.roomPictures.ofRoom(found);
        return card({ name: found.room.name ?? found.room.local, picture });
      },
    },
    { ...get, targets: ["occupant"], handle: (request) => personCard(request, options) },
  ];
}

/** For those who are in: others see nobody there. */
async function personCard({ from, room }: IqRequest, { bridge, gateway }: MucOptions): Promise<Element> {
  const inside = await gateway.rooms.known.inside(bridge, from.bare, room?.local ?? "", from.toString());
  const person = await gateway.rooms.known.person(inside, room?.nick ?? "");
  if (person === undefined) throw new GatewayError("item-not-found", "There is nobody of this name here.");
  const picture = await gateway.roomPictures.ofPerson(inside, person.nick);
  return card({ name: person.name ?? person.nick, nick: person.nick, picture });
}

/** Section 3 of XEP-0486: the room's own presence names its picture. */
export const roomPicture = (room: string, to: string, hash: string): Element =>
  el("presence", { from: room, to }, pictureUpdate(hash));
