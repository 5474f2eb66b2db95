import type { Service, ServiceHost } from "#bridge";
import type { ToyNetwork } from "./network.ts";
import type { ToyOptions } from "./options.ts";
import { ToySession } from "./session.ts";

/** Domain mode: a user's toy name is the local part of their JID. */
export function toyService(network: ToyNetwork, service: ServiceHost<ToyOptions>): Service {
  return {
    addressOf: (user) => user.slice(0, user.indexOf("@")),
    connect: async (account, host) => new ToySession(network, account, host, () => service.profileOf(account.user)),
    close: async () => {},
  };
}
