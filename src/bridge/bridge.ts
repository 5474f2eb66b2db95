// What a bridge is. Read this file and the toy bridge in bridges/toy, then write your own.
import type { Hint, Incoming, IncomingOriginal } from "./events.ts";
import type { StoredFile } from "./files.ts";
import type { GroupChats, GroupChatSession } from "./group-chats.ts";
import type { Answers, Browser, Prompt, SessionCommand, SignedIn } from "./login.ts";
import type { Json, OutgoingMessage, RemoteId, Sent } from "./message.ts";
import type { OperatorCommand } from "./operator.ts";
import type { UserProfile } from "./people.ts";
import type { Verb, Verbs } from "./verbs.ts";

/** How options are described: Standard Schema v1 (https://standardschema.dev), so zod, valibot or arktype all do. */
export interface OptionsSchema<Output> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => unknown;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** Structured log. Never put bodies, addresses or secrets into `info` and above. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Both functions work on unescaped text; the core applies XEP-0106, preparation (RFC 7622) and storage. */
export interface Addressing {
  /** The local part for an id; undefined when none is faithful: the core then makes one, as for one that no JID can hold. */
  toLocal(id: RemoteId): string | undefined;
  /** The id a local part stands for; undefined: nobody can be there (`item-not-found`). */
  fromLocal(local: string): RemoteId | undefined;
}

/** How the edge presents a bridge (XEP-0030, XEP-0100). */
export interface Identity {
  /** The disco type under category "gateway", such as "smtp". */
  readonly type: string;
  readonly title: string;
  /** The prompt of XEP-0100 section 6, such as "Enter an email address". */
  readonly addressPrompt: string;
}

export interface Limits {
  /** The longest text one message may have, in characters. */
  readonly textLength?: number;
}

/** One user's registration with this bridge. */
export interface Account<Options, Credentials extends Json> {
  /** Stable, unique in this gateway. Good for log fields. */
  readonly id: number;
  /** The user's bare JID. */
  readonly user: string;
  /** The user's own id on the network. */
  readonly self: RemoteId;
  readonly options: Options;
  /** What `login` returned; absent in domain mode. */
  readonly credentials?: Credentials;
}

/** By key; undefined deletes. Keys have at most 1,000 characters. */
export type RecordChanges = ReadonlyMap<string, Uint8Array | undefined>;

/** Small records of one account, sealed at rest: room state, keys of an encryption store. */
export interface Records {
  /** All whose key begins with `prefix`, in the order of their keys. */
  load(prefix: string): Promise<ReadonlyMap<string, Uint8Array>>;
  /** One commit; resolves when it is on disk. Rejects when the store fails: then nothing was written. */
  save(changes: RecordChanges): Promise<void>;
}

/**
 * As the global `fetch`, for addresses that users, networks or documents named (security.md X29, M18): https only,
 * every address a name resolves to is checked against the operator's policy and the checked one is connected to, at
 * most three redirects, each checked anew, credentials dropped when one leaves the origin. Rejects with BridgeError
 * `reject` when the policy forbids it and TypeError when the network fails, as fetch does.
 */
export type GuardedFetch = (url: string | URL, init?: GuardedInit) => Promise<Response>;

export interface GuardedInit extends RequestInit {
  /** Milliseconds until the answer's head must be there. Default 30,000. */
  readonly timeout?: number;
  /** The body errors when it is longer, in bytes. Default 10 MiB; Infinity for streams that the caller bounds. */
  readonly maxBytes?: number;
}

/** A part of the gateway's HTTP server, mounted under `/bridges/<name>/`. Gets the path below that. */
export type HttpHandler = (request: Request) => Promise<Response>;

export type SessionState = "connecting" | "online" | "retrying" | "login-required";

/** Where a bridge listens by itself: what no HTTP is, such as mail. */
export interface ListeningPort {
  /** The option that names it, such as "domain.lmtp". */
  readonly option: string;
  readonly host: string;
  readonly port: number;
}

/** What the core gives one session. */
export interface Host {
  /**
   * Hand over what came from the network. Resolves once the events AND the cursor are committed together; only then
   * may anything be acknowledged to the network. Events seen before are dropped. Rejects only when the store fails:
   * then nothing was committed and the bridge acknowledges nothing. `records` are written in the same commit.
   */
  deliver(events: readonly Incoming[], cursor?: Json, records?: RecordChanges): Promise<void>;
  /** Where to resume: the last cursor committed. */
  readonly cursor: Json | undefined;
  /** Fleeting news, may be dropped. */
  hint(hint: Hint): void;
  /** Report the session's state. `detail` is one sentence for the user. */
  status(state: SessionState, detail?: string): void;
  /**
   * A line from the gateway to the user, as durable as a message; for what belongs to no conversation. Resolves once it is
   * on disk. Others must not be able to cause many.
   */
  notice(text: string): Promise<void>;
  /** What this account's bridge keeps over restarts besides the cursor. */
  readonly records: Records;
  /** HTTP to hosts that others chose: see GuardedFetch. */
  readonly fetch: GuardedFetch;
  readonly log: Logger;
  /** Aborted when the session must end. */
  readonly signal: AbortSignal;
}

/** A live connection of one account. */
export interface SessionCore {
  /**
   * Freeze a message before its first send. What it returns is stored with the row and handed to every `send` of
   * the message, so that a retry repeats the first attempt to the byte. Left out: there is nothing to freeze.
   */
  prepare?(message: OutgoingMessage): Promise<Json>;
  /**
   * Send one message. Resolves once the network has taken responsibility for it. Throws BridgeError; any other
   * error counts as `retry`.
   */
  send(message: OutgoingMessage, prepared?: Json): Promise<Sent>;
  /** What the user can tell this session beside the verbs. */
  readonly commands?: readonly SessionCommand[];
  /**
   * The user signs out for good: give back what the sign-in made on the network (a device, tokens). Called before `close`, may
   * fail, has ten seconds.
   */
  signOut?(): Promise<void>;
  /** End the session: returns when nothing of it runs any more. Called once. */
  close(): Promise<void>;
}

