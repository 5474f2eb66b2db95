// Group chats of XMPP in which people of a network take part: which there are, and their place on the network. Each has an
// account of its own, so that its lanes, its message ids and how far it was heard are kept as those of users are.
import {
  BridgeError,
  type FoundGroupChat,
  type GroupChatPerson,
  type GroupChats as Calls,
  type LiveSession,
  type Logger,
} from "#bridge";
import type { Attached } from "./bridges.ts";
import type { Faults } from "./faults.ts";
import { GroupChatInbox } from "./group-chat-inbox.ts";
import type { GroupChatClient, GroupChatCursor, GroupChatEvents } from "./group-chat-ports.ts";
import { GroupChatVoice } from "./group-chat-voice.ts";
import type { Lane, Lanes } from "./lanes.ts";
import type { OutgoingRow } from "./lane-ports.ts";
import type { AccountId, AccountRecord, Clock, Store } from "./ports.ts";

export interface GroupChatsOptions {
  readonly store: Store;
  readonly lanes: Lanes;
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: Faults;
  /** Milliseconds until what waits for a chat is given up. */
  readonly expiry: number;
  readonly bridge: (name: string) => Pick<Attached, "service" | "groupChats"> | undefined;
}

export class GroupChats {
  readonly #o: GroupChatsOptions;
  readonly #byId = new Map<AccountId, AccountRecord>();
  readonly #byAddress = new Map<string, AccountRecord>();
  readonly #inboxes = new Map<AccountId, GroupChatInbox>();
  readonly #voice: GroupChatVoice;
  readonly #stopping = new AbortController();

  constructor(options: GroupChatsOptions) {
    this.#o = options;
    this.#voice = new GroupChatVoice({
      ...options,
      chat: (id) => {
        const account = this.#byId.get(id);
        const client = account && this.#client(account.bridge);
        return account && client && { address: account.user, client };
      },
    });
  }

  /** Those of earlier runs. */
  async load(): Promise<void> {
    for (const account of await this.#o.store.accounts.all()) if (account.mode === "groupchat") this.#index(account);
  }

  has(id: AccountId): boolean {
    return this.#byId.has(id);
  }

  /** What a bridge's service asks. */
  callsOf(bridge: string): Calls {
    return {
      find: (address, services) => this.#find(bridge, address, services),
      open: (address) => this.#open(bridge, address),
      close: (address) => this.#close(bridge, address),
      resume: (address, people) => this.#resume(bridge, address, people),
    };
  }

  async #find(
    bridge: string,
    address: string,
    services: readonly string[] | undefined,
  ): Promise<FoundGroupChat | undefined> {
    const client = this.#client(bridge);
    if (client === undefined) throw new BridgeError("retry", "There is no way to XMPP here.");
    return client.find(address, services);
  }

  async #open(bridge: string, address: string): Promise<AccountRecord> {
    const known = this.#byAddress.get(chatKey(bridge, address));
    if (known !== undefined) return known;
    const mode = "groupchat";
    const made = await this.#o.store.accounts.save({ user: address, bridge, mode, self: address }, undefined);
    this.#index(made);
    return made;
  }

  async #close(bridge: string, address: string): Promise<void> {
    const key = chatKey(bridge, address);
    const account = this.#byAddress.get(key);
    if (account === undefined) return;
    this.#byAddress.delete(key);
    this.#byId.delete(account.id);
    this.#inboxes.get(account.id)?.stop();
    this.#inboxes.delete(account.id);
    // Somebody may be there whose leaving waits in the lane that goes.
    this.#client(bridge)?.close(address);
    this.#o.lanes.drop(account.id);
    await this.#o.store.accounts.remove(account.id);
  }

  #resume(bridge: string, address: string, people: readonly GroupChatPerson[]): void {
    const client = this.#client(bridge);
    for (const person of people) {
      // Nobody waits for it: what they say waits in the lane, and whoever is not wanted is told when they speak.
      client?.enter(address, person, this.#stopping.signal).catch((error: unknown) => {
        if (!this.#stopping.signal.aborted) this.#o.log.info({ err: error }, "somebody could not enter a group chat");
      });
    }
  }

  /** As whom a row speaks on the network. */
  sessionFor(row: Pick<OutgoingRow, "account" | "body">): LiveSession | undefined {
    return this.#session(row.account)?.as(row.body.heard?.speaker);
  }

  /** The chat's own. */
  sessionOf(account: AccountId): LiveSession | undefined {
    return this.#session(account)?.as(undefined);
  }

  onReady(lane: Lane): void {
    this.#voice.onReady(lane);
  }

  /** What the component of a bridge calls. */
  events(bridge: string): GroupChatEvents {
    const accountOf = (address: string) => this.#byAddress.get(chatKey(bridge, address));
    return {
      cursor: async (address) => {
        const account = accountOf(address);
        const cursor = account && (await this.#o.store.accounts.cursor(account.id));
        return (cursor ?? undefined) as GroupChatCursor | undefined;
      },
      heard: async (address, heard) => {
        const account = accountOf(address);
        if (account !== undefined) await this.#inbox(account).add(heard);
      },
      refused: (address, key, condition, text, again) => {
        if (accountOf(address) !== undefined) this.#voice.refused(key, condition, text, again);
      },
    };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const inbox of this.#inboxes.values()) inbox.stop();
    await this.#voice.stop();
  }

  #client(bridge: string): GroupChatClient | undefined {
    return this.#o.bridge(bridge)?.groupChats;
  }

  #session(id: AccountId) {
    const account = this.#byId.get(id);
    return account && this.#o.bridge(account.bridge)?.service?.groupChat?.(account.user);
  }

  #inbox(account: AccountRecord): GroupChatInbox {
    let inbox = this.#inboxes.get(account.id);
    if (inbox === undefined) {
      const { store, clock, log, faults } = this.#o;
      const { id, user: address } = account;
      inbox = new GroupChatInbox({ account: id, address, store: store.lanes, clock, log, faults, voice: this.#voice });
      this.#inboxes.set(id, inbox);
    }
    return inbox;
  }

  #index(account: AccountRecord): void {
    this.#byId.set(account.id, account);
    this.#byAddress.set(chatKey(account.bridge, account.user), account);
  }
}

const chatKey = (bridge: string, address: string) => `${bridge}/${address}`;
