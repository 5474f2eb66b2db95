import type { Service, ServiceHost } from "#bridge";
import { ToyGroupChats } from "./group-chats.ts";
import type { ToyNetwork } from "./network.ts";
import type { ToyOptions } from "./options.ts";
import { ToySession } from "./session.ts";

/** Domain mode: a user's toy name is the local part of their JID. */
export function toyService(network: ToyNetwork, host: ServiceHost<ToyOptions>): Service {
  const groupChats = new ToyGroupChats(network, host);
  network.groupChats = groupChats;
  return {
    addressOf: (user) => user.slice(0, user.indexOf("@")),
    connect: async (account, sessionHost) =>
      new ToySession(network, account, sessionHost, () => host.profileOf(account.user)),
    groupChat: (address) => groupChats.session(address),
    close: async () => {},
  };
}
