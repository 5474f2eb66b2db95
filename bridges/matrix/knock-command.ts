// "knocks": who asks to be let into rooms of the user's (Client-Server API, "Knocking on rooms"), to let them in or not.
import { type Answers, type Prompt, type SessionCommand } from "#bridge";
import type { Api } from "./api.ts";
import { matrixError } from "./errors.ts";
import { displayName, type Room } from "./room-state.ts";
import type { Rooms } from "./rooms.ts";
import { cleanLabel, cleanName } from "./text/characters.ts";

export interface KnockDeps {
  readonly rooms: Pick<Rooms, "all" | "exclusive">;
  readonly api: Api;
}

interface Knock {
  readonly roomId: string;
  readonly user: string;
  readonly text: string;
}

const mostListed = 50;

export function knockCommand(deps: KnockDeps): SessionCommand {
  return {
    word: "knocks",
    title: "Who asks to be let into your rooms, to let them in or not",
    usage: "",
    run: () => answer(deps),
  };
}

async function* answer({ rooms, api }: KnockDeps): AsyncGenerator<Prompt, string, Answers> {
  // After what is being read: the line about a knock may be quicker than its commit.
  const waiting = await rooms.exclusive(async () => [...rooms.all()].flatMap(knocksAt).slice(0, mostListed));
  if (waiting.length === 0) return "Nobody asks to be let into a room of yours.";
  const choices = waiting.map(({ text }, index) => ({ value: String(index + 1), label: text }));
  const who = yield {
    title: "Asking to be let in",
    instructions: choices.map(({ value, label }) => `${value}: ${label}`).join("\n"),
    fields: [{ name: "who", label: "Whom?", kind: "choice", required: true, choices }],
  };
  const knock = waiting[Number(who["who"]?.trim()) - 1];
  if (knock === undefined) return "That is none of them: nothing was done.";
  const verdict = yield {
    title: knock.text,
    instructions: "",
    fields: [
      {
        name: "verdict",
        label: "Let them in?",
        kind: "choice",
        required: true,
        choices: [
          { value: "yes", label: "Yes" },
          { value: "no", label: "No" },
        ],
      },
    ],
  };
  const isYes = verdict["verdict"]?.trim().toLowerCase() === "yes";
  const path = ["v3", "rooms", knock.roomId, isYes ? "invite" : "kick"];
  try {
    await api.request("POST", path, { body: { user_id: knock.user } });
  } catch (cause) {
    throw matrixError(cause);
  }
  return isYes ? `${knock.user} is invited.` : `${knock.user} was refused.`;
}

function knocksAt(room: Room): Knock[] {
  if (room.self !== "join") return [];
  const where = cleanLabel(displayName(room) ?? room.id, 100);
  return [...room.members].flatMap(([user, { membership, name }]) =>
    membership === "knock"
      ? [
          {
            roomId: room.id,
            user,
            text: `${name === undefined ? user : `${cleanName(name, user)} <${user}>`} at ${where}`,
          },
        ]
      : [],
  );
}
