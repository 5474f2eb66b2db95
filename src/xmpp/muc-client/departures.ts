// Who goes out of a chat, as the network is told of it: ours who are put out, and those of the others who spoke.
import type { GroupChatEvents } from "../../gateway/group-chat-ports.ts";
import type { Element } from "../stanza.ts";
import { occupantOf } from "./hearing.ts";
import { endOf } from "./presence.ts";
import type { Seat } from "./seat.ts";
import type { ChatFacts } from "./services.ts";

/** Those whose leaving is told, because they spoke: a chat of thousands has a few of them. */
const mostSpeakers = 1_000;

export class Departures {
  readonly #address: string;
  readonly #events: GroupChatEvents;
  readonly #speakers = new Set<string>();

  constructor(address: string, events: GroupChatEvents) {
    this.#address = address;
    this.#events = events;
  }

  /** Somebody spoke. */
  note(stanza: Element, nick: string, facts: ChatFacts): void {
    if (this.#speakers.size < mostSpeakers) this.#speakers.add(occupantOf(stanza, nick, facts).id);
  }

  /** An occupant who is not ours is gone. */
  async parted(stanza: Element, nick: string, facts: ChatFacts): Promise<void> {
    if (endOf(stanza).how === "renamed") return;
    const speaker = occupantOf(stanza, nick, facts);
    if (this.#speakers.delete(speaker.id)) await this.#events.heard(this.#address, { what: "parted", speaker });
  }

  /** The place of one of ours on the network goes as well. */
  expelled({ person }: Seat, reason: string): void {
    const change = { do: "kick", who: person.id, reason } as const;
    void this.#events.heard(this.#address, { what: "changed", change });
  }

  /** Resolves when that is on disk: who is put out behind it still sees it. */
  closed(reason: string | undefined): Promise<void> {
    return this.#events.heard(this.#address, { what: "closed", reason: reason || undefined });
  }
}
