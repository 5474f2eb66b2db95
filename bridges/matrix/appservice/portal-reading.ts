// What happens in the room of a group chat, as news for the chat: who of Matrix comes and goes, and what they say.
import type { IncomingMembership, Peer, RemoteId } from "#bridge";
import { eventToIncoming } from "../event-to-message.ts";
import { textAt } from "../json.ts";
import { parseMembership } from "../room-state.ts";
import { cleanName } from "../text/characters.ts";
import type { RoomEvent } from "../wire.ts";
import { isOurs } from "./ghost-id.ts";
import { groupChatKey, type Portal } from "./portals.ts";
import type { Reading } from "./telling.ts";

/** @returns whether the event was of such a room */
export async function readPortalEvent(event: RoomEvent, roomId: string, reading: Reading): Promise<boolean> {
  const { change, bot, host } = reading;
  if (event.type === "m.room.create" && event.sender === bot) {
    const address = textAt(event.content, groupChatKey);
    if (address !== undefined && change.portals.peek(roomId) === undefined) {
      const { id: account } = await host.groupChats.open(address);
      change.portals.save({ roomId, address, account, people: new Map() });
    }
  }
  const portal = change.portals.peek(roomId);
  if (portal === undefined) return false;
  if (event.type === "m.room.member") readMember(event, portal, reading);
  // The state of such a room is the gateway's: nobody else may change it.
  else if (event.state_key === undefined) readSaid(event, portal, reading);
  return true;
}

function readMember(event: RoomEvent, portal: Portal, reading: Reading): void {
  const { change, space, mostPeople, bot } = reading;
  const who = event.state_key ?? "";
  if (isOurs(who, space)) return;
  const isThere = parseMembership(event.content) === "join";
  const before = portal.people.get(who);
  const name = cleanName(textAt(event.content, "displayname") ?? "", who);
  if (isThere ? before === name : before === undefined) return;
  if (isThere && before === undefined && portal.people.size >= mostPeople) {
    const text = "There are as many people from Matrix in this group chat as the gateway allows.";
    return change.todo({ do: "kick", room: portal.roomId, user: bot, who, text });
  }
  const people = new Map(portal.people);
  if (isThere) people.set(who, name);
  else people.delete(who);
  change.portals.save({ ...portal, people });
  const { event_id: id, sender: from, origin_server_ts: sentAt } = event;
  const state = isThere ? "joined" : "left";
  const news: IncomingMembership = { type: "membership", id, peer: peerOf(portal), from, sentAt, who, state, name };
  change.tell(portal.account, [news]);
}

function readSaid(event: RoomEvent, portal: Portal, { change, space, bot, now }: Reading): void {
  const sender: RemoteId = event.sender;
  if (isOurs(sender, space) || !portal.people.has(sender)) return;
  const name = portal.people.get(sender);
  const context = { self: bot, peer: peerOf(portal), direct: false, name, arrivedAt: now };
  change.tell(portal.account, eventToIncoming(event, context));
}

const peerOf = ({ address }: Portal): Peer => ({ kind: "groupchat", id: address });
