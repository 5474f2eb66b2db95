// What bridges report: events to keep, hints to pass on, and how their sessions are.
import type { Hint, Incoming, Json, Logger, RecordChanges, SessionState } from "#bridge";
import { deliveries, type DeliveryLookups } from "./deliveries.ts";
import type { Faults } from "./faults.ts";
import type { Delivery, LaneStore } from "./lane-ports.ts";
import type { AccountId, AccountRecord } from "./ports.ts";
import type { PresenceBook } from "./presence.ts";

export interface Parcel {
  readonly account: AccountId;
  readonly events: readonly Incoming[];
}

export interface ReportsOptions {
  readonly store: LaneStore;
  readonly lookups: DeliveryLookups;
  readonly presence: PresenceBook;
  readonly log: Logger;
  readonly faults: Faults;
  /** A line from the gateway to the user, about this account. */
  readonly say: (account: AccountRecord, text: string) => Promise<void>;
  readonly typing: (account: AccountRecord, hint: Extract<Hint, { type: "typing" }>) => void;
  /** Whether a sign-in is to be had. */
  readonly offersLogin: (account: AccountRecord) => boolean;
  /** A session may be able to send again. */
  readonly resume: (account: AccountId) => void;
}

export class Reports {
  readonly #o: ReportsOptions;

  constructor(options: ReportsOptions) {
    this.#o = options;
  }

  /** Resolves once events, cursor and records are on disk. */
  async deliver(
    account: AccountId,
    events: readonly Incoming[],
    cursor?: Json,
    records?: RecordChanges,
  ): Promise<void> {
    const { store, lookups, faults } = this.#o;
    faults.at("incoming:offered");
    const list = await deliveries(account, events, lookups);
    await store.deliver(account, list, {
      ...(cursor === undefined ? {} : { cursor }),
      ...(records === undefined ? {} : { records }),
    });
    faults.at("incoming:committed");
  }

  /** As `deliver`, for several accounts of one service in one commit. */
  async deliverAll(bridge: string, parcels: readonly Parcel[], records: RecordChanges = new Map()): Promise<void> {
    const { store, lookups, faults } = this.#o;
    faults.at("incoming:offered");
    const list: { account: AccountId; deliveries: Delivery[] }[] = [];
    for (const { account, events } of parcels)
      list.push({ account, deliveries: await deliveries(account, events, lookups) });
    await store.deliverAll(list, { bridge }, records);
    faults.at("incoming:committed");
  }

  hint(account: AccountRecord, hint: Hint): void {
    const { presence, typing, log } = this.#o;
    switch (hint.type) {
      case "presence":
        presence
          .contactHint(account, hint)
          .catch((error: unknown) =>
            log.warn({ err: error, account: account.id }, "the presence of a contact was not shown"),
          );
        return;
      case "typing":
        return typing(account, hint);
      default:
        return hint satisfies never;
    }
  }

  sessionState(account: AccountRecord, state: SessionState, detail: string | undefined): void {
    const { log, presence, say, resume, offersLogin } = this.#o;
    log.info({ account: account.id, state }, "session state");
    if (state === "login-required" && presence.stateOf(account.id) !== state) {
      const why = detail ?? "The network does not accept its credentials any more.";
      const advice = offersLogin(account)
        ? 'Send "login"; messages wait until then.'
        : 'Send "logout" to delete what is stored of it.';
      const text = `${account.self} is signed out. ${why} ${advice}`;
      say(account, text).catch((error: unknown) =>
        log.error({ err: error, account: account.id }, "the user could not be told to sign in"),
      );
    }
    presence.sessionState(account, state, detail);
    resume(account.id);
  }
}
