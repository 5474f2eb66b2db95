// The bridges in use: each with the component it speaks through, its people, and its way to the users.
import type {
  AnyBridge,
  GroupChats,
  GuardedFetch,
  HttpHandler,
  Incoming,
  IncomingOriginal,
  Json,
  Logger,
  RecordChanges,
  RemoteId,
  Service,
  StoredFile,
} from "#bridge";
import { Contacts } from "./contacts.ts";
import { GatewayError } from "./errors.ts";
import type { Faults } from "./faults.ts";
import type { GroupChatClient } from "./group-chat-ports.ts";
import { IncomingWorker } from "./incoming.ts";
import type { Lanes } from "./lanes.ts";
import type { GatewayLimits } from "./limits.ts";
import type { AccountId, AccountRecord, Clock, Store } from "./ports.ts";
import type { XmppOutput } from "./xmpp-ports.ts";
import type { Profiles } from "./profiles.ts";
import type { Parcel } from "./reports.ts";
import type { RoomReports } from "./room-reports.ts";

export interface Attached {
  readonly bridge: AnyBridge;
  readonly options: unknown;
  /** Users may sign in with an account of their own. */
  readonly accountMode: boolean;
  readonly output: XmppOutput;
  readonly contacts: Contacts;
  /** Group chats of XMPP, seen from here. */
  readonly groupChats: GroupChatClient | undefined;
  readonly incoming: IncomingWorker;
  /** Domain mode, once it runs. */
  service: Service | undefined;
}

export interface BridgesOptions {
  readonly store: Store;
  readonly lanes: Lanes;
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: Faults;
  readonly limits: Pick<GatewayLimits, "contactsPerAccount" | "newContactsPerHour">;
  readonly rooms: RoomReports;
  readonly profiles: () => Profiles;
  /** Undefined when the account is gone. */
  readonly account: (id: AccountId) => AccountRecord | undefined;
}

/** What the services of domain mode ask of the core. */
export interface ServiceCalls {
  readonly findAccount: (bridge: string, self: RemoteId) => AccountRecord | undefined;
  readonly enrol: (bridge: string, user: string) => Promise<AccountRecord | undefined>;
  readonly deliver: (account: AccountId, events: readonly Incoming[]) => Promise<void>;
  readonly deliverAll: (bridge: string, parcels: readonly Parcel[], records?: RecordChanges) => Promise<void>;
  readonly groupChats: (bridge: string) => GroupChats;
  readonly fetch: GuardedFetch;
  readonly mount: (bridge: string, handler: HttpHandler) => URL | undefined;
}

export class Bridges {
  readonly #o: BridgesOptions;
  readonly #byName = new Map<string, Attached>();

  constructor(options: BridgesOptions) {
    this.#o = options;
  }

  /** Before the start: a bridge and the component it speaks through. */
  attach(bridge: AnyBridge, options: unknown, output: XmppOutput, groupChats?: GroupChatClient): void {
    const { limits, profiles, ...parts } = this.#o;
    const contacts = new Contacts({
      ...parts,
      store: parts.store.contacts,
      output,
      mostPerAccount: limits.contactsPerAccount,
      newPerHour: limits.newContactsPerHour,
    });
    const incoming = new IncomingWorker({
      ...parts,
      bridge: bridge.name,
      store: parts.store.lanes,
      messages: parts.store.messages,
      reactions: parts.store.reactions,
      contacts,
      output,
      profiles: profiles(),
    });
    const accountMode = bridge.login !== undefined && bridge.accountMode?.(options) !== false;
    const service = undefined;
    this.#byName.set(bridge.name, { bridge, options, accountMode, output, groupChats, contacts, incoming, service });
  }

  /** Undefined for a bridge that is not configured, although accounts of it may be left. */
  find(name: string): Attached | undefined {
    return this.#byName.get(name);
  }

  /** Throws GatewayError when the bridge is not configured. */
  get(name: string): Attached {
    const attached = this.#byName.get(name);
    if (attached === undefined) throw new GatewayError("service-unavailable", `There is no bridge ${name} here.`);
    return attached;
  }

  /** Undefined when the account is gone, or its bridge is not configured. */
  ofAccount(id: AccountId): Attached | undefined {
    const account = this.#o.account(id);
    return account && this.find(account.bridge);
  }

  /** Parses stored bytes. Undefined: the account is gone, or its bridge opens nothing. */
  open(id: AccountId, original: IncomingOriginal): Promise<readonly Incoming[]> | undefined {
    const account = this.#o.account(id);
    const attached = this.ofAccount(id);
    return account && attached?.bridge.open?.(original, { id, self: account.self, options: attached.options });
  }

  /** A file out of stored bytes. Undefined: the account is gone, or there is no such file. */
  async fileIn(id: AccountId, raw: Uint8Array, source: Json): Promise<StoredFile | undefined> {
    const attached = this.ofAccount(id);
    return attached?.bridge.fileIn?.(raw, source, attached.options);
  }

  /** Starts the services of domain mode. */
  async serve(calls: ServiceCalls): Promise<void> {
    for (const attached of this.#byName.values()) {
      const { bridge, options } = attached;
      attached.service = await bridge.serve?.({
        options,
        log: this.#o.log,
        signal: new AbortController().signal,
        findAccount: async (self) => calls.findAccount(bridge.name, self),
        enrol: (user) => calls.enrol(bridge.name, user),
        profileOf: (user) => attached.output.profileOf(user),
        deliver: calls.deliver,
        deliverAll: (parcels, records) => calls.deliverAll(bridge.name, parcels, records),
        records: this.#o.store.records.of({ bridge: bridge.name }),
        groupChats: calls.groupChats(bridge.name),
        fetch: calls.fetch,
        mount: (handler) => calls.mount(bridge.name, handler),
      });
    }
  }

  /** Takes in nothing more. */
  async endServices(): Promise<void> {
    for (const { service } of this.#byName.values()) await service?.close();
  }

  /** The last thing: nothing of a bridge runs any more. */
  async close(): Promise<void> {
    for (const { bridge, incoming } of this.#byName.values()) {
      incoming.stop();
      await bridge.close?.();
    }
  }
}
