// XEP-0054: vcard-temp. What clients show as the card of a contact and of the gateway.
import type { Gateway } from "../../gateway/gateway.ts";
import { NS } from "../ns.ts";
import type { Feature } from "../router.ts";
import { el } from "../stanza.ts";

export function vcards({
  bridge,
  gateway,
  title,
}: {
  readonly bridge: string;
  readonly gateway: Gateway;
  readonly title: string;
}): Feature {
  return {
    xep: "0054",
    iq: [
      {
        type: "get",
        name: "vCard",
        ns: NS.vcard,
        targets: ["gateway", "contact"],
        async handle({ from, contact }) {
          if (contact === undefined) return el("vCard", { xmlns: NS.vcard }, el("FN", {}, `${title} gateway`));
          const account = await gateway.accounts.forContact(bridge, from.bare, contact);
          const known = account && (await gateway.bridges.get(bridge).contacts.get(account.id, contact));
          const address = gateway.bridges.get(bridge).bridge.contacts.toLocal(contact);
          return el(
            "vCard",
            { xmlns: NS.vcard },
            el("FN", {}, known?.name ?? contact),
            known?.name ? el("NICKNAME", {}, known.name) : undefined,
            address ? el("EMAIL", {}, el("INTERNET"), el("USERID", {}, address)) : undefined,
          );
        },
      },
    ],
  };
}
