// The network itself: people with an inbox each, a password, and whatever trouble a test asks for.
import type { AvatarId, Incoming, Profile } from "#bridge";
import type { ToyChat, ToyGroupChats } from "./group-chats.ts";
import { ToyRooms } from "./rooms.ts";

export interface ToyMessage {
  readonly seq: number;
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly text: string;
  readonly replyTo: string | undefined;
  readonly sentAt: number;
  /** Something else than a message: what its receiver's session is told. */
  readonly event?: Incoming;
}

export interface ToyTrouble {
  /** Called before each send is taken; throw to refuse it, return a promise to stall it. */
  beforeSend?: (to: string, key: string) => void | Promise<void>;
  /** Called after the network has taken a message and before its answer: throw for an answer that got lost. */
  afterSend?: (to: string, key: string) => void | Promise<void>;
}

export class ToyNetwork {
  readonly trouble: ToyTrouble = {};
  readonly passwords = new Map<string, string>();
  /** A page where people sign in without a password: it sends their browser back with a ticket. */
  portal: URL | undefined;
  /** Names by ticket, each good for once. */
  readonly tickets = new Map<string, string>();
  /** Everything that was ever taken, in order. */
  readonly messages: ToyMessage[] = [];
  readonly read = new Set<string>();
  readonly retracted = new Set<string>();
  readonly edits: { readonly id: string; readonly text: string }[] = [];
  /** What people have on messages, by the id of the reaction. */
  readonly reactions = new Map<string, { readonly target: string; readonly emoji: string }>();
  /** Who types to whom now, as "from to". */
  readonly typing = new Set<string>();
  /** What people show of themselves, by name, and their pictures. */
  readonly profiles = new Map<string, Profile>();
  readonly pictures = new Map<AvatarId, Uint8Array>();
  readonly rooms = new ToyRooms(
    (to, ...events) => this.tell(to, ...events),
    (who) => this.profiles.get(who)?.avatar,
  );
  /** Group chats of XMPP that people of the network are in, by address. */
  readonly chats = new Map<string, ToyChat>();
  /** The way into them, while a gateway in domain mode is there. */
  groupChats: ToyGroupChats | undefined;
  readonly #byKey = new Map<string, ToyMessage>();
  readonly #listeners = new Map<string, Set<() => void>>();

  /** Takes a message once per key: the network's own guard against repeats. */
  async send(from: string, to: string, text: string, key: string, replyTo?: string): Promise<ToyMessage> {
    await this.trouble.beforeSend?.(to, key);
    const known = this.#byKey.get(key);
    const message = known ?? this.put(from, to, text, key, replyTo);
    await this.trouble.afterSend?.(to, key);
    if (!known && to === "echo") this.put("echo", from, text, `echo-${key}`, message.id);
    return message;
  }

  /** As `send`, into a room. */
  async say(from: string, room: string, text: string, key: string, replyTo?: string): Promise<ToyMessage> {
    await this.trouble.beforeSend?.(room, key);
    const known = this.#byKey.get(key);
    if (!known) this.rooms.say(from, room, text, key, replyTo, from);
    const message = known ?? this.put(from, room, text, key, replyTo);
    await this.trouble.afterSend?.(room, key);
    return message;
  }

  /** A message as if somebody had sent it there. */
  put(from: string, to: string, text: string, id: string, replyTo?: string): ToyMessage {
    const message: ToyMessage = { seq: this.messages.length + 1, id, from, to, text, replyTo, sentAt: Date.now() };
    this.messages.push(message);
    this.#byKey.set(id, message);
    for (const listener of this.#listeners.get(to) ?? []) listener();
    return message;
  }

  /** Something happened there that `to` hears of: an edit, a reaction, a membership. */
  tell(to: string, ...events: readonly Incoming[]): void {
    const nothing = { from: "", text: "", replyTo: undefined, sentAt: 0 };
    for (const event of events)
      this.messages.push({ ...nothing, seq: this.messages.length + 1, id: event.id, to, event });
    for (const listener of this.#listeners.get(to) ?? []) listener();
  }

  /** Somebody shows something else of themselves; `to` hears of it. */
  show(who: string, profile: Profile, to: string): void {
    this.profiles.set(who, profile);
    const peer = { kind: "contact", id: who } as const;
    const id = `profile-${this.messages.length}`;
    this.tell(to, { type: "contact", id, peer, from: who, sentAt: Date.now(), avatar: null, ...profile });
  }

  inbox(name: string, after: number, limit: number): ToyMessage[] {
    const found: ToyMessage[] = [];
    for (let index = after; index < this.messages.length && found.length < limit; index++) {
      const message = this.messages[index];
      if (message?.to === name) found.push(message);
    }
    return found;
  }

  listen(name: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(name, listeners);
    return () => listeners.delete(listener);
  }
}
