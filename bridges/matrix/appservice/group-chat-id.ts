// Group chats of XMPP as rooms of the homeserver: room@conference.example.org is #_xmpp_room=40conference.example.org:hs
// (appendices 4.2.1.2, as the users), and whoever speaks there is a user made for that chat.
import { createHash } from "node:crypto";
import type { Occupant, RemoteId } from "#bridge";
import { escape, type GhostSpace, unescape } from "./ghost-id.ts";

/** Appendices 4.2: bytes of a whole alias or user id. */
const longestId = 255;
/** No escape has an "o" behind its "=": nobody's address reads like that. */
const occupantMark = "=o";
const longestHead = 60;

/** @param address a bare JID. @returns undefined where the alias would be too long */
export function aliasOf(address: string, { prefix, serverName }: GhostSpace): string | undefined {
  const alias = `#${prefix}${escape(address)}:${serverName}`;
  return alias.length <= longestId ? alias : undefined;
}

/** The chat that an alias stands for; undefined: it is none of ours. Whether there is one is another question. */
export function chatOf(alias: string, space: GhostSpace): string | undefined {
  const head = `#${space.prefix}`;
  const tail = `:${space.serverName}`;
  if (!alias.startsWith(head) || !alias.endsWith(tail)) return undefined;
  const address = unescape(alias.slice(head.length, -tail.length));
  const isAddress = address !== undefined && /^[^@/\s]+@[^@/\s]+$/.test(address);
  return isAddress && aliasOf(address, space) === alias ? address : undefined;
}

/** The local part of a chat's alias. */
export function aliasName(alias: string, { serverName }: GhostSpace): string {
  return alias.slice(1, -serverName.length - 1);
}

/** The same person in the same chat has the same id, whatever they call themselves (security.md M09). */
export function occupantIdOf(address: string, { id }: Occupant, { prefix, serverName }: GhostSpace): RemoteId {
  const hash = createHash("sha256")
    .update(JSON.stringify([address, id]))
    .digest("hex")
    .slice(0, 32);
  const head = escape(address.slice(0, address.indexOf("@"))).slice(0, longestHead);
  return `@${prefix}${head}${occupantMark}${hash}:${serverName}`;
}
