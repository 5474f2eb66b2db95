// XEP-0425: Moderated Message Retraction. A moderator takes back what somebody else said in a room.
import type { OutgoingBody } from "../../gateway/lane-ports.ts";
import { NS } from "../ns.ts";
import { answeredLater, type Feature, type IqRequest } from "../router.ts";
import { attr, child, type Element, textOf } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";
import type { MucOptions } from "./options.ts";

const longestId = 1_000;
const longestReason = 500;

/** Both forms of the request: section 5, and version 0.2 with XEP-0422 around it. */
export function moderation(options: MucOptions): Feature {
  const route = { type: "set", targets: ["room"] } as const;
  return {
    xep: "0425",
    features: { room: [NS.moderateV0] },
    iq: [
      {
        ...route,
        name: "moderate",
        ns: NS.moderate,
        handle: (request) => moderate(request, request.payload, child(request.payload, "retract", NS.retract), options),
      },
      {
        ...route,
        name: "apply-to",
        ns: NS.fasten,
        handle(request) {
          const moderated = child(request.payload, "moderate", NS.moderateV0);
          if (moderated === undefined) throw new StanzaError("feature-not-implemented");
          return moderate(request, moderated, child(moderated, "retract", NS.retractV0), options);
        },
      },
    ],
  };
}

/** It goes the way of everything that is said, in its order; the network decides whether the user may. */
async function moderate(
  { stanza, payload, from, room }: IqRequest,
  request: Element,
  retract: Element | undefined,
  { gateway, bridge }: MucOptions,
): Promise<typeof answeredLater> {
  const id = attr(payload, "id");
  if (retract === undefined || id === undefined || id === "" || id.length > longestId)
    throw new StanzaError("bad-request", "A moderation names a message of the room, and wants it taken back.");
  const client = from.toString();
  const inside = await gateway.rooms.known.inside(bridge, from.bare, room?.local ?? "", client);
  const reason = textOf(request, "reason")?.trim().slice(0, longestReason);
  const body: OutgoingBody = {
    kind: "retraction",
    origin: { id: attr(stanza, "id") ?? "", from: client, iq: true },
    target: id,
    moderation: reason ? { reason } : {},
  };
  await gateway.submitToRoom(bridge, inside, body);
  return answeredLater;
}
