// What is heard in one group chat, on its way to the disk: in order, each once, and the position in the chat's archive with
// it. After a crash the chat is heard again from there.
import type { Logger } from "#bridge";
import type { Faults } from "./faults.ts";
import type { GroupChatCursor, Heard } from "./group-chat-ports.ts";
import { fromGroupChat } from "./group-chat-rows.ts";
import type { GroupChatVoice } from "./group-chat-voice.ts";
import type { Delivery, LaneStore } from "./lane-ports.ts";
import type { AccountId, Clock } from "./ports.ts";
import { untilTrue } from "./stubborn.ts";

export interface GroupChatInboxOptions {
  readonly account: AccountId;
  readonly address: string;
  readonly store: LaneStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: Faults;
  /** Knows what was said by ours. */
  readonly voice: Pick<GroupChatVoice, "waitingFor" | "shown">;
}

interface Entry {
  readonly heard: Heard;
  readonly done: () => void;
}

/** In one commit. */
const mostAtOnce = 100;

export class GroupChatInbox {
  readonly #o: GroupChatInboxOptions;
  /** Bounded by the link, which reads no further while so many stanzas are being handled. */
  readonly #entries: Entry[] = [];
  #running = false;
  #stopped = false;

  constructor(options: GroupChatInboxOptions) {
    this.#o = options;
  }

  /** Resolves when it is on disk. */
  add(heard: Heard): Promise<void> {
    return new Promise((done) => {
      this.#entries.push({ heard, done });
      if (!this.#running) void this.#run();
    });
  }

  /** What is not on disk yet is heard again after the next start. */
  stop(): void {
    this.#stopped = true;
    for (const { done } of this.#entries.splice(0)) done();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#entries.length > 0 && !this.#stopped) {
      const batch = this.#entries.slice(0, mostAtOnce);
      await this.#commit(batch.map(({ heard }) => heard));
      this.#entries.splice(0, batch.length);
      for (const { done } of batch) done();
    }
    this.#running = false;
  }

  /** What ours said ends its row first: the position must not be behind it while it could be said again. */
  async #commit(batch: readonly Heard[]): Promise<void> {
    const { account, address, clock } = this.#o;
    let deliveries: Delivery[] = [];
    let cursor: GroupChatCursor | undefined;
    for (const heard of batch) {
      if (heard.what === "said" && (await this.#isOurs(heard, () => this.#write(deliveries, cursor)))) {
        deliveries = [];
        continue;
      }
      deliveries.push(fromGroupChat(account, address, heard, clock.now()));
      if (heard.what === "said") {
        const { stanzaId, at } = heard;
        cursor = { at, ...(stanzaId === undefined ? {} : { id: stanzaId }) };
      }
    }
    await this.#write(deliveries, cursor);
  }

  async #isOurs(heard: Extract<Heard, { what: "said" }>, before: () => Promise<void>): Promise<boolean> {
    if (heard.mine === false || heard.id === undefined) return false;
    const row = await this.#o.voice.waitingFor(this.#o.account, this.#o.address, heard.id);
    if (row === undefined) return heard.mine === true;
    await before();
    await this.#o.voice.shown(row, heard.mark);
    return true;
  }

  async #write(deliveries: readonly Delivery[], cursor: GroupChatCursor | undefined): Promise<void> {
    const { store, account, clock, log, faults } = this.#o;
    if (deliveries.length === 0) return;
    const write = () =>
      this.#stopped
        ? Promise.resolve([])
        : store.deliver(account, deliveries, cursor === undefined ? {} : { cursor: { ...cursor } });
    faults.at("groupchat:heard");
    await untilTrue(write, clock, log);
    faults.at("groupchat:stored");
  }
}
