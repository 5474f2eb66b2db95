// How Matrix clients find XMPP users by their address (Application Service API, "Third-party networks"): Element shows it
// beside the user directory, and group chats by theirs.
import { aliasOf, chatOf } from "./group-chat-id.ts";
import { ghostOf, type GhostSpace, userOf } from "./ghost-id.ts";

/** @returns undefined when nothing is found */
export function thirdParty(
  kind: string,
  [protocol]: readonly string[],
  query: URLSearchParams,
  space: GhostSpace,
): unknown {
  if (kind === "protocol") return protocol === "xmpp" ? description(space) : undefined;
  if (kind === "location") return location(protocol, query, space);
  if (kind !== "user") return undefined;
  if (protocol === undefined) return found(userOf(query.get("userid") ?? "", space), space);
  if (protocol !== "xmpp") return undefined;
  const jid = (query.get("jid") ?? "").trim().toLowerCase();
  return found(jid.includes("@") ? jid : `${jid}@${space.users}`, space);
}

/** A room is made when somebody joins it: whether there is such a chat is seen then. */
function location(protocol: string | undefined, query: URLSearchParams, space: GhostSpace): unknown {
  const named = (query.get("room") ?? "").trim().toLowerCase();
  const asked = protocol === undefined ? chatOf(query.get("alias") ?? "", space) : named;
  const alias = asked?.includes("@") ? aliasOf(asked, space) : undefined;
  if (alias === undefined || (protocol !== undefined && protocol !== "xmpp")) return undefined;
  return [{ alias, protocol: "xmpp", fields: { room: chatOf(alias, space) } }];
}

function found(jid: string | undefined, space: GhostSpace): unknown {
  const userid = jid === undefined ? undefined : ghostOf(jid, space);
  return userid === undefined ? undefined : [{ userid, protocol: "xmpp", fields: { jid } }];
}

function description({ users }: GhostSpace): unknown {
  return {
    user_fields: ["jid"],
    location_fields: ["room"],
    icon: "",
    field_types: {
      jid: { regexp: "[^@/\\s]+(@[^@/\\s]+)?", placeholder: `alice@${users}` },
      room: { regexp: "[^@/\\s]+@[^@/\\s]+", placeholder: `room@conference.${users}` },
    },
    instances: [{ network_id: users, desc: `XMPP: ${users}`, fields: {} }],
  };
}
