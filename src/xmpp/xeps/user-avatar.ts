// XEP-0084: User Avatar: the picture of a contact for clients that ask for it in this way. Nobody is notified: presence
// names the picture (XEP-0153), and what a client would be notified of only its capabilities tell.
import type { Picture, RemoteId } from "#bridge";
import type { Gateway } from "../../gateway/gateway.ts";
import { NS } from "../ns.ts";
import type { Feature, IqRequest } from "../router.ts";
import { attr, child, type Element, el } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";
import { base64 } from "./vcard.ts";

export interface UserAvatarOptions {
  readonly bridge: string;
  readonly gateway: Gateway;
}

export function userAvatars(options: UserAvatarOptions): Feature {
  return {
    xep: "0084",
    iq: [
      {
        type: "get",
        name: "pubsub",
        ns: NS.pubsub,
        targets: ["contact"],
        handle: (request) => items(request, options),
      },
    ],
  };
}

/** XEP-0060 section 6.5: the two nodes that a contact has. */
async function items({ from, contact = "", payload }: IqRequest, options: UserAvatarOptions): Promise<Element> {
  const wanted = child(payload, "items", NS.pubsub);
  const node = wanted && attr(wanted, "node");
  if (wanted === undefined || (node !== NS.avatarMetadata && node !== NS.avatarData)) throw nothingThere();
  const picture = await pictureOf(from.bare, contact, options);
  const item = child(wanted, "item", NS.pubsub);
  const id = item && attr(item, "id");
  if (picture === undefined || (id !== undefined && id !== picture.hash)) throw nothingThere();
  const inside = node === NS.avatarMetadata ? metadata(picture) : el("data", { xmlns: node }, base64(picture.bytes));
  return el("pubsub", { xmlns: NS.pubsub }, el("items", { node }, el("item", { id: picture.hash }, inside)));
}

async function pictureOf(
  user: string,
  contact: RemoteId,
  { bridge, gateway }: UserAvatarOptions,
): Promise<Picture | undefined> {
  const account = await gateway.accounts.forContact(bridge, user, contact);
  return account && (await gateway.profiles.card(account, contact)).picture;
}

/** XEP-0084 section 4.2.1. */
const metadata = ({ hash, type, bytes, width, height }: Picture): Element =>
  el("metadata", { xmlns: NS.avatarMetadata }, el("info", { id: hash, type, bytes: bytes.length, width, height }));

const nothingThere = () => new StanzaError("item-not-found");
