// One try at an outgoing row: what the bridge is asked to do, and how the row ends when it has done it.
import { BridgeError, type Json, type LiveSession, type MessageRef, type OutgoingMessage, type Sent } from "#bridge";
import { fallback } from "./fallbacks.ts";
import type { Faults } from "./faults.ts";
import { takenRecords, targetOf } from "./group-chat-rows.ts";
import { derivedKey, newKey } from "./keys.ts";
import {
  type LaneStore,
  type MessageRecord,
  type MessageStore,
  messageRef,
  type NewRow,
  type OutgoingRow,
  peerOfKey,
  type ReactionStore,
  type Settlement,
} from "./lane-ports.ts";
import type { AccountId, Clock } from "./ports.ts";
import type { RoomReports } from "./room-reports.ts";

export interface AttemptsOptions {
  readonly messages: MessageStore;
  readonly reactions: ReactionStore;
  readonly rooms: Pick<RoomReports, "reflection" | "stanzaIdOf">;
  /** Freezes a row before its first send. */
  readonly begin: LaneStore["begin"];
  /** The bridge wants `threadLast` and `previous`. */
  readonly wantsThreads: (account: AccountId) => boolean;
  /** Waits for the network, but not for ever. */
  readonly inTime: <T>(work: Promise<T>) => Promise<T>;
  readonly clock: Clock;
  readonly faults: Faults;
}

export class Attempts {
  readonly #o: AttemptsOptions;

  constructor(options: AttemptsOptions) {
    this.#o = options;
  }

  /** Throws what the bridge threw. */
  async make(row: OutgoingRow, session: LiveSession): Promise<Settlement> {
    const done: Settlement = { id: row.id, state: "done" };
    const peer = peerOfKey(row.peer);
    if (peer === undefined) return { ...done, state: "failed", error: "no such peer" };
    const step = fallback(row.body, session, await this.#target(row));
    switch (step.do) {
      case "nothing":
        return done;
      case "refuse":
        throw new BridgeError("reject", step.text, { condition: step.condition });
      case "markRead":
        await this.#o.inTime(session.markRead?.(step.target, peer) ?? Promise.resolve());
        return this.#reflected(done, row);
      case "retract":
        await this.#o.inTime(session.retract?.(step.target, peer, row.key, step.reason) ?? Promise.resolve());
        return this.#reflected({ ...done, notes: row.body.origin.iq ? this.#receipt(row) : [] }, row);
      case "change":
        await this.#o.inTime(session.changeRoom?.(peer.id, step.change) ?? Promise.resolve());
        return done;
      case "leave":
        await this.#o.inTime(session.leave?.(peer.id) ?? Promise.resolve());
        return done;
      case "react":
        await this.#react(row, session, step.target, step.emojis);
        return this.#reflected(done, row);
      case "edit":
      case "send": {
        const message = await this.#message(row, peer, step.text);
        const edit = step.do === "edit" ? step.target : undefined;
        const sent = await this.#send(row, session, message, edit);
        const settled = {
          ...done,
          records: this.#records(row, sent),
          notes: sent.accepted === false ? [] : this.#receipt(row),
        };
        return this.#reflected(settled, row, { message, as: sent });
      }
      default:
        return step satisfies never;
    }
  }

  /**
   * XEP-0444 section 3.1: the user's client sends all of its reactions each time, networks take them one by one. Each is
   * written down when it is done, so that a retry goes on where it was.
   */
  async #react(row: OutgoingRow, session: LiveSession, target: MessageRef, wanted: readonly string[]): Promise<void> {
    const { reactions } = this.#o;
    const peer = peerOfKey(row.peer);
    if (!session.react || !session.unreact || peer === undefined || row.body.target === undefined) return;
    const { account, key } = row;
    const from = row.body.heard?.speaker?.id ?? "self";
    const now = await reactions.of(account, row.peer, row.body.target, from);
    for (const { emoji, remoteId } of now) {
      if (wanted.includes(emoji)) continue;
      await this.#o.inTime(session.unreact(remoteId, peer, derivedKey(key, "remove", emoji), target));
      await reactions.remove(account, remoteId);
    }
    for (const emoji of wanted) {
      if (now.some((one) => one.emoji === emoji)) continue;
      const { id } = await this.#o.inTime(session.react(target, peer, emoji, derivedKey(key, "add", emoji)));
      await reactions.add({ account, remoteId: id, peer: row.peer, target: row.body.target, from, emoji });
    }
  }

