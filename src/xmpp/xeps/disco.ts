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

const targetOf = (request: IqRequest): Target => (request.contact === undefined ? "gateway" : "contact");
const identityOf = (target: Target, options: DiscoOptions) =>
  target === "gateway" ? options.gateway : contactIdentity;

function info(request: IqRequest, options: DiscoOptions): Element {
  const node = attr(request.payload, "node");
  const target = targetOf(request);
  if (node !== undefined && node !== `${capsNode}#${hash(target, options)}`) {
    const other = request.contact === undefined ? options.nodes?.(request, node) : undefined;
    if (other === undefined) throw new StanzaError("item-not-found");
    return describe(node, other.identity, other.features);
  }
  return describe(node, identityOf(target, options), options.router.features(target));
}

function items(request: IqRequest, options: DiscoOptions): Element {
  const node = attr(request.payload, "node");
  if (node === undefined) return el("query", { xmlns: NS.discoItems });
  const other = request.contact === undefined ? options.nodes?.(request, node) : undefined;
  if (other === undefined) throw new StanzaError("item-not-found");
  return el(
    "query",
    { xmlns: NS.discoItems, node },
    ...other.items.map((item) => el("item", { jid: item.jid, node: item.node, name: item.name })),
  );
}

function describe(node: string | undefined, identity: Identity, features: readonly string[]): Element {
  return el(
    "query",
    { xmlns: NS.discoInfo, node },
    el("identity", { category: identity.category, type: identity.type, name: identity.name }),
    ...features.map((feature) => el("feature", { var: feature })),
  );
}

/** XEP-0115 section 5.1. */
function hash(target: Target, options: DiscoOptions): string {
  const { category, type, name } = identityOf(target, options);
  const text = [`${category}/${type}//${name}`, ...options.router.features(target)].map((part) => `${part}<`).join("");
  return createHash("sha1").update(text).digest("base64");
}
