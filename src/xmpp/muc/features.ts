// XEP-0045: Multi-User Chat, put together.
import { NS } from "../ns.ts";
import type { Feature, IqRequest, Router } from "../router.ts";
import type { DiscoNode } from "../xeps/disco.ts";
import { adminRoutes } from "./admin.ts";
import { receiveMessage } from "./message-in.ts";
import { archiveRoutes } from "./archive.ts";
import { cardRoutes } from "./cards.ts";
import { moderation } from "./moderation.ts";
import type { MucOptions } from "./options.ts";
import { receivePresence } from "./presence-in.ts";
import { infoRoutes } from "./room-info.ts";

export function muc(options: MucOptions, router: () => Router): readonly Feature[] {
  const { verbs } = options;
  return [
    {
      xep: "0045",
      features: {
        gateway: [NS.muc],
        room: [NS.muc, NS.mucStableId, NS.sid, NS.occupantId, NS.selfPing, NS.reply, NS.fallback, NS.reference],
      },
      iq: [...infoRoutes(options, () => router().features("room")), ...adminRoutes(options), ...archiveRoutes(options)],
      room: {
        message: (request) => receiveMessage(request, options),
        presence: (request) => receivePresence(request, options),
      },
    },
    ...(verbs.includes("openAvatar") ? [{ xep: "0486", iq: cardRoutes(options) }] : []),
    { xep: "0308", features: { room: verbs.includes("edit") ? [NS.correct] : [] } },
    { xep: "0424", features: { room: verbs.includes("retract") ? [NS.retract] : [] } },
    ...(verbs.includes("retract") ? [moderation(options)] : []),
    { xep: "0333", features: { room: verbs.includes("markRead") ? [NS.markers] : [] } },
    { xep: "0444", features: { room: verbs.includes("react") ? [NS.reactions] : [] } },
  ];
}

/** Section 6.3: the rooms that a user may see are those they are in or invited to. */
export function roomItems({ bridge, gateway, addresses }: MucOptions) {
  return async ({ from }: IqRequest): Promise<DiscoNode["items"]> => {
    const list = await gateway.rooms.known.list(bridge, from.bare);
    return list.map((room) => ({ jid: addresses.roomJid(room.local), name: room.name ?? room.local }));
  };
}
