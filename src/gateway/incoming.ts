// The incoming worker: network to user. Rows of one bridge go out on one stream, conversations taking turns, and count as
// delivered when the server has answered the ping barrier behind them.
import type { Logger } from "#bridge";
import type { Contacts } from "./contacts.ts";
import type { Faults } from "./faults.ts";
import type { Lane, Lanes } from "./lanes.ts";
import {
  type IncomingRow,
  type LaneStore,
  type MessageStore,
  peerOfKey,
  type ReactionStore,
  type Settlement,
} from "./lane-ports.ts";
import type { AccountId, AccountRecord, Clock } from "./ports.ts";
import type { OutputItem, XmppOutput } from "./xmpp-ports.ts";
import type { Profiles } from "./profiles.ts";
import type { RoomView } from "./room-events.ts";
import type { RoomReports } from "./room-reports.ts";
import { untilTrue } from "./stubborn.ts";

/** Milliseconds before a lane is looked at again after the store failed. */
const retryAfter = 1_000;

/** Why nothing is written for a row. */
type Nobody = "nobody there" | "the account is gone";

export interface IncomingOptions {
  readonly bridge: string;
  readonly lanes: Lanes;
  readonly store: LaneStore;
  readonly messages: MessageStore;
  readonly reactions: ReactionStore;
  readonly contacts: Contacts;
  readonly rooms: Pick<RoomReports, "view">;
  readonly profiles: Pick<Profiles, "changed">;
  readonly output: XmppOutput;
  /** Undefined when the account is gone. */
  readonly account: (id: AccountId) => AccountRecord | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: Faults;
}

export class IncomingWorker {
  readonly #o: IncomingOptions;
  /** Lanes with something to write, in turn. */
  readonly #turns: Lane[] = [];
  /** Rows on the stream that the server has not confirmed, by key. Bounded by the window. */
  readonly #flying = new Map<string, Lane>();
  /** Those of them the server said no to. */
  readonly #refused = new Map<string, string>();
  #pumping = false;
  #stopping = false;

  constructor(options: IncomingOptions) {
    this.#o = options;
  }

  onReady(lane: Lane): void {
    if (lane.busy) return;
    lane.busy = true;
    this.#turns.push(lane);
    this.pump();
  }

  /** Write what can be written now. Called when the link comes up and when its window has room. */
  pump(): void {
    if (this.#pumping || this.#stopping || !this.#o.output.writable || this.#turns.length === 0) return;
    this.#pumping = true;
    void this.#pump().finally(() => {
      this.#pumping = false;
      // Room may have come between the last look and now.
      if (this.#o.output.writable && this.#turns.length > 0) this.pump();
    });
  }

  stop(): void {
    this.#stopping = true;
  }

  /** The server has these rows. */
  taken(rows: readonly IncomingRow[]): void {
    this.#o.faults.at("incoming:taken");
    const { store, clock, log, lanes } = this.#o;
    const refused = rows.filter((row) => this.#refused.has(row.key));
    const landed = rows.map((row) => this.#land(row)).filter((lane) => lane !== undefined);
    const fine = refused.length === 0 ? rows : rows.filter((row) => !this.#refused.has(row.key));
    const write = async () => {
      await untilTrue(() => store.settleMany(fine.map((row) => row.id)), clock, log);
      for (const row of refused) {
        const error = this.#refused.get(row.key) ?? "";
        this.#refused.delete(row.key);
        await untilTrue(() => store.settle({ id: row.id, state: "failed", error }), clock, log);
      }
      this.#o.faults.at("incoming:settled");
      for (const lane of landed) lanes.finished(lane);
    };
    write().catch((error: unknown) => log.error({ err: error }, "delivered rows could not be marked"));
  }

  /** The stream broke before the server confirmed these rows: they go first, with the same ids. */
  lost(rows: readonly IncomingRow[]): void {
    const byLane = new Map<Lane, IncomingRow[]>();
    for (const row of rows) {
      const lane = this.#land(row);
      this.#refused.delete(row.key);
      if (lane === undefined) continue;
      const list = byLane.get(lane);
      if (list) list.push(row);
      else byLane.set(lane, [row]);
    }
    for (const [lane, list] of byLane) this.#o.lanes.restore(lane, list);
  }

  /** The user's server sent an error for a row's stanza. */
  refused(key: string, reason: string): void {
    if (!this.#flying.has(key)) return;
    this.#refused.set(key, reason);
    this.#o.log.warn({ key, reason }, "the user's server refused a message");
  }

  /** The row is off the stream, one way or the other. */
  #land(row: IncomingRow): Lane | undefined {
    const lane = this.#flying.get(row.key);
    this.#flying.delete(row.key);
    return lane;
  }

  async #pump(): Promise<void> {
    const { output, lanes } = this.#o;
    while (output.writable && !this.#stopping) {
      const lane = this.#turns.shift();
      if (lane === undefined) return;
      const row = lanes.peek(lane) as IncomingRow | undefined;
      if (row === undefined) {
        lanes.idle(lane);
        continue;
      }
      let item: OutputItem | Nobody;
      try {
        item = await this.#item(row);
      } catch (error) {
        // Only the store can fail here: the lane waits a little, the others go on.
        this.#o.log.error({ err: error, account: row.account }, "an incoming lane waits");
        this.#o.clock.setTimeout(() => {
          this.#turns.push(lane);
          this.pump();
        }, retryAfter);
        continue;
      }
      if (!output.writable) {
        this.#turns.unshift(lane);
        return;
      }
      // The lane may have got rows back, or lost its account, while the item was looked up.
      if (lane.rows[0] !== row) {
        this.#turns.unshift(lane);
        continue;
      }
      lanes.take(lane);
      if (typeof item === "object") this.#write(lane, row, item);
      else this.#end(lane, row, item === "nobody there" ? undefined : item);
      if (lane.rows.length > 0 || lane.more) this.#turns.push(lane);
      else lanes.idle(lane);
    }
  }

