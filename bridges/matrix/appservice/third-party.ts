// How Matrix clients find XMPP users by their address (Application Service API, "Third-party networks"): Element shows it
// beside the user directory. Group chats of XMPP have no rooms here yet.
import { ghostOf, type GhostSpace, userOf } from "./ghost-id.ts";

/** @returns undefined when nothing is found */
export function thirdParty(
  kind: string,
  [protocol]: readonly string[],
  query: URLSearchParams,
  space: GhostSpace,
): unknown {
  if (kind === "protocol") return protocol === "xmpp" ? description(space) : undefined;
  if (kind !== "user") return undefined;
  if (protocol === undefined) return found(userOf(query.get("userid") ?? "", space), space);
  if (protocol !== "xmpp") return undefined;
  const jid = (query.get("jid") ?? "").trim().toLowerCase();
  return found(jid.includes("@") ? jid : `${jid}@${space.users}`, space);
}

function found(jid: string | undefined, space: GhostSpace): unknown {
  const userid = jid === undefined ? undefined : ghostOf(jid, space);
  return userid === undefined ? undefined : [{ userid, protocol: "xmpp", fields: { jid } }];
}

function description({ users }: GhostSpace): unknown {
  return {
    user_fields: ["jid"],
    location_fields: [],
    icon: "",
    field_types: { jid: { regexp: "[^@/\\s]+(@[^@/\\s]+)?", placeholder: `alice@${users}` } },
    instances: [{ network_id: users, desc: `XMPP: ${users}`, fields: {} }],
  };
}