  async #send(
    row: OutgoingRow,
    session: LiveSession,
    message: OutgoingMessage,
    edit: MessageRef | undefined,
  ): Promise<Sent> {
    if (edit && session.edit) return this.#o.inTime(session.edit(edit, message));
    if (session.prepare && (row.state === "queued" || row.prepared === undefined)) {
      const prepared: Json = row.prepared ?? (await this.#o.inTime(session.prepare(message)));
      await this.#o.begin(row.id, prepared);
      row.prepared = prepared;
      row.state = "sent";
      this.#o.faults.at("outgoing:prepared");
    }
    return this.#o.inTime(session.send(message, row.prepared));
  }

  async #target(row: OutgoingRow): Promise<MessageRef | undefined> {
    const { target } = row.body;
    if (target === undefined) return undefined;
    const { messages, rooms } = this.#o;
    if (row.body.heard !== undefined) return targetOf(row, messages);
    const find = (id: string) => messages.byXmppId(row.account, row.peer, id);
    const peer = peerOfKey(row.peer);
    const record = await find(target);
    if (record || peer?.kind !== "room") return record && messageRef(record);
    // Clients correct their own messages by the ids they gave them; a room knows them by its own (XEP-0359).
    const stanzaId = await rooms.stanzaIdOf(row.account, peer.id, target);
    const own = stanzaId === undefined ? undefined : await find(stanzaId);
    return own && messageRef(own);
  }

  /** What a room took from the user is shown to all who are there, the sender included (XEP-0045 section 7.4). */
  #reflected(
    settlement: Settlement,
    row: OutgoingRow,
    sent?: { readonly message: OutgoingMessage; readonly as: Sent },
  ): Settlement {
    const rooms = this.#o.rooms.reflection(row, sent);
    return rooms ? { ...settlement, rooms } : settlement;
  }

  async #message(row: OutgoingRow, peer: OutgoingMessage["peer"], text: string): Promise<OutgoingMessage> {
    const { body, account } = row;
    const { messages } = this.#o;
    const threads = this.#o.wantsThreads(account) && row.prepared === undefined;
    const replyTo = body.kind === "message" ? await this.#target(row) : undefined;
    const threadLast = threads && body.thread ? await messages.lastOfThread(account, row.peer, body.thread) : undefined;
    const previous = threads ? await messages.lastOf(account, row.peer) : undefined;
    return {
      key: row.key,
      peer,
      text,
      sentAt: row.body.heard?.at ?? row.createdAt,
      uncertain: row.state === "sent",
      ...(body.subject === undefined ? {} : { subject: body.subject }),
      ...(body.thread === undefined ? {} : { thread: body.thread }),
      ...(body.senderName === undefined ? {} : { senderName: body.senderName }),
      ...(body.file ? { file: body.file } : {}),
      ...(body.spoiler === undefined ? {} : { spoiler: body.spoiler }),
      // Their places are in the text that the user wrote.
      ...(body.mentions && text === body.text ? { mentions: body.mentions } : {}),
      ...(replyTo ? { replyTo } : {}),
      ...(threadLast ? { threadLast: messageRef(threadLast) } : {}),
      ...(previous ? { previous: messageRef(previous) } : {}),
    };
  }

  #records(row: OutgoingRow, sent: Sent): readonly MessageRecord[] {
    const record: MessageRecord = {
      account: row.account,
      kind: "message",
      remoteId: sent.id,
      digest: "",
      xmppId: peerOfKey(row.peer)?.kind === "room" ? row.key : (row.body.origin.id ?? row.key),
      peer: row.peer,
      fromSelf: true,
      sentAt: row.createdAt,
      thread: row.body.thread ?? sent.thread,
      context: sent.context,
      sender: row.body.origin.from,
    };
    return row.body.heard === undefined ? [record] : takenRecords(row, record);
  }

  /** XEP-0184: only now, when the network has the message, the sender's client may show it as received. */
  #receipt(row: OutgoingRow): readonly NewRow[] {
    const { origin, receipt } = row.body;
    // In a room the reflection is the receipt.
    const isWanted = origin.iq ?? (receipt && peerOfKey(row.peer)?.kind !== "room");
    if (!isWanted || origin.id === undefined) return [];
    return [
      {
        direction: "incoming",
        account: row.account,
        peer: row.peer,
        key: newKey(this.#o.clock.now()),
        body: { kind: "delivered", origin },
      },
    ];
  }
}
