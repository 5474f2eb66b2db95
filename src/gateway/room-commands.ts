// The user's rooms on the network, for clients that cannot browse them and for leaving them.
import type { Answers, Prompt, RoomSummary } from "#bridge";
import type { CommandContext } from "./commands.ts";
import type { Dialogue } from "./dialogs.ts";
import type { AccountRecord } from "./ports.ts";

/** A room to choose, with its local part here. */
export type RoomChoice = RoomSummary & { readonly local: string };

export interface RoomPowers {
  /** The rooms the account is in or invited to. Throws GatewayError. */
  rooms(account: AccountRecord): Promise<readonly RoomChoice[]>;
  /** Sends the user an invitation to one of them. */
  offerRoom(account: AccountRecord, room: RoomChoice): Promise<void>;
  leaveRoom(account: AccountRecord, room: RoomChoice): Promise<void>;
  /** The JID of a room. */
  roomAddress(bridge: string, local: string): string;
}

/** A list longer than this is no list to choose from: the user has to say a part of the name. */
const mostChoices = 50;

/** Begins with the account: the table of commands asks for that in its own way. */
export async function* rooms(context: CommandContext, account: AccountRecord, wanted: string): Dialogue {
  const { bridge, powers } = context;
  const choices = await powers.rooms(account);
  const picked = yield* pick(choices, wanted, "Rooms", "Join which one?");
  if (typeof picked !== "string") {
    await powers.offerRoom(account, picked);
    return `You have an invitation to ${titleOf(picked)} now: open it, or join ${powers.roomAddress(bridge.name, picked.local)} in your client.`;
  }
  // Not one of theirs: a room that they know the address of.
  const id = bridge.rooms?.fromLocal(picked);
  const local = id === undefined ? undefined : bridge.rooms?.toLocal(id);
  if (local !== undefined) return `Join ${powers.roomAddress(bridge.name, local)} in your client.`;
  return picked ? `You are in no room like "${picked.slice(0, 100)}".` : "You are in no rooms there yet.";
}

export async function* leave(context: CommandContext, account: AccountRecord, wanted: string): Dialogue {
  const choices = await context.powers.rooms(account);
  const picked = yield* pick(choices, wanted, "Leave a room", "Which one?");
  if (typeof picked === "string")
    return picked ? `You are in no room like "${picked.slice(0, 100)}".` : "You are in no rooms there.";
  await context.powers.leaveRoom(account, picked);
  return `You have left ${titleOf(picked)}.`;
}

/** One of the choices, or what the user typed where it is none; empty when there is nothing to choose. */
async function* pick(
  choices: readonly RoomChoice[],
  wanted: string,
  title: string,
  label: string,
): AsyncGenerator<Prompt, RoomChoice | string, Answers> {
  if (choices.length === 0) return wanted;
  let typed = wanted.trim();
  for (;;) {
    const exact = typed ? choices.find((room) => namesOf(room).includes(typed.toLowerCase())) : undefined;
    if (exact) return exact;
    const fitting = choices.filter((room) => namesOf(room).some((name) => name.includes(typed.toLowerCase())));
    if (fitting.length === 0) return typed;
    if (typed && fitting.length === 1) return fitting[0] ?? typed;
    typed = (yield question(fitting, title, label)).room?.trim() ?? "";
  }
}

function question(fitting: readonly RoomChoice[], title: string, label: string): Prompt {
  const shown = fitting.slice(0, mostChoices);
  const more =
    fitting.length > shown.length ? [`and ${fitting.length - shown.length} more: write a part of a name`] : [];
  return {
    title,
    instructions: [...shown.map((room) => `${room.local}: ${describe(room)}`), ...more].join("\n"),
    fields: [
      {
        name: "room",
        label,
        kind: "choice",
        required: true,
        choices: shown.map((room) => ({ value: room.local, label: describe(room) })),
      },
    ],
  };
}

const namesOf = (room: RoomChoice): readonly string[] =>
  [room.local, room.name, room.address].filter((name) => name !== undefined).map((name) => name.toLowerCase());

const titleOf = ({ name, local }: RoomChoice): string => name || local;

function describe(room: RoomChoice): string {
  const people = room.members === undefined ? "" : `, ${room.members} ${room.members === 1 ? "person" : "people"}`;
  const invited = room.state === "invited" ? ", you are invited" : "";
  return `${titleOf(room).replace(/\s+/g, " ")}${people}${invited}`;
}
