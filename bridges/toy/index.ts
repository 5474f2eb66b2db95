// The toy bridge: a full adapter to a network that lives in memory. It is the template for a bridge of your own, and the
// far end of the dialogue tests and the benchmark.
import type { Account, Bridge, Host } from "#bridge";
import { contacts, rooms } from "./addressing.ts";
import { login, type ToyCredentials } from "./login.ts";
import { ToyNetwork } from "./network.ts";
import { type ToyOptions, toyOptions } from "./options.ts";
import { toyService } from "./service.ts";
import { ToySession, type ToyVerb, toyVerbs } from "./session.ts";

export type ToyBridge = Bridge<ToyOptions, ToyCredentials, ToyVerb>;

export function createToyBridge(network: ToyNetwork = new ToyNetwork()): ToyBridge {
  return {
    apiVersion: 1,
    name: "toy",
    identity: { type: "toy", title: "Toy", addressPrompt: "Enter a toy name" },
    verbs: toyVerbs,
    options: toyOptions,
    contacts,
    rooms,
    login: (context) => login(network, context),
    connect: async (account: Account<ToyOptions, ToyCredentials>, host: Host) => new ToySession(network, account, host),
    serve: async (host) => (host.options.domain ? toyService(network, host) : undefined),
  };
}
