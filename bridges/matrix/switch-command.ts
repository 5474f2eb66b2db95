// "switch": a chat of two becomes a group chat of two, or back. Other clients see it too: `m.direct` says what it is.
import { type Answers, BridgeError, type Host, type Prompt, type SessionCommand } from "#bridge";
import { kindChanged } from "./chat-kinds.ts";
import type { DirectChats } from "./direct-chats.ts";
import { displayName, type Room } from "./room-state.ts";
import type { Rooms } from "./rooms.ts";
import { cleanLabel } from "./text/characters.ts";

export interface SwitchDeps {
  readonly rooms: Rooms;
  readonly direct: Pick<DirectChats, "remember" | "forget">;
  readonly host: Pick<Host, "deliver">;
}

const mostListed = 50;

export function switchCommand(deps: SwitchDeps): SessionCommand {
  return {
    word: "switch",
    title: "Make a chat with one person a group chat, or back",
    usage: "[NAME]",
    run: (rest) => choose(deps, rest),
  };
}

async function* choose(deps: SwitchDeps, wanted: string): AsyncGenerator<Prompt, string, Answers> {
  const { rooms } = deps;
  const word = wanted.trim().toLowerCase();
  // After what is being read: a line about a chat may be quicker than its commit.
  const all = await rooms.exclusive(async () => [...rooms.all()]);
  const pairs = all
    .filter((room) => room.self === "join" && !rooms.isOver(room) && otherIn(room, rooms) !== undefined)
    .filter((room) => `${describe(room, rooms)} ${room.id}`.toLowerCase().includes(word))
    .toSorted((a, b) => b.activeAt - a.activeAt);
  if (pairs.length === 0)
    return word === ""
      ? "You have no chats of two people. Only those can be switched."
      : `There is no chat of two people like "${word.slice(0, 100)}". Only those can be switched.`;
  const shown = pairs.slice(0, mostListed);
  const answers = yield {
    title: "Switch between chat and group chat",
    instructions: shown.map((room, index) => `${index + 1}: ${describe(room, rooms)}`).join("\n"),
    fields: [
      {
        name: "chat",
        label: "Which one?",
        kind: "choice",
        required: true,
        choices: shown.map((room, index) => ({ value: String(index + 1), label: describe(room, rooms) })),
      },
    ],
  };
  const chosen = shown[Number(answers["chat"]?.trim()) - 1];
  if (chosen === undefined) return "That is none of them: nothing was changed.";
  return change(chosen.id, deps);
}

/** Between two sync answers, so that none is read with half of it. */
async function change(roomId: string, { rooms, direct, host }: SwitchDeps): Promise<string> {
  return rooms.exclusive(async () => {
    const known = rooms.get(roomId);
    const other = known && otherIn(known, rooms);
    if (known?.self !== "join" || other === undefined)
      throw new BridgeError("reject", "This chat has changed meanwhile.", { condition: "not-acceptable" });
    const was = rooms.peerOf(known);
    const draft = rooms.draft();
    const room = draft.room(roomId);
    if (was.kind === "contact") {
      room.asRoom = true;
      draft.removeDirect(roomId);
    } else {
      delete room.asRoom;
      room.activeAt = Math.max(room.activeAt, Date.now());
      draft.addDirect(roomId, other);
    }
    const news = kindChanged(room, was, draft.peerOf(room), rooms.self, `${roomId} ${Date.now()}`);
    await host.deliver(news, undefined, draft.records());
    draft.commit();
    if (was.kind === "contact") direct.forget(roomId);
    else direct.remember(new Map([[roomId, other]]));
    return was.kind === "contact"
      ? `Your chat with ${other} is a group chat now: you have an invitation to it.`
      : `The group chat is your chat with ${other} now.`;
  });
}

/** The other one of two. */
function otherIn(room: Room, rooms: Rooms): string | undefined {
  if (room.space || (room.joinedCount ?? 0) + (room.invitedCount ?? 0) !== 2) return undefined;
  return rooms.partnerOf(room.id) ?? [...room.members.keys(), ...room.heroes].find((user) => user !== rooms.self);
}

function describe(room: Room, rooms: Rooms): string {
  const kind = rooms.peerOf(room).kind === "contact" ? "chat" : "group chat";
  const name = cleanLabel(displayName(room) ?? room.id, 100).replace(/\s+/g, " ");
  return `${name} (${otherIn(room, rooms) ?? ""}), now a ${kind}`;
}
