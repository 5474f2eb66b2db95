// XEP-0045: Multi-User Chat, as those of ours who are in one live through it. The first one in listens for all (see
// listening.ts); when everything that was said before is heard the others come in, and only then somebody speaks.
import { BridgeError, type GroupChatPerson, type Logger, type RemoteId } from "#bridge";
import type { GroupChatEvents } from "../../gateway/group-chat-ports.ts";
import type { Clock } from "../../gateway/ports.ts";
import { retryDelay } from "../../gateway/retry.ts";
import type { IqTracker } from "../iq.ts";
import { resource } from "../addresses.ts";
import type { Jid } from "../jid.ts";
import { attr, type Element } from "../stanza.ts";
import { Departures } from "./departures.ts";
import { Listening } from "./listening.ts";
import { endOf, isNew, isOwn, refusalOf } from "./presence.ts";
import type { Seat } from "./seat.ts";
import { Seats } from "./seats.ts";
import type { ChatFacts, Services } from "./services.ts";
import { entryPresence, exitPresence, type History, nickPresence } from "./stanzas.ts";

export interface MucChatOptions {
  readonly address: string;
  readonly services: Pick<Services, "facts">;
  readonly events: GroupChatEvents;
  readonly iq: Pick<IqTracker, "request">;
  /** Throws when the link is down. */
  readonly send: (stanza: Element) => void;
  readonly isUp: () => boolean;
  /** The bare JID that stands for somebody of the network; undefined: none can. */
  readonly jidOf: (id: RemoteId) => string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** For the answer to an entry (ms). */
const entryPatience = 30_000;
/** Nicks that are tried one after the other. */
const mostNicks = 5;
export class MucChat {
  readonly #o: MucChatOptions;
  readonly #seats: Seats;
  readonly #departures: Departures;
  #listening: Listening | undefined;
  #facts: ChatFacts | undefined;
  /** An entry of the listener is being prepared. */
  #preparing = false;

  constructor(options: MucChatOptions) {
    this.#o = options;
    this.#seats = new Seats({ ...options, resource });
    this.#departures = new Departures(options.address, options.events);
  }

  get isEmpty(): boolean {
    return this.#seats.isEmpty;
  }

  seatOf(person: RemoteId): Seat | undefined {
    return this.#seats.of(person);
  }

