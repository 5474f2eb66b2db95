// One of the network's people in a chat: their nick there, and who waits until they are in.
import { BridgeError, type GroupChatPerson } from "#bridge";
import { nickFor, skeletonOf } from "../../gateway/nicks.ts";
import type { TimerHandle } from "../../gateway/ports.ts";
import { parseJid } from "../jid.ts";

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: BridgeError) => void;
}

export class Seat {
  /** Full JID. */
  readonly jid: string;
  person: GroupChatPerson;
  state: "out" | "entering" | "in" = "out";
  /** As asked for, then as the chat gave it. */
  nick = "";
  /** Entries that failed in a row. */
  failures = 0;
  /** Until when nothing is tried, or by when the chat has to answer. */
  timer: TimerHandle | undefined;
  /** Skeletons of nicks that others have there. */
  readonly #taken = new Set<string>();
  readonly #waiters = new Set<Waiter>();

  constructor(person: GroupChatPerson, jid: string) {
    this.person = person;
    this.jid = jid;
  }

  /** A nick that was not refused and that none of ours has. */
  choose(isOurs: (nick: string) => boolean): string {
    const { id, name } = this.person;
    const others = new Set(this.#taken);
    for (;;) {
      const { nick, skeleton } = nickFor(name, id, (one) => others.has(one));
      if (parseJid(`chat@localhost/${nick}`)?.resource === nick && !isOurs(nick)) return nick;
      others.add(skeleton);
      // A name that can be no nick (RFC 7622 section 3.4) in any form.
      if (others.size > this.#taken.size + 10) return `someone-${others.size}`;
    }
  }

  /** Somebody else in the chat has it. */
  refuse(nick: string): void {
    if (this.#taken.size < 20) this.#taken.add(skeletonOf(nick));
  }

  get refusals(): number {
    return this.#taken.size;
  }

  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  /** Resolves with `settle`, rejects with `turnAway`. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      this.#waiters.add(waiter);
      const end = () => {
        this.#waiters.delete(waiter);
        reject(new BridgeError("retry", "The group chat does not answer.", { retryAfter: 0 }));
      };
      if (signal.aborted) end();
      else signal.addEventListener("abort", end, { once: true });
    });
  }

  settle(): void {
    for (const { resolve } of this.#waiters) resolve();
    this.#waiters.clear();
  }

  turnAway(error: BridgeError): void {
    for (const { reject } of this.#waiters) reject(error);
    this.#waiters.clear();
  }
}
