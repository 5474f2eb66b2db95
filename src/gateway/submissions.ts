// The way in from XMPP: everything a user's message has to pass before it is on disk, and in which order it gets there.
import type { AnyBridge, RemoteId } from "#bridge";
import type { Contacts } from "./contacts.ts";
import { GatewayError } from "./errors.ts";
import type { Faults } from "./faults.ts";
import { newKey } from "./keys.ts";
import { type LaneStore, type OutgoingBody, peerKey } from "./lane-ports.ts";
import type { AccountRecord, Clock } from "./ports.ts";
import { RateLimit } from "./rate.ts";

export interface SubmissionsOptions {
  readonly store: LaneStore;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly messagesPerMinute: number;
  readonly burst: number;
  /** Characters of one message. */
  readonly textLength: number;
  readonly bridge: (name: string) => { readonly bridge: AnyBridge; readonly contacts: Contacts };
  /** Throws GatewayError when the user has no account and gets none. */
  readonly accountFor: (bridge: string, user: string, contact: RemoteId) => Promise<AccountRecord>;
}

export class Submissions {
  readonly #o: SubmissionsOptions;
  readonly #rate: RateLimit;
  /** By conversation: the submission that the next one has to wait for. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: SubmissionsOptions) {
    this.#o = options;
    this.#rate = new RateLimit(options.clock, options.messagesPerMinute, options.burst);
  }

  /** A message, edit, retraction or read marker to a contact. Resolves once it is on disk. Throws GatewayError. */
  async submit(bridge: string, user: string, contact: RemoteId, body: OutgoingBody): Promise<void> {
    const { store, clock, faults } = this.#o;
    const account = await this.#inTurn(`${bridge}/${user}/${contact}`, async () => {
      const account = await this.#o.accountFor(bridge, user, contact);
      if (body.kind !== "read") await this.#limit(bridge, account, contact, body);
      return account;
    });
    const row = {
      direction: "outgoing",
      account: account.id,
      peer: peerKey({ kind: "contact", id: contact }),
      key: newKey(clock.now()),
      body,
    } as const;
    await store.append([row], body.kind === "read" ? { supersedes: "read" } : {});
    faults.at("outgoing:accepted");
  }

  /** Throws GatewayError when a user writes too fast (security.md X12). */
  slowDown(user: string): void {
    const wait = this.#rate.take(user);
    if (wait === 0) return;
    const text = `Too many messages at once; try again in ${Math.ceil(wait / 1000)} s.`;
    throw new GatewayError("policy-violation", text, { wait: true });
  }

  /**
   * The first message to a new contact waits for the disk before it comes to its lane; those that follow on its heels
   * would find the contact there and overtake it (P4). Only what comes before the append is in turn, so that the
   * messages of a conversation still share a commit.
   */
  #inTurn<T>(conversation: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(conversation);
    const mine = before === undefined ? work() : before.then(work, work);
    this.#turns.set(conversation, mine);
    const done = () => {
      if (this.#turns.get(conversation) === mine) this.#turns.delete(conversation);
    };
    mine.then(done, done);
    return mine;
  }

  async #limit(name: string, account: AccountRecord, contact: RemoteId, body: OutgoingBody): Promise<void> {
    const { bridge, contacts } = this.#o.bridge(name);
    const most = Math.min(this.#o.textLength, bridge.limits?.textLength ?? Number.POSITIVE_INFINITY);
    if ((body.text?.length ?? 0) > most)
      throw new GatewayError("policy-violation", `This message is too long: ${most} characters are the limit.`);
    this.slowDown(account.user);
    await contacts.address(account.id, account.user, contact);
  }
}
