// Those of ours who are in one chat, or on their way.
import { BridgeError, type GroupChatPerson, type RemoteId } from "#bridge";
import type { Clock } from "../../gateway/ports.ts";
import type { Jid } from "../jid.ts";
import { Seat } from "./seat.ts";

export interface SeatsOptions {
  /** The bare JID that stands for somebody of the network; undefined: none can. */
  readonly jidOf: (id: RemoteId) => string | undefined;
  /** With which resource they are there. */
  readonly resource: string;
  readonly clock: Clock;
}

export class Seats {
  readonly #o: SeatsOptions;
  readonly #byPerson = new Map<RemoteId, Seat>();
  readonly #byJid = new Map<string, Seat>();

  constructor(options: SeatsOptions) {
    this.#o = options;
  }

  get isEmpty(): boolean {
    return this.#byPerson.size === 0;
  }

  /** In the order of their coming; a copy. */
  all(): Seat[] {
    return [...this.#byPerson.values()];
  }

  of(person: RemoteId): Seat | undefined {
    return this.#byPerson.get(person);
  }

  /** Whom a stanza is for. */
  at({ bare }: Jid): Seat | undefined {
    return this.#byJid.get(bare);
  }

  has(seat: Seat): boolean {
    return this.#byPerson.get(seat.person.id) === seat;
  }

  isOurs(nick: string): boolean {
    return this.all().some((seat) => seat.state !== "out" && seat.nick === nick);
  }

  /** Throws BridgeError `reject` when there can be no address for them. */
  admit(person: GroupChatPerson): Seat {
    const bare = this.#o.jidOf(person.id);
    if (bare === undefined)
      throw new BridgeError("reject", "This name cannot be an address on XMPP.", { condition: "forbidden" });
    const seat = new Seat(person, `${bare}/${this.#o.resource}`);
    this.#byPerson.set(person.id, seat);
    this.#byJid.set(bare, seat);
    return seat;
  }

  /** They are out for now; nothing is awaited of the chat. */
  clear(seat: Seat): void {
    this.#o.clock.clearTimeout(seat.timer);
    seat.timer = undefined;
    seat.state = "out";
  }

  /** They are ours no more; whoever waits for them gets the error. */
  dismiss(seat: Seat, error: BridgeError): void {
    this.clear(seat);
    this.#byPerson.delete(seat.person.id);
    this.#byJid.delete(seat.jid.slice(0, seat.jid.indexOf("/")));
    seat.turnAway(error);
  }
}