export type Session<V extends Verb = never> = SessionCore & Pick<Verbs, V>;

/** What domain mode gets from the core. */
export interface ServiceHost<Options> {
  readonly options: Options;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** The account that receives for this id, or undefined: refuse then, at once. */
  findAccount(self: RemoteId): Promise<{ readonly id: number; readonly user: string } | undefined>;
  /** The account that domain mode gives this user, made when needed; undefined when the user may not use the bridge. */
  enrol(user: string): Promise<{ readonly id: number; readonly self: RemoteId } | undefined>;
  /**
   * What a user shows of themselves on XMPP, asked of their server now. Rejects when it does not answer: try again later.
   */
  profileOf(user: string): Promise<UserProfile>;
  /** As Host.deliver, for that account. Several accounts: all in one commit, with `records` of the service. */
  deliver(account: number, events: readonly Incoming[]): Promise<void>;
  /** All of it in one commit. */
  deliverAll(
    parcels: readonly { readonly account: number; readonly events: readonly Incoming[] }[],
    records?: RecordChanges,
  ): Promise<void>;
  /** The service's own, belonging to no account. */
  readonly records: Records;
  /** Group chats of XMPP, for the network's people to take part in. */
  readonly groupChats: GroupChats;
  readonly fetch: GuardedFetch;
  /** Answer HTTP requests from now on. Returns the public URL of the mount, or undefined when there is no HTTP server. */
  mount(handler: HttpHandler): URL | undefined;
}

/** Domain mode: what the operator runs for everybody. */
export interface Service {
  /** The id that a user has on the network, or undefined when the service has none for them. */
  addressOf(user: string): RemoteId | undefined;
  /** A session for an account without credentials. */
  connect(
    account: { readonly id: number; readonly user: string; readonly self: RemoteId },
    host: Host,
  ): Promise<SessionCore & Partial<Verbs>>;
  /** A group chat that `GroupChats.open` made an account for. Undefined: it is shown nowhere on the network any more. */
  groupChat?(address: string): GroupChatSession | undefined;
  close(): Promise<void>;
}

export interface LoginContext<Options> {
  readonly options: Options;
  readonly fetch: GuardedFetch;
  /** Absent: there is no web server, and no prompt may have a `visit`. */
  readonly browser?: Browser;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * One kind of network. `name` is the configuration key, the database key and the log field.
 */
export interface Bridge<Options = unknown, Credentials extends Json = Json, V extends Verb = Verb> {
  readonly apiVersion: 1;
  readonly name: string;
  readonly identity: Identity;
  readonly verbs: readonly V[];
  readonly limits?: Limits;
  /** `send` takes messages with a `file`. Absent: the text says where the file is. */
  readonly files?: boolean;
  /** The core resolves `threadLast` and `previous` of outgoing messages. Costs two look-ups a message. */
  readonly threads?: boolean;
  readonly options: OptionsSchema<Options>;
  readonly contacts: Addressing;
  /** Absent: this network has no rooms. Both may answer undefined for a room: the core then allocates a local part. */
  readonly rooms?: Addressing;
  /**
   * Account mode: ask the user, check the answers against the network, return credentials. Throw BridgeError `reject`
   * to end the dialogue. Absent: this bridge has no account mode.
   */
  login?(context: LoginContext<Options>): AsyncGenerator<Prompt, SignedIn<Credentials>, Answers>;
  /** Account mode: whether these options allow it. Left out: always. Where they do not, nobody is offered `login`. */
  accountMode?(options: Options): boolean;
  /** Account mode: start the session of one account. Resolves when it runs, not when it is online. */
  connect(account: Account<Options, Credentials>, host: Host): Promise<Session<V>>;
  /** Domain mode: undefined when the options do not ask for it. */
  serve?(host: ServiceHost<Options>): Promise<Service | undefined>;
  /** Domain mode: where `serve` will listen, for the operator who checks whether these ports are free. */
  listens?(options: Options): readonly ListeningPort[];
  /** Turn stored bytes into events. Must not need a connection. An error is a `retry`; hostile bytes are no error. */
  open?(
    original: IncomingOriginal,
    account: { readonly id: number; readonly self: RemoteId; readonly options: Options },
  ): Promise<readonly Incoming[]>;
  /**
   * A file in stored bytes: `source` is what an attachment carried that `open` returned. Undefined when there is none.
   * Needs no connection. Bridges whose files lie on the network have the verb `openFile` instead.
   */
  fileIn?(raw: Uint8Array, source: Json, options: Options): Promise<StoredFile | undefined>;
  /** The whole text of stored bytes, for a user who got it cut. */
  fullText?(raw: Uint8Array, options: Options): Promise<string>;
  /** What the operator can ask on the command line, such as a file for the network's server. */
  readonly operatorCommands?: readonly OperatorCommand<Options>[];
  /** Let go of what the bridge holds (worker threads, pools). */
  close?(): Promise<void>;
}

/** A session as the core sees it: the verbs it may have. */
export type LiveSession = SessionCore & Partial<Verbs>;

/** Any bridge, whatever its options, credentials and verbs are: what the core works with. */
export type AnyBridge = Omit<Bridge<unknown, Json, never>, "verbs" | "connect"> & {
  readonly verbs: readonly Verb[];
  connect(account: Account<unknown, Json>, host: Host): Promise<LiveSession>;
};
