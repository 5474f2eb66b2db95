import type { Verb } from "#bridge";
import type { Gateway } from "../../gateway/gateway.ts";
import type { Clock } from "../../gateway/ports.ts";
import type { FileLinks } from "../../gateway/web-ports.ts";
import type { FoundRoom } from "../../gateway/room-directory.ts";
import type { Addresses } from "../addresses.ts";
import type { Element } from "../stanza.ts";
import type { RoomContext } from "./presence-out.ts";

/** What the features of rooms need. */
export interface MucOptions {
  readonly bridge: string;
  readonly gateway: Gateway;
  readonly verbs: readonly Verb[];
  readonly addresses: Addresses;
  readonly clock: Clock;
  readonly send: (stanza: Element) => void;
  readonly links: FileLinks | undefined;
  /** The bridge sends files. */
  readonly files: boolean;
}

export const contextOf = ({ account, room }: FoundRoom, { addresses, links, verbs }: MucOptions): RoomContext => ({
  jid: addresses.roomJid(room.local),
  account: account.id,
  id: room.id,
  self: account.self,
  user: account.user,
  jidOf: (id) => addresses.jidOf(id),
  pictures: new Map(),
  links,
  markable: verbs.includes("markRead"),
});
