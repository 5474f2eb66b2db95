// What is left to do after an event, done. All of it may be done twice: a crash comes between the deed and its crossing out.
import type { RemoteId } from "#bridge";
import type { Api } from "../api.ts";
import type { Bot } from "./bot.ts";
import type { Ghosts } from "./ghosts.ts";
import type { Homeserver } from "./homeserver.ts";
import type { Ledger } from "./ledger.ts";
import { lookInto } from "./look.ts";
import { introduceTo } from "./memberships.ts";
import type { SharedRooms } from "./shared-rooms.ts";
import { accountOf, type ReadDeps } from "./telling.ts";
import type { Todo } from "./todos.ts";

export interface TodoDeps {
  readonly reader: Pick<ReadDeps, "host">;
  readonly ledger: Ledger;
  readonly rooms: SharedRooms;
  readonly homeserver: Homeserver;
  readonly ghosts: Ghosts;
  readonly bot: Bot;
  /** Requests as one of ours, made if need be. @throws when there is no such user */
  readonly apiOf: (id: RemoteId) => Promise<Api>;
}

/** Milliseconds for a look into a room. */
const patience = 30_000;

/** @throws as `Api.request`, BridgeError */
export async function doTodo(todo: Todo, deps: TodoDeps): Promise<void> {
  const room = ["v3", "rooms", todo.room];
  switch (todo.do) {
    case "accept":
      await (await deps.apiOf(todo.user)).request("POST", [...room, "join"], { body: {} });
      return;
    case "refuse":
      return refuse(todo, deps);
    case "kick": {
      const body = { user_id: todo.who, reason: todo.text };
      await deps.homeserver.bot.request("POST", [...room, "kick"], { body });
      return;
    }
    case "look":
      return look(todo, deps);
    case "tell":
      return say(await deps.apiOf(todo.user), todo.room, todo.text, `tell.${todo.key}`);
    case "answer": {
      const text = await deps.bot.answer(todo.sender, todo.text);
      return say(deps.homeserver.bot, todo.room, text, `answer.${todo.key}`);
    }
    default:
      return todo satisfies never;
  }
}

/** Whoever is invited has to exist to say no. */
async function refuse(
  { room, user, text }: Extract<Todo, { do: "refuse" }>,
  { ghosts, homeserver }: TodoDeps,
): Promise<void> {
  if (ghosts.get(user) === undefined) await ghosts.register(user);
  await homeserver.as(user).request("POST", ["v3", "rooms", room, "leave"], { body: { reason: text } });
}

async function look({ room: roomId, user: ghost }: Todo, deps: TodoDeps): Promise<void> {
  const before = deps.rooms.get(roomId);
  if (before?.ours.get(ghost) !== "join") return;
  const account = await accountOf(ghost, deps.reader);
  const id = `look ${roomId} ${Date.now()}`;
  const found = await lookInto(before, ghost, id, deps.homeserver.as(ghost), patience);
  if (found === undefined || account === undefined) return;
  await deps.ledger.change(async (change) => {
    if (deps.rooms.get(roomId)?.ours.get(ghost) !== "join") return;
    introduceTo({ ghost, account, id }, found, change.rooms.room(roomId), { change, now: Date.now() });
  });
}

/** M05: a notice is never answered by programs. */
async function say(api: Api, room: string, body: string, transaction: string): Promise<void> {
  const content = { msgtype: "m.notice", body, "m.mentions": {} };
  await api.request("PUT", ["v3", "rooms", room, "send", "m.room.message", transaction], { body: content });
}
