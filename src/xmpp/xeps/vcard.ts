// XEP-0054: vcard-temp. What clients show as the card of a contact and of the gateway.
import type { Picture, RemoteId } from "#bridge";
import type { Gateway } from "../../gateway/gateway.ts";
import { NS } from "../ns.ts";
import type { Feature } from "../router.ts";
import { type Element, el } from "../stanza.ts";

export interface CardOptions {
  readonly bridge: string;
  readonly gateway: Gateway;
  readonly title: string;
}

export function vcards(options: CardOptions): Feature {
  return {
    xep: "0054",
    iq: [
      {
        type: "get",
        name: "vCard",
        ns: NS.vcard,
        targets: ["gateway", "contact"],
        handle: ({ from, contact }) =>
          contact === undefined ? card({ name: `${options.title} gateway` }) : contactCard(from.bare, contact, options),
      },
    ],
  };
}

async function contactCard(user: string, contact: RemoteId, { bridge, gateway }: CardOptions): Promise<Element> {
  const account = await gateway.accounts.forContact(bridge, user, contact);
  const shown = account && (await gateway.profiles.card(account, contact));
  const address = gateway.bridges.get(bridge).bridge.contacts.toLocal(contact);
  return card({
    name: shown?.name ?? contact,
    nick: shown?.name,
    address,
    picture: shown?.picture,
  });
}

/** Whatever has a name and perhaps a picture. */
export interface Card {
  readonly name: string;
  readonly nick?: string | undefined;
  readonly address?: string | undefined;
  readonly picture?: Picture | undefined;
}

export function card({ name, nick, address, picture }: Card): Element {
  return el(
    "vCard",
    { xmlns: NS.vcard },
    el("FN", {}, name),
    nick ? el("NICKNAME", {}, nick) : undefined,
    picture && el("PHOTO", {}, el("TYPE", {}, picture.type), el("BINVAL", {}, base64(picture.bytes))),
    address ? el("EMAIL", {}, el("INTERNET"), el("USERID", {}, address)) : undefined,
  );
}

export const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
