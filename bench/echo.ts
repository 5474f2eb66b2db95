// The far end of the round trip: a bridge that answers each message at once, and does nothing else.
import type { AnyBridge, Host, Incoming, OutgoingMessage, Sent } from "#bridge";
import { toyOptions } from "../bridges/toy/options.ts";

const name = /^[a-z0-9-]{1,40}$/;

/** Domain mode for everybody; what goes to a contact comes back from it with the same text. */
export function createEchoBridge(): AnyBridge {
  const session = (host: Host) => ({
    async send(message: OutgoingMessage): Promise<Sent> {
      const event: Incoming = {
        type: "message",
        id: `echo-${message.key}`,
        peer: message.peer,
        from: message.peer.id,
        text: message.text,
        sentAt: message.sentAt,
      };
      // Not awaited: the answer comes over the network on its own, as it would from a person.
      host.deliver([event]).catch((error: unknown) => host.log.error({ err: error }, "an echo was lost"));
      return { id: message.key };
    },
    close: async () => {},
  });
  return {
    apiVersion: 1,
    name: "echo",
    identity: { type: "echo", title: "Echo", addressPrompt: "Enter a name" },
    verbs: [],
    options: toyOptions,
    contacts: {
      toLocal: (id) => (name.test(id) ? id : undefined),
      fromLocal: (local) => (name.test(local) ? local : undefined),
    },
    connect: async () => {
      throw new Error("the echo bridge has no account mode");
    },
    serve: async () => ({
      addressOf: (user) => user.replace("@", "-"),
      connect: async (_account, host) => session(host),
      close: async () => {},
    }),
  };
}
