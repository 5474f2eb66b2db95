// What is heard in one group chat, on its way to the disk: in order, each once, and the position in the chat's archive with
// it. After a crash the chat is heard again from there.
import type { Logger } from "#bridge";
import type { Faults } from "./faults.ts";
import type { ChatRow } from "./group-chat-items.ts";
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
    const { account, address, clock, voice } = this.#o;
    let deliveries: Delivery[] = [];
    let cursor: GroupChatCursor | undefined;
    for (const heard of batch) {
      const row = heard.what === "said" ? await this.#rowOf(heard) : undefined;
      if (row !== undefined && heard.what === "said") {
        await this.#write(deliveries, cursor);
        deliveries = [];
        await voice.shown(row, heard.mark);
        continue;
      }
      deliveries.push(fromGroupChat(account, address, withoutOurs(heard), clock.now()));
      if (heard.what === "said") {
        const { stanzaId, at } = heard;
        cursor = { at, ...(stanzaId === undefined ? {} : { id: stanzaId }) };
      }
    }
    await this.#write(deliveries, cursor);
  }

  /** What one of ours said that the chat shows now. */
  async #rowOf({ mine, id }: Said): Promise<ChatRow | undefined> {
    if (mine === false || id === undefined) return undefined;
    return this.#o.voice.waitingFor(this.#o.account, this.#o.address, id);
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

type Said = Extract<Heard, { what: "said" }>;

/** Of ours, and its row has ended: shown late or twice. It is only marked, so that it is known when it is heard again. */
function withoutOurs(heard: Heard): Heard {
  if (heard.what !== "said" || heard.mine !== true) return heard;
  const { body: _, ...rest } = heard;
  return rest;
}
