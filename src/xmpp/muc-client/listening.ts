// One occupant listens for all of ours: everybody gets everything, so what the others get is not looked at. With the entry
// comes some of the past (XEP-0045 section 7.2.14) and the subject as its end; what was said since the chat was last heard
// is asked of its archive (XEP-0313) and goes before that.
//
//   asking -> entering -> catching up -> live      a new entry is a new Listening
import type { GroupChatCursor, GroupChatEvents, Heard } from "../../gateway/group-chat-ports.ts";
import { newKey } from "../../gateway/keys.ts";
import type { Clock, TimerHandle } from "../../gateway/ports.ts";
import type { IqTracker } from "../iq.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../ns.ts";
import { attr, child, type Element, el, textOf } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";
import { type ArchivedMessage, CatchUp } from "./catch-up.ts";
import { hear } from "./hearing.ts";
import type { Seat } from "./seat.ts";
import type { ChatFacts } from "./services.ts";
import type { History } from "./stanzas.ts";

export interface ListeningOptions {
  readonly address: string;
  readonly facts: ChatFacts;
  readonly cursor: GroupChatCursor | undefined;
  readonly events: GroupChatEvents;
  readonly iq: Pick<IqTracker, "request">;
  readonly clock: Clock;
  readonly isOurs: (nick: string) => boolean;
  readonly onReady: () => void;
  /** The chat has to be entered anew. */
  readonly onLost: () => void;
}

const times = {
  /** For the subject, which ends the history (ms). */
  subject: 10_000,
  /** After so long a silence the listener asks whether they are still there (XEP-0410). */
  silence: 3 * 60_000,
  ping: 30_000,
  /** `since` counts in seconds, and the clocks of two servers differ; what comes twice is known. */
  overlap: 60_000,
};
/** Of the past of a chat that was never heard. */
const firstHistory = 20;
/** Messages that wait while the archive is read. */
const mostHeld = 10_000;

export class Listening {
  /** Who listens. */
  seat: Seat;
  readonly #o: ListeningOptions;
  #phase: "asking" | "entering" | "catching up" | "live" | "over" = "asking";
  #held: Heard[] = [];
  #catchUp: CatchUp | undefined;
  #timer: TimerHandle | undefined;
  #ready = false;

  constructor(seat: Seat, options: ListeningOptions) {
    this.seat = seat;
    this.#o = options;
  }

  /** Everything that was said before is on disk: now somebody may speak. */
  get isReady(): boolean {
    return this.#ready && this.#phase === "live";
  }

  /** What of the past is wanted with the entry. */
  get history(): History {
    const { cursor } = this.#o;
    return cursor === undefined ? { most: firstHistory } : { since: cursor.at - times.overlap };
  }

  /** The listener is in; the subject is still to come. */
  entered(): void {
    this.#phase = "entering";
    this.#timer = this.#o.clock.setTimeout(() => void this.#begin(), times.subject);
  }

  stop(): void {
    this.#phase = "over";
    this.#held = [];
    this.#o.clock.clearTimeout(this.#timer);
  }

  /** Resolves when it is on disk, so that the link reads no faster than the disk writes. */
  async message(stanza: Element, from: Jid): Promise<void> {
    // The chat may still have us from before: what it says now comes again, behind what we missed.
    if (this.#phase === "asking") return;
    if (this.#catchUp?.take(stanza) || attr(stanza, "type") !== "groupchat") return;
    if (this.isReady) this.#watch();
    const { address, facts, clock, isOurs } = this.#o;
    const nick = from.resource;
    // Of the past it cannot be told by the nick: it may have been somebody else's.
    const isPast = child(stanza, "delay", NS.delay) !== undefined;
    const mine = isPast ? {} : { mine: nick !== undefined && isOurs(nick) };
    const heard = hear(stanza, { address, facts, now: clock.now(), ...mine });
    const done = heard && this.#take(heard);
    if (this.#phase === "entering" && isSubject(stanza)) void this.#begin();
    await done;
  }

  #take(heard: Heard): Promise<void> | undefined {
    if (this.#phase === "live") return this.#o.events.heard(this.#o.address, heard);
    this.#held.push(heard);
    if (this.#held.length > mostHeld) this.#o.onLost();
    return undefined;
  }

  /** The history is here: first what is before it. */
  async #begin(): Promise<void> {
    if (this.#phase !== "entering") return;
    const { clock, events, address, onReady } = this.#o;
    clock.clearTimeout(this.#timer);
    this.#phase = "catching up";
    await this.#askArchive();
    if (this.#over()) return;
    const held = this.#held.splice(0).map((heard) => events.heard(address, heard));
    this.#phase = "live";
    await Promise.all(held);
    if (this.#over()) return;
    this.#ready = true;
    this.#watch();
    onReady();
  }

  async #askArchive(): Promise<void> {
    const { address, facts, cursor, iq, clock } = this.#o;
    if (cursor?.id === undefined || !facts.features.has(NS.mam)) return;
    const onPage = async (messages: readonly ArchivedMessage[]) => this.#hearArchived(messages);
    const catchUp = new CatchUp({ iq, address, from: this.seat.jid, after: cursor.id, onPage }, newKey(clock.now()));
    this.#catchUp = catchUp;
    try {
      await catchUp.run();
    } catch (error) {
      // The archive does not know the message any more, or is not for us: the history has to do.
      if (!(error instanceof StanzaError)) return this.#o.onLost();
    } finally {
      this.#catchUp = undefined;
    }
  }

  async #hearArchived(messages: readonly ArchivedMessage[]): Promise<void> {
    const { address, facts, clock, events } = this.#o;
    if (this.#over()) return;
    const all = messages.flatMap(({ id, at, stanza }) => {
      const heard = hear(stanza, { address, facts, now: clock.now(), archived: { id, at } });
      return heard === undefined ? [] : [events.heard(address, heard)];
    });
    await Promise.all(all);
  }

  /** `stop` may be called during every wait. */
  #over(): boolean {
    return this.#phase === "over";
  }

  #watch(): void {
    const { clock } = this.#o;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => void this.#ping(), times.silence);
  }

  /** XEP-0410 section 3.3: which answers mean that one is not there any more. */
  async #ping(): Promise<void> {
    const { iq, address, onLost } = this.#o;
    const { jid, nick } = this.seat;
    try {
      await iq.request(`${address}/${nick}`, el("ping", { xmlns: NS.ping }), { from: jid, timeoutMs: times.ping });
    } catch (error) {
      const condition = error instanceof StanzaError ? error.condition : undefined;
      const isThere = condition === "service-unavailable" || condition === "feature-not-implemented";
      if (this.#over()) return;
      if (!isThere && condition !== "item-not-found" && condition !== undefined) return onLost();
    }
    if (!this.#over()) this.#watch();
  }
}

/** Section 7.2.15: it always comes, empty where there is none. */
const isSubject = (stanza: Element): boolean =>
  textOf(stanza, "subject") !== undefined && textOf(stanza, "body") === undefined;
