// XEP-0030: Service Discovery. XEP-0115: Entity Capabilities. Both computed from the router.
import { createHash } from "node:crypto";
import { NS } from "../ns.ts";
import type { Feature, Identity, IqRequest, Router, Target } from "../router.ts";
import { attr, type Element, el } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";

/** XEP-0115 section 4: who made this. */
export const capsNode = "urn:viaduct";

export interface DiscoOptions {
  readonly router: Router;
  readonly gateway: Identity;
  /** The gateway is a place for rooms as well (XEP-0045 section 6.1): what it is then, and the rooms of a user. */
  readonly rooms?: {
    readonly identity: Identity;
    readonly items: (request: IqRequest) => Promise<DiscoNode["items"]>;
  };
  /** Items below the gateway's own node, and the identity and items of other nodes (XEP-0050). */
  readonly nodes?: (request: IqRequest, node: string) => DiscoNode | undefined;
}

export interface DiscoNode {
  readonly identity: Identity;
  readonly features: readonly string[];
  readonly items: readonly { readonly jid: string; readonly node?: string; readonly name?: string }[];
}

const contactIdentity: Identity = { category: "client", type: "pc", name: "Viaduct" };

export function disco(options: DiscoOptions): Feature {
  const both = ["gateway", "contact"] as const;
  return {
    xep: "0030",
    iq: [
      { type: "get", name: "query", ns: NS.discoInfo, targets: both, handle: (request) => info(request, options) },
      { type: "get", name: "query", ns: NS.discoItems, targets: both, handle: (request) => items(request, options) },
    ],
  };
}

/** The `<c/>` of our presence. Computed once: routes do not change while the gateway runs. */
export function capsOf(options: DiscoOptions): (contact: boolean) => Element {
  const make = (target: Target) => ({ xmlns: NS.caps, hash: "sha-1", node: capsNode, ver: hash(target, options) });
  const attributes = { gateway: make("gateway"), contact: make("contact") };
  return (contact) => el("c", contact ? attributes.contact : attributes.gateway);
}

function identitiesOf(target: Target, { gateway, rooms }: DiscoOptions): readonly Identity[] {
  if (target !== "gateway") return [contactIdentity];
  return rooms ? [rooms.identity, gateway] : [gateway];
}

function info(request: IqRequest, options: DiscoOptions): Element {
  const node = attr(request.payload, "node");
  const { target } = request;
  if (node !== undefined && node !== `${capsNode}#${hash(target, options)}`) {
    const other = target === "gateway" ? options.nodes?.(request, node) : undefined;
    if (other === undefined) throw new StanzaError("item-not-found");
    return describe(node, [other.identity], other.features);
  }
  return describe(node, identitiesOf(target, options), options.router.features(target));
}

async function items(request: IqRequest, options: DiscoOptions): Promise<Element> {
  const node = attr(request.payload, "node");
  if (node === undefined) {
    const rooms = request.target === "gateway" ? await options.rooms?.items(request) : undefined;
    return el("query", { xmlns: NS.discoItems }, ...(rooms ?? []).map(itemElement));
  }
  const other = request.target === "gateway" ? options.nodes?.(request, node) : undefined;
  if (other === undefined) throw new StanzaError("item-not-found");
  return el("query", { xmlns: NS.discoItems, node }, ...other.items.map(itemElement));
}

const itemElement = (item: DiscoNode["items"][number]): Element =>
  el("item", { jid: item.jid, node: item.node, name: item.name });

/** `more` is a form (XEP-0128). */
export function describe(
  node: string | undefined,
  identities: readonly Identity[],
  features: readonly string[],
  more?: Element,
): Element {
  return el(
    "query",
    { xmlns: NS.discoInfo, node },
    ...identities.map(({ category, type, name }) => el("identity", { category, type, name })),
    ...features.map((feature) => el("feature", { var: feature })),
    more,
  );
}

/** XEP-0115 section 5.1. */
function hash(target: Target, options: DiscoOptions): string {
  const identities = identitiesOf(target, options).map(({ category, type, name }) => `${category}/${type}//${name}`);
  const text = [...identities.toSorted(), ...options.router.features(target)].map((part) => `${part}<`).join("");
  return createHash("sha1").update(text).digest("base64");
}
