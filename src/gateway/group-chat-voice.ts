// What people of a network do in group chats, one thing at a time per chat: it counts as said when the chat shows it to
// everybody, us included. XEP-0114 and MUC know no other proof that holds across servers.
import { BridgeError, type Condition, type Logger } from "#bridge";
import type { Faults } from "./faults.ts";
import type { GroupChatClient, GroupChatItem } from "./group-chat-ports.ts";
import { type ChatRow, itemOf } from "./group-chat-items.ts";
import { groupChatPeer, shownRecords } from "./group-chat-rows.ts";
import { newKey } from "./keys.ts";
import type { Lane, Lanes } from "./lanes.ts";
import type { NewRow, OutgoingBody, Settlement } from "./lane-ports.ts";
import type { AccountId, Clock, Store } from "./ports.ts";
import { retryDelay } from "./retry.ts";
import { untilTrue } from "./stubborn.ts";

export interface GroupChatVoiceOptions {
  readonly store: Pick<Store, "lanes" | "messages" | "reactions">;
  readonly lanes: Lanes;
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: Faults;
  /** Milliseconds until a waiting message is given up. */
  readonly expiry: number;
  readonly chat: (account: AccountId) => Chat | undefined;
}

interface Chat {
  readonly address: string;
  readonly client: GroupChatClient;
}

/** Milliseconds that a chat has to let somebody in, and to show what they said. */
const patience = { enter: 60_000, show: 30_000 };
/** How often something is said of which no proof comes: each time it may be a double. */
const mostUnproved = 3;

/** What is being said, and how its proof is told. */
interface Pending {
  readonly row: ChatRow;
  readonly shown: () => void;
  readonly failed: (error: BridgeError) => void;
}

export class GroupChatVoice {
  readonly #o: GroupChatVoiceOptions;
  /** By row key: at most one in each chat. */
  readonly #pending = new Map<string, Pending>();
  /** Keys of rows that were shown while nobody waited for it, by lane: it was said before a restart, or took too long. */
  readonly #shown = new Map<AccountId, string>();
  /** What was said and not shown, and how often, by chat. */
  readonly #unproved = new Map<AccountId, { readonly key: string; count: number }>();
  readonly #running = new Set<Promise<void>>();
  readonly #halt = new AbortController();

  constructor(options: GroupChatVoiceOptions) {
    this.#o = options;
  }

