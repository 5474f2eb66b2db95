import {
  type Account,
  BridgeError,
  type FileContent,
  type HistoryPage,
  type HistoryRequest,
  type Host,
  type Incoming,
  type MessageRef,
  type OutgoingMessage,
  type Peer,
  type Profile,
  type RoomChange,
  type RoomSummary,
  type Sent,
  type Session,
  type UserProfile,
} from "#bridge";
import type { ToyCredentials } from "./login.ts";
import type { ToyMessage, ToyNetwork } from "./network.ts";
import type { ToyOptions } from "./options.ts";

const pageSize = 50;

const roomVerbs = ["join", "leave", "changeRoom", "listRooms", "history"] as const;
export const toyVerbs = [
  "markRead",
  "edit",
  "retract",
  "react",
  "unreact",
  "setTyping",
  "listContacts",
  "search",
  "profile",
  "openAvatar",
  "updateProfile",
  ...roomVerbs,
] as const;
export type ToyVerb = (typeof toyVerbs)[number];

/** One account's connection: reads its inbox from the cursor on, sends as its name. */
export class ToySession implements Session<ToyVerb> {
  readonly #network: ToyNetwork;
  readonly #self: string;
  readonly #host: Host;
  readonly #unlisten: () => void;
  readonly #ownProfile: (() => Promise<UserProfile>) | undefined;
  #position: number;
  #reading: Promise<void> | undefined;
  #again = false;

  constructor(
    network: ToyNetwork,
    account: Pick<Account<ToyOptions, ToyCredentials>, "self" | "credentials">,
    host: Host,
    /** In domain mode: what the user shows of themselves on XMPP. */
    ownProfile?: () => Promise<UserProfile>,
  ) {
    this.#ownProfile = ownProfile;
    this.#network = network;
    this.#self = account.self;
    this.#host = host;
    this.#position = typeof host.cursor === "number" ? host.cursor : 0;
    this.#unlisten = network.listen(account.self, () => this.#read());
    const { credentials } = account;
    if (credentials && network.passwords.get(credentials.name) !== credentials.password) {
      this.#unlisten();
      host.status("login-required", "The password is wrong.");
      return;
    }
    host.status("online");
    this.#read();
  }

  async send(message: OutgoingMessage): Promise<Sent> {
    if (message.peer.id === "nobody")
      throw new BridgeError("reject", "There is no such toy.", { condition: "item-not-found" });
    const { peer, text, key, replyTo } = message;
    const network = this.#network;
    const taken =
      peer.kind === "room"
        ? await network.say(this.#self, peer.id, text, key, replyTo?.id)
        : await network.send(this.#self, peer.id, text, key, replyTo?.id);
    return { id: taken.id };
  }

  async edit(target: MessageRef, message: OutgoingMessage): Promise<Sent> {
    this.#network.edits.push({ id: target.id, text: message.text });
    return { id: target.id };
  }

  async retract(target: MessageRef, peer: Peer): Promise<void> {
    if (!target.fromSelf) this.#network.rooms.mustModerate(this.#self, peer.id);
    this.#network.retracted.add(target.id);
  }

  async react(target: MessageRef, _peer: Peer, emoji: string, key: string): Promise<Sent> {
    this.#network.reactions.set(key, { target: target.id, emoji });
    return { id: key };
  }

  async unreact(reaction: string): Promise<void> {
    this.#network.reactions.delete(reaction);
  }

  async setTyping(peer: Peer, active: boolean): Promise<void> {
    const mark = `${this.#self} ${peer.id}`;
    if (active) this.#network.typing.add(mark);
    else this.#network.typing.delete(mark);
  }

  async markRead(target: MessageRef, _peer: Peer): Promise<void> {
    this.#network.read.add(target.id);
  }

  async join(room: string): Promise<{ readonly id: string }> {
    return { id: this.#network.rooms.enter(this.#self, room).id };
  }

  async leave(room: string): Promise<void> {
    this.#network.rooms.exit(this.#self, room);
  }

  async changeRoom(room: string, change: RoomChange): Promise<void> {
    this.#network.rooms.change(this.#self, room, change);
  }

  async history(room: string, { before, limit }: HistoryRequest): Promise<HistoryPage> {
    const { page, complete } = this.#network.rooms.older(room, before, limit);
    const events = page.map((message, index): Incoming => {
      const next = page[index - 1]?.id ?? before;
      return { ...message, past: next === undefined ? {} : { before: next } };
    });
    await this.#host.deliver(events);
    const oldest = page.at(-1)?.id;
    return { complete, ...(oldest === undefined ? {} : { oldest }) };
  }

  /** Those who wrote to this name or were written to. */
  async listContacts(): Promise<readonly { readonly id: string }[]> {
    const partners = this.#network.messages.flatMap(({ from, to }) =>
      from === this.#self ? [to] : to === this.#self && from !== "" ? [from] : [],
    );
    return [...new Set(partners)].map((id) => ({ id }));
  }

  async search(text: string): Promise<readonly { readonly id: string }[]> {
    const names = [...this.#network.passwords.keys()].filter((name) => name.includes(text.toLowerCase()));
    return names.filter((name) => name !== this.#self).map((id) => ({ id }));
  }

  async profile(id: string): Promise<Profile | undefined> {
    return this.#network.profiles.get(id) ?? {};
  }

  async openAvatar(avatar: string): Promise<FileContent> {
    const bytes = this.#network.pictures.get(avatar);
    if (bytes === undefined) throw new BridgeError("reject", "There is no such picture.");
    return { type: "image/png", size: bytes.length, body: new Blob([Uint8Array.from(bytes)]).stream() };
  }

  /** Those who signed in themselves have a picture there that is theirs to change. */
  async updateProfile(): Promise<void> {
    const profile = await this.#ownProfile?.();
    if (profile === undefined) return;
    const { name, picture } = profile;
    if (picture) this.#network.pictures.set(picture.hash, picture.bytes);
    this.#network.profiles.set(this.#self, {
      ...(name === undefined ? {} : { name }),
      ...(picture === undefined ? {} : { avatar: picture.hash }),
    });
  }

  async listRooms(): Promise<readonly RoomSummary[]> {
    return this.#network.rooms.list(this.#self);
  }

  async close(): Promise<void> {
    this.#unlisten();
    await this.#reading;
  }

  #read(): void {
    this.#again = true;
    this.#reading ??= this.#pages().finally(() => {
      this.#reading = undefined;
    });
  }

  async #pages(): Promise<void> {
    while (this.#again && !this.#host.signal.aborted) {
      this.#again = false;
      for (;;) {
        const page = this.#network.inbox(this.#self, this.#position, pageSize);
        const last = page.at(-1);
        if (last === undefined) break;
        try {
          await this.#host.deliver(page.map(toEvent), last.seq);
        } catch (error) {
          // Nothing was committed; the same page is offered again with the next message.
          this.#host.log.warn({ err: error }, "the toy inbox waits");
          return;
        }
        this.#position = last.seq;
        if (this.#host.signal.aborted) return;
      }
    }
  }
}

const toEvent = (message: ToyMessage): Incoming =>
  message.event ?? {
    type: "message",
    id: message.id,
    peer: { kind: "contact", id: message.from },
    from: message.from,
    text: message.text,
    sentAt: message.sentAt,
    ...(message.replyTo === undefined ? {} : { replyTo: [message.replyTo] }),
  };
