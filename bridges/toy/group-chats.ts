// Group chats of XMPP in which people of the toy network take part.
import type { GroupChatSession, Incoming, Peer, ServiceHost } from "#bridge";
import type { ToyNetwork } from "./network.ts";
import type { ToyOptions } from "./options.ts";

/** A chat's place on the network. It is there as long as the network is, however often the gateway starts. */
export interface ToyChat {
  /** The account that its events are delivered to. */
  readonly account: number;
  readonly people: Set<string>;
  topic: string;
  /** What those of XMPP did there, as "nick: what", in order. */
  readonly log: string[];
}

/** Where the toy network looks for chats. */
export const toyServices: readonly string[] = ["rooms.localhost"];

export class ToyGroupChats {
  readonly #network: ToyNetwork;
  readonly #host: ServiceHost<ToyOptions>;

  constructor(network: ToyNetwork, host: ServiceHost<ToyOptions>) {
    this.#network = network;
    this.#host = host;
    for (const [address, { people }] of network.chats)
      host.groupChats.resume(
        address,
        [...people].map((id) => ({ id, name: id })),
      );
  }

  /** Somebody wants to be in a chat. False: there is none that they may be in. */
  async enter(who: string, address: string, id: string): Promise<boolean> {
    const { groupChats } = this.#host;
    const found = await groupChats.find(address, toyServices);
    if (found === undefined) return false;
    const known = this.#network.chats.get(found.address);
    const chat = known ?? {
      account: (await groupChats.open(found.address)).id,
      people: new Set<string>(),
      topic: "",
      log: [],
    };
    this.#network.chats.set(found.address, chat);
    chat.people.add(who);
    await this.#tell(found.address, {
      ...eventBy(who, found.address, id),
      type: "membership",
      who,
      state: "joined",
      name: who,
    });
    return true;
  }

  async leave(who: string, address: string, id: string): Promise<void> {
    this.#network.chats.get(address)?.people.delete(who);
    await this.#tell(address, { ...eventBy(who, address, id), type: "membership", who, state: "left" });
  }

  async say(who: string, address: string, text: string, id: string): Promise<void> {
    await this.#tell(address, { ...eventBy(who, address, id), type: "message", text, name: who });
  }

  /** The chat on the network: what is done there by those who are not of it. */
  session(address: string): GroupChatSession | undefined {
    const chat = this.#network.chats.get(address);
    return chat && { as: (speaker) => sessionOf(speaker?.nick ?? "*", chat) };
  }

  async #tell(address: string, event: Incoming): Promise<void> {
    const account = this.#network.chats.get(address)?.account;
    if (account !== undefined) await this.#host.deliver(account, [event]);
  }
}

function sessionOf(nick: string, chat: ToyChat): ReturnType<GroupChatSession["as"]> {
  /** Once for each key, as everywhere. */
  const did = (key: string, what: string): { readonly id: string } => {
    if (!chat.log.includes(`${nick}: ${what}`)) chat.log.push(`${nick}: ${what}`);
    return { id: key };
  };
  return {
    send: async ({ key, text }) => did(key, text),
    edit: async (target, { key, text }) => did(key, `${target.id} is ${text}`),
    retract: async (target, _, key) => void did(key, `${target.id} is gone`),
    leave: async () => void did("", "leaves"),
    async changeRoom(_, change) {
      if (change.do === "subject") chat.topic = change.text;
      if (change.do === "kick" && chat.people.delete(change.who)) did("", `${change.who} is out: ${change.reason}`);
    },
    async close() {},
  };
}

const eventBy = (from: string, address: string, id: string) => ({
  id,
  from,
  peer: { kind: "groupchat", id: address } satisfies Peer,
  sentAt: Date.now(),
});