  #write(lane: Lane, row: IncomingRow, item: OutputItem): void {
    try {
      this.#flying.set(row.key, lane);
      this.#o.output.write(item);
      this.#o.faults.at("incoming:written");
    } catch (error) {
      this.#flying.delete(row.key);
      if (this.#o.output.writable) {
        // Not the link: this very row can not be written. It must not block those behind it.
        this.#o.log.error({ err: error, key: row.key }, "a message could not be written");
        this.#end(lane, row, String(error));
      } else this.#o.lanes.restore(lane, [row]);
    }
  }

  /** The row ends without being written; `error` says why where that is one. */
  #end(lane: Lane, row: IncomingRow, error: string | undefined): void {
    const { store, clock, log, lanes } = this.#o;
    const settlement: Settlement =
      error === undefined ? { id: row.id, state: "done" } : { id: row.id, state: "failed", error };
    untilTrue(() => store.settle(settlement), clock, log)
      .then(() => lanes.finished(lane))
      .catch((cause: unknown) => log.error({ err: cause }, "a row could not be ended"));
  }

  async #roomItem(row: IncomingRow, user: string): Promise<OutputItem | Nobody> {
    const room = await this.#o.rooms.view(row);
    if (room === undefined || (await this.#isBookmark(row, user, room))) return "nobody there";
    const item = { row, user, contact: undefined, room };
    const saying = row.body.kind === "room" && row.body.event.do === "said" ? row.body.event : undefined;
    if (saying?.body.kind === "reaction") {
      const from = saying.self ? "self" : saying.id;
      const set = await this.#o.reactions.of(row.account, row.peer, saying.body.target, from);
      return { ...item, emojis: set.map((one) => one.emoji) };
    }
    return item;
  }

  /** True: what the row says the user's server has in their bookmarks now, or there is nothing else to say. */
  async #isBookmark({ body }: IncomingRow, user: string, { local }: RoomView): Promise<boolean> {
    const { output } = this.#o;
    if (body.kind !== "room") return false;
    const { event } = body;
    if (event.do === "joined") {
      const isKept = await output.bookmark(user, local, event.name, event.nick);
      return event.offer === "list" || (event.offer === "ask" && isKept);
    }
    if (event.do !== "forgotten") return false;
    await output.unbookmark(user, local);
    return true;
  }

  async #item(row: IncomingRow): Promise<OutputItem | Nobody> {
    const account = this.#o.account(row.account);
    if (account === undefined) return "the account is gone";
    const { user } = account;
    const peer = peerOfKey(row.peer);
    if (peer?.kind === "room") return this.#roomItem(row, user);
    const contact = peer?.id;
    if (row.body.kind === "reaction") {
      const { target, from } = row.body;
      const set = await this.#o.reactions.of(row.account, row.peer, target, from);
      return { row, user, contact, emojis: set.map((one) => one.emoji) };
    }
    if (row.body.kind === "profile") {
      if (contact !== undefined) await this.#o.profiles.changed(account, contact, row.body);
      return "nobody there";
    }
    if (row.body.kind !== "message" || contact === undefined) return { row, user, contact };
    const { message } = row.body;
    await this.#o.contacts.meet(row.account, user, contact, message.name, message.automatic ?? false);
    if (!message.replyTo?.length) return { row, user, contact };
    const parent = await this.#o.messages.byRemoteId(row.account, message.replyTo);
    return parent
      ? { row, user, contact, replyTo: { xmppId: parent.xmppId, fromSelf: parent.fromSelf } }
      : { row, user, contact };
  }
}
