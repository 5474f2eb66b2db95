// The gateway as a user of the homeserver: in a direct chat it helps Matrix users to find and reach XMPP users.
import type { RemoteId, ServiceHost } from "#bridge";
import { cleanLabel } from "../text/characters.ts";
import { ghostOf, type GhostSpace } from "./ghost-id.ts";
import type { Ghosts } from "./ghosts.ts";

export interface BotDeps {
  readonly space: GhostSpace;
  readonly host: Pick<ServiceHost<unknown>, "enrol">;
  readonly ghosts: Ghosts;
  /** Matrix users may look for people by a part of their name. */
  readonly findable: boolean;
  /** Opens the chat of one of ours with somebody, or finds it. @throws BridgeError */
  readonly openChat: (ghost: RemoteId, user: string, partner: RemoteId) => Promise<string>;
}

const mostFound = 10;
const shortestSearch = 3;
/** Of one person in a minute: each `chat` may make a user and a room. */
const perMinute = 10;
const minute = 60_000;
/** People whose pace is watched at one time. */
const mostWatched = 10_000;

export class Bot {
  readonly #deps: BotDeps;
  readonly #asked = new Map<RemoteId, { count: number; readonly since: number }>();

  constructor(deps: BotDeps) {
    this.#deps = deps;
  }

  /** What to say to a line that somebody wrote. @throws BridgeError `retry` when it cannot be said now */
  async answer(sender: RemoteId, line: string): Promise<string> {
    if (this.#isTooFast(sender)) return "That was too much at once. Please wait a minute.";
    const [command = "", ...rest] = line.trim().split(/\s+/);
    const argument = rest.join(" ");
    switch (command.toLowerCase().replace(/^!/, "")) {
      case "find":
        return this.#find(argument);
      case "chat":
        return this.#chat(sender, argument);
      case "help":
        return this.#help();
      default:
        return `I do not know "${cleanLabel(command, 30)}".\n${this.#help()}`;
    }
  }

  #help(): string {
    const { users } = this.#deps.space;
    return [
      `I connect Matrix with the XMPP users of ${users}.`,
      `chat alice@${users} – start a chat with somebody`,
      ...(this.#deps.findable ? ["find alice – look for somebody who has been on Matrix before"] : []),
      "help – this text",
    ].join("\n");
  }

  #find(text: string): string {
    const { findable, ghosts } = this.#deps;
    if (!findable)
      return 'Looking for people is switched off here. If you know an address, send "chat" and the address.';
    if (text.length < shortestSearch) return `Please give at least ${shortestSearch} letters of the name.`;
    const found = ghosts.find(text, mostFound);
    if (found.length === 0) return 'I found nobody. If you know an address, send "chat" and the address.';
    const lines = found.map(({ name, user, id }) => `${cleanLabel(name, 100)} – ${user} – ${id}`);
    return [...lines, 'Send "chat" and an address.'].join("\n");
  }

  async #chat(sender: RemoteId, text: string): Promise<string> {
    const { space, host, openChat } = this.#deps;
    const jid = text.replace(/^xmpp:/i, "").toLowerCase();
    const user = jid.includes("@") ? jid : `${jid}@${space.users}`;
    const ghost = ghostOf(user, space);
    if (ghost === undefined) return `I only know addresses like alice@${space.users}.`;
    const account = await host.enrol(user);
    if (account?.self !== ghost) return "Nobody with this address may be on Matrix.";
    await openChat(ghost, user, sender);
    return `You are invited to a chat with ${user}, who is ${ghost} here.`;
  }

  #isTooFast(sender: RemoteId): boolean {
    const now = performance.now();
    const last = this.#asked.get(sender);
    const current = last === undefined || now - last.since > minute ? { count: 0, since: now } : last;
    current.count += 1;
    this.#asked.delete(sender);
    this.#asked.set(sender, current);
    for (const oldest of this.#asked.keys()) {
      if (this.#asked.size <= mostWatched) break;
      this.#asked.delete(oldest);
    }
    return current.count > perMinute;
  }
}