  onReady(lane: Lane): void {
    if (lane.busy || this.#halt.signal.aborted) return;
    lane.busy = true;
    const run = this.#run(lane)
      .catch((error: unknown) => {
        // Only the store can fail here.
        this.#o.log.error({ err: error, account: lane.head.account }, "the lane of a group chat stopped");
        this.#again(lane, 5_000);
      })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** What waits for its proof and was said under this id; undefined: nothing of ours. */
  async waitingFor(account: AccountId, address: string, key: string): Promise<ChatRow | undefined> {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending.row.account === account ? pending.row : undefined;
    // Nothing is said before what is before it was shown: it can only be the first.
    const head = { account, direction: "incoming", peer: groupChatPeer(address) } as const;
    const [first] = await this.#o.store.lanes.page(head, -1, 1);
    return first?.key === key ? (first as ChatRow) : undefined;
  }

  /** The chat shows what a row said. Resolves when that is on disk. */
  async shown(row: ChatRow, stanzaId: string): Promise<void> {
    const { store, clock } = this.#o;
    const { act } = row.body;
    const written =
      act.do === "say" && (act.body.kind === "message" || act.body.kind === "edit")
        ? await store.messages.byXmppId(row.account, row.peer, row.key)
        : undefined;
    await this.#settle({ id: row.id, state: "done", records: shownRecords(written, row, stanzaId, clock.now()) });
    this.#o.faults.at("groupchat:shown");
    const pending = this.#pending.get(row.key);
    if (pending === undefined) this.#shown.set(row.account, row.key);
    else pending.shown();
  }

  refused(key: string, condition: Condition, text: string, again: boolean): void {
    const pending = this.#pending.get(key);
    if (pending === undefined) return;
    // "You are not here": true after a silent loss, but a chat may say so of words that it does not like.
    const isAbsent = again && condition === "not-acceptable";
    const plain = new BridgeError(again ? "retry" : "reject", text, { condition });
    pending.failed(isAbsent ? this.#withoutProof(pending.row) : plain);
  }

  async stop(): Promise<void> {
    this.#halt.abort();
    await Promise.all(this.#running);
  }

  async #run(lane: Lane): Promise<void> {
    const { lanes, clock } = this.#o;
    while (!this.#halt.signal.aborted) {
      const row = lanes.peek(lane) as ChatRow | undefined;
      if (row === undefined) break;
      const wait = row.notBefore - clock.now();
      if (wait <= 0 && (await this.#handle(row))) {
        if (lanes.take(lane)) lanes.finished(lane);
        continue;
      }
      return this.#again(lane, Math.max(row.notBefore - clock.now(), 0));
    }
    lanes.idle(lane);
    if (lane.rows.length > 0) this.onReady(lane);
  }

  #again(lane: Lane, ms: number): void {
    this.#o.lanes.unload(lane);
    lane.busy = false;
    if (!this.#halt.signal.aborted) this.#o.clock.setTimeout(() => this.onReady(lane), ms);
  }

  /** True: the row is at its end. */
  async #handle(row: ChatRow): Promise<boolean> {
    const { clock, expiry, log, chat } = this.#o;
    try {
      const place = chat(row.account);
      if (place === undefined) throw new BridgeError("retry", "There is no way to the group chat.");
      if (row.createdAt + expiry < clock.now())
        throw new BridgeError("reject", "The group chat could not be reached for too long.");
      await this.#do(row, place);
      return true;
    } catch (error) {
      if (this.#halt.signal.aborted) return false;
      const known = error instanceof BridgeError ? error : undefined;
      const text = error instanceof Error ? error.message : String(error);
      if (known?.kind === "reject") {
        log.info({ account: row.account, key: row.key, condition: known.condition }, "a group chat refused");
        await this.#settle({ id: row.id, state: "failed", error: text, notes: this.#refusal(row, known) });
        return true;
      }
      log.info({ account: row.account, key: row.key, err: error }, "a group chat is tried again");
      row.attempts++;
      row.notBefore = clock.now() + (known?.retryAfter ?? retryDelay(row.attempts));
      const { attempts, notBefore } = row;
      await this.#settle({ id: row.id, state: "queued", attempts, notBefore, error: text });
      return false;
    }
  }

  async #do(row: ChatRow, { address, client }: Chat): Promise<void> {
    const { from, name, act } = row.body;
    if (act.do === "leave") {
      // What is said while nobody of ours is there is nothing to catch up with.
      if (client.leave(address, from)) await this.#o.store.lanes.deliver(row.account, [], { cursor: null });
      return this.#settle({ id: row.id, state: "done" });
    }
    const person = { id: from, ...(name === undefined ? {} : { name }) };
    try {
      await this.#within(patience.enter, (signal) => client.enter(address, person, signal));
    } catch (error) {
      if (!(error instanceof BridgeError) || error.kind !== "reject") throw error;
      return this.#turnedAway(row, address, error);
    }
    if (act.do === "enter") return this.#settle({ id: row.id, state: "done" });
    const item = await itemOf(row, address, act.body, this.#o.store);
    if (this.#shown.get(row.account) === row.key) return;
    await this.#say(row, item, client);
  }

  /** Whoever is not let in has no place in the chat on the network either. */
  async #turnedAway(row: ChatRow, address: string, error: BridgeError): Promise<void> {
    const change = { do: "kick", who: row.body.from, reason: error.message } as const;
    const notes = [this.#note(row, address, { kind: "change", change })];
    await this.#settle({ id: row.id, state: "failed", error: error.message, notes });
  }

  async #say(row: ChatRow, item: GroupChatItem, client: GroupChatClient): Promise<void> {
    const proof = Promise.withResolvers<void>();
    this.#pending.set(row.key, { row, shown: proof.resolve, failed: proof.reject });
    try {
      await this.#within(patience.show, (signal) => {
        signal.addEventListener("abort", () => {
          if (!this.#halt.signal.aborted) client.doubt(item.address);
          proof.reject(this.#withoutProof(row));
        });
        client.write(item);
        this.#o.faults.at("groupchat:written");
        return proof.promise;
      });
    } finally {
      this.#pending.delete(row.key);
    }
  }

  #withoutProof({ account, key }: ChatRow): BridgeError {
    const known = this.#unproved.get(account);
    const unproved = known?.key === key ? known : { key, count: 0 };
    unproved.count++;
    this.#unproved.set(account, unproved);
    if (unproved.count < mostUnproved)
      return new BridgeError("retry", "The group chat did not show it.", { retryAfter: 0 });
    return new BridgeError("reject", "The group chat does not show what is said in it.");
  }

  /** What the chat's place on the network is told when somebody's words were not taken. */
  #refusal(row: ChatRow, error: BridgeError): readonly NewRow[] {
    const address = this.#o.chat(row.account)?.address;
    if (address === undefined || row.body.act.do !== "say") return [];
    const { name = row.body.from } = row.body;
    return [this.#note(row, address, { kind: "message", text: `${name}: this was not sent. ${error.message}` })];
  }

  #note(row: ChatRow, address: string, body: Pick<OutgoingBody, "kind" | "text" | "change">): NewRow {
    const now = this.#o.clock.now();
    return {
      direction: "outgoing",
      account: row.account,
      peer: row.peer,
      key: newKey(now),
      body: { ...body, origin: { from: address }, heard: { at: now } },
    };
  }

  async #settle(settlement: Settlement): Promise<void> {
    await untilTrue(() => this.#o.store.lanes.settle(settlement), this.#o.clock, this.#o.log);
  }

  /** `signal` ends after so many milliseconds, or when the gateway stops. */
  async #within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.#o;
    const over = new AbortController();
    const timer = clock.setTimeout(() => over.abort(), ms);
    try {
      return await work(AbortSignal.any([this.#halt.signal, over.signal]));
    } finally {
      clock.clearTimeout(timer);
    }
  }
}