  /** As GroupChatClient.enter. */
  async enter(person: GroupChatPerson, signal: AbortSignal): Promise<void> {
    const seat = this.#seats.of(person.id) ?? this.#seats.admit(person);
    if (person.name !== undefined && person.name !== seat.person.name) this.#rename(seat, person);
    if (seat.state === "in" && this.#listening?.isReady) return;
    const waiting = seat.wait(signal);
    this.#advance();
    return waiting;
  }

  leave(person: RemoteId): void {
    const seat = this.#seats.of(person);
    if (seat === undefined) return;
    if (seat.state !== "out" && this.#o.isUp()) this.#o.send(exitPresence(seat.jid, this.#o.address, seat.nick));
    this.#dismiss(seat, new BridgeError("retry", "They left the group chat.", { retryAfter: 0 }));
  }

  close(): void {
    for (const { person } of this.#seats.all()) this.leave(person.id);
  }

  up(): void {
    this.#advance();
  }

  /** The link is gone: the chat's service puts us out sooner or later. */
  down(): void {
    this.#listening?.stop();
    this.#listening = undefined;
    for (const seat of this.#seats.all()) this.#seats.clear(seat);
  }

  /** Everybody enters anew, and what was said is heard again. */
  restart(): void {
    this.down();
    this.#advance();
  }

  async presence(stanza: Element, from: Jid, to: Jid): Promise<void> {
    const seat = this.#seats.at(to);
    if (seat === undefined || seat.state === "out") return;
    const nick = from.resource ?? "";
    const own = isOwn(stanza) || nick === seat.nick;
    switch (attr(stanza, "type")) {
      case "error":
        return seat.state === "entering" ? this.#refused(seat, stanza) : undefined;
      case "unavailable":
        return own ? this.#ended(seat, stanza) : this.#parted(stanza, seat, nick);
      case undefined:
        // Another one may have the nick that is asked for.
        return isOwn(stanza) && seat.state === "entering" ? this.#entered(seat, nick, stanza) : undefined;
      default:
        return;
    }
  }

  /** Resolves when it is on disk. */
  async message(stanza: Element, from: Jid, to: Jid): Promise<void> {
    const seat = this.#seats.at(to);
    if (seat === undefined || seat !== this.#listening?.seat) return;
    if (from.resource !== undefined && this.#facts) this.#departures.note(stanza, from.resource, this.#facts);
    await this.#listening.message(stanza, from);
  }

  // --- coming in ----------------------------------------------------------------------------------------------------

  /** Whoever can come in now does. */
  #advance(): void {
    if (!this.#o.isUp()) return;
    const waiting = this.#seats.all().filter((seat) => seat.state === "out" && seat.timer === undefined);
    if (this.#listening?.isReady) {
      for (const seat of waiting) this.#ask(seat, { most: 0 });
      return;
    }
    const [first] = waiting;
    if (this.#listening !== undefined || this.#preparing || first === undefined) return;
    this.#preparing = true;
    this.#listen(first)
      .catch((error: unknown) => this.#failed(first, asBridgeError(error)))
      .finally(() => {
        this.#preparing = false;
        if (this.#listening === undefined) this.#advance();
      });
  }

  async #listen(seat: Seat): Promise<void> {
    const { address, services, events, iq, clock, isUp } = this.#o;
    this.#facts = await services.facts(address);
    if (this.#facts === undefined)
      throw new BridgeError("reject", "There is no such group chat any more.", { condition: "item-not-found" });
    const cursor = await events.cursor(address);
    if (!isUp() || !this.#seats.has(seat)) return;
    const listening = new Listening(seat, {
      address,
      facts: this.#facts,
      cursor,
      events,
      iq,
      clock,
      isOurs: (nick) => this.#seats.isOurs(nick),
      onReady: () => {
        for (const one of this.#seats.all()) if (one.state === "in") one.settle();
        this.#advance();
      },
      onLost: () => this.restart(),
    });
    this.#listening = listening;
    this.#ask(seat, listening.history);
  }

  #ask(seat: Seat, history: History): void {
    const { address, clock, send } = this.#o;
    seat.nick = "";
    seat.nick = seat.choose((nick) => this.#seats.isOurs(nick));
    seat.state = "entering";
    const late = new BridgeError("retry", "The group chat does not answer.");
    seat.timer = clock.setTimeout(() => this.#failed(seat, late), entryPatience);
    send(entryPresence(seat.jid, address, seat.nick, history));
  }

  #entered(seat: Seat, nick: string, stanza: Element): void {
    const { address, clock, send } = this.#o;
    clock.clearTimeout(seat.timer);
    seat.timer = undefined;
    seat.nick = nick;
    if (isNew(stanza)) {
      // Entering made it: nobody wanted that.
      send(exitPresence(seat.jid, address, nick));
      const gone = new BridgeError("reject", "There is no such group chat any more.", { condition: "item-not-found" });
      return this.#failed(seat, gone);
    }
    seat.state = "in";
    seat.failures = 0;
    if (this.#listening?.seat === seat && !this.#listening.isReady) return this.#listening.entered();
    if (this.#listening?.isReady) seat.settle();
  }

  #refused(seat: Seat, stanza: Element): void {
    const error = refusalOf(stanza);
    if (error !== undefined) return this.#failed(seat, error);
    seat.refuse(seat.nick);
    if (seat.refusals > mostNicks)
      return this.#failed(seat, new BridgeError("reject", "Your name is taken there.", { condition: "not-allowed" }));
    this.#o.clock.clearTimeout(seat.timer);
    const listening = this.#listening;
    this.#ask(seat, listening?.seat === seat ? listening.history : { most: 0 });
  }

  #failed(seat: Seat, error: BridgeError): void {
    const { clock, log } = this.#o;
    this.#seats.clear(seat);
    const isHeard = seat.isAwaited;
    // A chat that is only there while somebody is in it may come back, as after a restart of its service.
    const mayReturn = error.condition === "item-not-found" && !isHeard;
    if (error.kind === "reject" && !mayReturn) {
      this.#dismiss(seat, error);
      // Whoever waits tells the network themselves.
      return isHeard ? undefined : this.#departures.expelled(seat, error.message);
    }
    log.info({ err: error }, "a group chat could not be entered; it will be tried again");
    seat.failures++;
    seat.timer = clock.setTimeout(() => {
      seat.timer = undefined;
      this.#advance();
    }, retryDelay(seat.failures));
    this.#relieve(seat);
  }

  #rename(seat: Seat, person: GroupChatPerson): void {
    seat.person = person;
    if (seat.state !== "in") return;
    const nick = seat.choose((one) => this.#seats.isOurs(one));
    if (nick !== seat.nick) this.#o.send(nickPresence(seat.jid, this.#o.address, nick));
  }

  // --- going out ----------------------------------------------------------------------------------------------------

  async #ended(seat: Seat, stanza: Element): Promise<void> {
    const end = endOf(stanza);
    switch (end.how) {
      case "renamed":
        seat.nick = end.nick;
        return;
      case "lost":
        return this.#failed(seat, new BridgeError("retry", "The group chat was lost."));
      case "expelled":
        this.#dismiss(seat, new BridgeError("reject", end.reason, { condition: "forbidden" }));
        return this.#departures.expelled(seat, end.reason);
      case "closed":
        return this.#closed(end.reason);
      default:
        return end satisfies never;
    }
  }

  async #closed(reason: string | undefined): Promise<void> {
    const seats = this.#seats.all();
    this.down();
    await this.#departures.closed(reason);
    for (const seat of seats) {
      this.#dismiss(seat, new BridgeError("reject", "The group chat was closed.", { condition: "item-not-found" }));
      this.#departures.expelled(seat, "The group chat was closed.");
    }
  }

  async #parted(stanza: Element, seat: Seat, nick: string): Promise<void> {
    if (seat === this.#listening?.seat && this.#facts) await this.#departures.parted(stanza, nick, this.#facts);
  }

  /** They are ours no more. */
  #dismiss(seat: Seat, error: BridgeError): void {
    this.#seats.dismiss(seat, error);
    this.#relieve(seat);
  }

  /** Another one listens on, without a gap: what came before was for both of them. */
  #relieve(seat: Seat): void {
    if (this.#listening?.seat !== seat) return this.#advance();
    const next = this.#listening.isReady ? this.#seats.all().find((one) => one.state === "in") : undefined;
    if (next !== undefined) {
      this.#listening.seat = next;
      return this.#advance();
    }
    this.#listening.stop();
    this.#listening = undefined;
    for (const one of this.#seats.all()) if (one.state !== "out") this.#seats.clear(one);
    this.#advance();
  }
}

const asBridgeError = (error: unknown): BridgeError =>
  error instanceof BridgeError
    ? error
    : new BridgeError("retry", "The group chat could not be entered.", { cause: error });
