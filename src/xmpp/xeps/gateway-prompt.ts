// XEP-0100: Gateway Interaction, section 6: "jabber:iq:gateway" turns an address of the network into a JID.
import { NS } from "../ns.ts";
import type { Addresses } from "../addresses.ts";
import type { Feature } from "../router.ts";
import { el, textOf } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";

export interface GatewayPromptOptions {
  readonly prompt: string;
  readonly addresses: Addresses;
  /** The id a typed address stands for. */
  readonly idOf: (text: string) => string | undefined;
}

export function gatewayPrompt({ prompt, addresses, idOf }: GatewayPromptOptions): Feature {
  return {
    xep: "0100",
    iq: [
      {
        type: "get",
        name: "query",
        ns: NS.gateway,
        targets: ["gateway"],
        handle: () => el("query", { xmlns: NS.gateway }, el("desc", {}, `${prompt}.`), el("prompt", {}, "Address")),
      },
      {
        type: "set",
        name: "query",
        ns: NS.gateway,
        targets: ["gateway"],
        handle({ payload }) {
          const typed = textOf(payload, "prompt")?.trim() ?? "";
          const id = idOf(typed);
          const jid = id === undefined ? undefined : addresses.jidOf(id);
          if (jid === undefined)
            throw new StanzaError("item-not-found", `"${typed.slice(0, 100)}" is not an address here. ${prompt}.`);
          // Some clients read <jid/>, older ones the prompt (XEP-0100 section 6.2).
          return el("query", { xmlns: NS.gateway }, el("jid", {}, jid), el("prompt", {}, jid));
        },
      },
    ],
  };
}
