// The room of a group chat, made when somebody on Matrix asks for its alias (Application Service API, "Querying"). Anybody
// who can reach the homeserver can ask, so both the pace and the number are bounded (security.md M22).
import type { FoundGroupChat, Logger, ServiceHost } from "#bridge";
import { MatrixError } from "../errors.ts";
import { textAt } from "../json.ts";
import { cleanLabel } from "../text/characters.ts";
import type { GhostSpace } from "./ghost-id.ts";
import { aliasName, aliasOf, chatOf } from "./group-chat-id.ts";
import type { Homeserver } from "./homeserver.ts";
import type { Ledger } from "./ledger.ts";
import { groupChatKey, type Portals } from "./portals.ts";

export interface PortalMakingDeps {
  readonly space: GhostSpace;
  readonly host: Pick<ServiceHost<unknown>, "groupChats">;
  readonly portals: Portals;
  readonly ledger: Ledger;
  readonly homeserver: Homeserver;
  /** The gateway's own user exists afterwards. */
  readonly makeBot: () => Promise<void>;
  readonly options: { readonly services?: readonly string[] | undefined; readonly most: number };
  readonly log: Logger;
}

/** Chats that are looked for, and thus asked about on XMPP, in a minute. */
const perMinute = 30;
const minute = 60_000;

export class PortalMaking {
  readonly #deps: PortalMakingDeps;
  readonly #making = new Map<string, Promise<boolean>>();
  #asked = { since: 0, count: 0 };

  constructor(deps: PortalMakingDeps) {
    this.#deps = deps;
  }

  /** Whether the alias leads into a room now, made if need be. @throws BridgeError, what the homeserver says */
  open(alias: string): Promise<boolean> {
    const { space } = this.#deps;
    const address = chatOf(alias, space);
    if (address === undefined) return Promise.resolve(false);
    const under = this.#making.get(address);
    if (under !== undefined) return under;
    if (this.#isTooFast()) return Promise.resolve(false);
    const making = this.#open(address, alias).finally(() => this.#making.delete(address));
    this.#making.set(address, making);
    return making;
  }

  async #open(address: string, alias: string): Promise<boolean> {
    const { portals, host, options, homeserver, log } = this.#deps;
    const known = portals.of(address);
    if (known !== undefined) {
      // The homeserver lost the alias, or asks because it was made this moment.
      await homeserver.bot
        .request("PUT", ["v3", "directory", "room", alias], { body: { room_id: known.roomId } })
        .catch(unlessInUse);
      return true;
    }
    const found = await host.groupChats.find(address, options.services);
    // One chat has one room, so it has one alias.
    if (found === undefined || aliasOf(found.address, this.#deps.space) !== alias) return false;
    if (portals.size >= options.most && !(await this.#giveUpOne())) {
      log.warn(
        { most: options.most },
        "no more group chats are opened from Matrix: people are in all that are allowed",
      );
      return false;
    }
    await this.#make(found, alias);
    return true;
  }

  async #make(found: FoundGroupChat, alias: string): Promise<void> {
    const { homeserver, ledger, host, makeBot } = this.#deps;
    await makeBot();
    const { id: account } = await host.groupChats.open(found.address);
    const roomId = await this.#create(found, alias, homeserver);
    await ledger.change(async ({ portals: draft }) => {
      if (draft.peek(roomId) !== undefined) return;
      draft.save({ roomId, address: found.address, account, people: new Map() });
    });
  }

  /** The oldest one that nobody is in makes room: asking for an alias alone keeps nothing. */
  async #giveUpOne(): Promise<boolean> {
    const { portals, homeserver, ledger, host, space } = this.#deps;
    const unused = [...portals.all()].find(({ people }) => people.size === 0);
    const alias = unused && aliasOf(unused.address, space);
    if (unused === undefined || alias === undefined) return false;
    // First, so that nobody comes into a room that leads nowhere any more.
    await homeserver.bot.request("DELETE", ["v3", "directory", "room", alias]).catch(unlessMissing);
    const isGivenUp = await ledger.change(async ({ portals: draft }) => {
      if (draft.peek(unused.roomId)?.people.size !== 0) return false;
      draft.remove(unused.roomId);
      return true;
    });
    if (!isGivenUp) return this.#giveUpOne();
    await host.groupChats.close(unused.address);
    await homeserver.bot.request("POST", ["v3", "rooms", unused.roomId, "leave"], { body: {} }).catch(() => {
      // It is empty already, or will be.
    });
    return true;
  }

  async #create({ address, name }: FoundGroupChat, alias: string, { bot }: Homeserver): Promise<string> {
    const body = {
      room_alias_name: aliasName(alias, this.#deps.space),
      name: cleanLabel(name ?? "", 200) || address,
      preset: "public_chat",
      visibility: "private",
      // Only the operator's own users: the gateway stands for them on XMPP.
      creation_content: { "m.federate": false, [groupChatKey]: address },
      power_level_content_override: {
        events_default: 0,
        state_default: 100,
        invite: 0,
        kick: 100,
        ban: 100,
        redact: 100,
        events: {},
      },
    };
    try {
      const roomId = textAt(await bot.request("POST", ["v3", "createRoom"], { body }), "room_id");
      if (roomId !== undefined) return roomId;
    } catch (error) {
      // An earlier try got through, and its answer did not.
      if (!(error instanceof MatrixError) || error.code !== "M_ROOM_IN_USE") throw error;
    }
    const roomId = textAt(await bot.request("GET", ["v3", "directory", "room", alias]), "room_id");
    if (roomId === undefined) throw new Error("the homeserver did not say which room it made");
    return roomId;
  }

  #isTooFast(): boolean {
    const now = performance.now();
    if (now - this.#asked.since > minute) this.#asked = { since: now, count: 0 };
    this.#asked.count += 1;
    return this.#asked.count > perMinute;
  }
}

function unlessMissing(error: unknown): void {
  if (!(error instanceof MatrixError) || error.code !== "M_NOT_FOUND") throw error;
}

function unlessInUse(error: unknown): void {
  if (!(error instanceof MatrixError) || error.status !== 409) throw error;
}
