// Which stanza goes where. Every feature brings its routes; discovery (XEP-0030) is computed from them, so that nothing is
// promised that is not handled and nothing handled that is not told.
import type { Logger, RemoteId } from "#bridge";
import { GatewayError } from "../gateway/errors.ts";
import type { NamedPeer } from "../gateway/room-ports.ts";
import type { Address, Addresses } from "./addresses.ts";
import { type Jid, parseJid } from "./jid.ts";
import { LinkDownError } from "./link-options.ts";
import { attr, children, type Element, el } from "./stanza.ts";
import { StanzaError, stanzaError } from "./stanza-error.ts";

/** Whom a stanza is for: the component itself, a contact on it, a room, or somebody in a room. */
export type Target = "gateway" | "contact" | "room" | "occupant";

/** A room as it is addressed. */
export interface RoomTarget {
  /** The local part, unescaped. */
  readonly local: string;
  readonly nick: string | undefined;
}

export interface Request {
  readonly stanza: Element;
  readonly from: Jid;
  readonly to: Jid;
  readonly target: Target;
  /** Undefined: the gateway itself, or a room. */
  readonly contact: RemoteId | undefined;
  readonly room: RoomTarget | undefined;
}
export interface IqRequest extends Request {
  readonly payload: Element;
}
export interface RoomRequest extends Request {
  readonly room: RoomTarget;
}

/** What a handler returns whose answer is written by another way, such as the lane of a room. */
export const answeredLater = Symbol("answered later");

export interface IqRoute {
  readonly type: "get" | "set";
  readonly name: string;
  readonly ns: string;
  readonly targets: readonly Target[];
  /** Returns the payload of the result. Throws StanzaError or GatewayError. */
  handle(request: IqRequest): IqAnswer | Promise<IqAnswer>;
}

export type IqAnswer = Element | undefined | typeof answeredLater;

export interface Identity {
  readonly category: string;
  readonly type: string;
  readonly name: string;
}

/** One XEP: its routes and what it adds to discovery. */
export interface Feature {
  /** As in doap.xml, such as "0092". */
  readonly xep: string;
  readonly iq?: readonly IqRoute[];
  readonly features?: Readonly<Partial<Record<Target, readonly string[]>>>;
  readonly message?: (request: Request) => void | Promise<void>;
  readonly presence?: (request: Request) => void | Promise<void>;
  /** The same for rooms and those in them. */
  readonly room?: {
    readonly message: (request: RoomRequest) => Promise<void>;
    readonly presence: (request: RoomRequest) => Promise<void>;
  };
}

export interface RouterOptions {
  readonly addresses: Addresses;
  readonly log: Logger;
  /** The domain of the XMPP server itself: it may ask a component what it is. */
  readonly serverDomain: string;
  /** Whom the core gave a local part that the bridge does not know. */
  readonly named: (user: string, local: string) => Promise<NamedPeer | undefined>;
  /** Takes what comes from group chats that people of the network are in; undefined: it is none of that. */
  readonly fromGroupChat?: ((stanza: Element, from: Jid, to: Jid) => Promise<void> | undefined) | undefined;
  /** Asked for every stanza. */
  readonly mayUse: (user: string) => boolean;
  readonly send: (stanza: Element) => void;
}

export class Router {
  readonly #o: RouterOptions;
  readonly #iq = new Map<string, IqRoute>();
  readonly #features: Feature[] = [];
  #message: Feature["message"];
  #presence: Feature["presence"];
  #room: Feature["room"];
  /** By sender: the look-up that their next stanzas wait for, so that none overtakes another. */
  readonly #looking = new Map<string, Promise<unknown>>();

  constructor(options: RouterOptions) {
    this.#o = options;
  }

  use(...features: readonly Feature[]): void {
    for (const feature of features) {
      this.#features.push(feature);
      for (const route of feature.iq ?? []) {
        for (const target of route.targets) this.#iq.set(routeKey(target, route.type, route.name, route.ns), route);
      }
      this.#message ??= feature.message;
      this.#presence ??= feature.presence;
      this.#room ??= feature.room;
    }
  }

  /** The namespaces a target answers to, sorted. */
  features(target: Target): string[] {
    const all = new Set<string>();
    for (const feature of this.#features) {
      for (const name of feature.features?.[target] ?? []) all.add(name);
      for (const route of feature.iq ?? []) if (route.targets.includes(target)) all.add(route.ns);
    }
    return [...all].sort();
  }

  get xeps(): string[] {
    return [...new Set(this.#features.map((feature) => feature.xep))].sort();
  }

  /** The first stop of every stanza from the link. Never rejects. */
  async route(stanza: Element): Promise<void> {
    try {
      const from = parseJid(attr(stanza, "from") ?? "");
      const to = parseJid(attr(stanza, "to") ?? "");
      if (from === undefined || to === undefined) return;
      const taken = this.#o.fromGroupChat?.(stanza, from, to);
      if (taken !== undefined) return await taken;
      // What a contact of ours says has been said by us: it is nobody's message, and an answer would come here again (E13).
      if (from.domain === this.#o.addresses.domain) return;
      for (let before = this.#looking.get(from.bare); before; before = this.#looking.get(from.bare)) await before;
      if (!this.#permitted(stanza, from)) return;
      const address = this.#o.addresses.resolve(to);
      const request =
        address.kind === "unclaimed"
          ? await this.#lookUp(stanza, from, to, address.local)
          : requestOf(stanza, from, to, address);
      await this.#dispatch(request);
    } catch (error) {
      this.#refuse(stanza, error);
    }
  }

  async #lookUp(stanza: Element, from: Jid, to: Jid, local: string): Promise<Request> {
    const looking = this.#o.named(from.bare, local).finally(() => this.#looking.delete(from.bare));
    this.#looking.set(
      from.bare,
      looking.catch(() => {}),
    );
    const peer = await looking;
    if (peer === undefined) throw new StanzaError("item-not-found", "There cannot be anybody at this address.");
    const address: Address = peer.kind === "room" ? { kind: "room", local } : { kind: "contact", id: peer.id };
    return requestOf(stanza, from, to, address);
  }

  #permitted(stanza: Element, from: Jid): boolean {
    if (from.local === undefined) return from.domain === this.#o.serverDomain;
    if (this.#o.mayUse(from.bare)) return true;
    if (stanza.name !== "presence") throw new StanzaError("not-allowed", "This gateway is not open to you.");
    // No difference between contacts that exist and others (security.md X10).
    if (attr(stanza, "type") === "subscribe") {
      this.#o.send(el("presence", { type: "unsubscribed", from: attr(stanza, "to"), to: from.bare }));
    }
    return false;
  }

  async #dispatch(request: Request): Promise<void> {
    const { room } = request;
    switch (request.stanza.name) {
      case "message":
        return room ? this.#room?.message({ ...request, room }) : this.#message?.(request);
      case "presence":
        return room ? this.#room?.presence({ ...request, room }) : this.#presence?.(request);
      case "iq":
        return this.#answer(request);
      default:
        return;
    }
  }

  async #answer(request: Request): Promise<void> {
    const { stanza } = request;
    const type = attr(stanza, "type");
    if (type !== "get" && type !== "set") return;
    const [payload] = children(stanza);
    if (payload === undefined || !attr(stanza, "id")) throw new StanzaError("bad-request");
    const route = this.#iq.get(routeKey(request.target, type, payload.getName(), payload.getNS() ?? ""));
    if (route === undefined) throw new StanzaError("service-unavailable");
    const result = await route.handle({ ...request, payload });
    if (result === answeredLater) return;
    this.#o.send(
      el("iq", { type: "result", id: attr(stanza, "id"), from: attr(stanza, "to"), to: attr(stanza, "from") }, result),
    );
  }

  /** The one place where an error becomes a stanza. */
  #refuse(stanza: Element, error: unknown): void {
    // The stream that the answer belongs to is gone, and an error for its sender would have no way either.
    if (error instanceof LinkDownError) return this.#o.log.debug({ err: error }, "an answer was lost with the link");
    const reply = toReply(stanza, error);
    if (!(error instanceof StanzaError) && !(error instanceof GatewayError)) {
      this.#o.log.error({ err: error, stanza: stanza.name }, "a stanza could not be handled");
    }
    // Presence errors tell a client that the contact is broken; nobody waits for one.
    if (reply === undefined || (stanza.name === "presence" && attr(stanza, "type") !== "subscribe")) return;
    try {
      this.#o.send(reply);
    } catch (cause) {
      this.#o.log.debug({ err: cause }, "an error reply was lost with the link");
    }
  }
}

function toReply(stanza: Element, error: unknown): Element | undefined {
  if (error instanceof StanzaError) return stanzaError(stanza, error.condition, error.text, { type: error.type });
  if (error instanceof GatewayError)
    return stanzaError(stanza, error.condition, error.message, error.wait ? { type: "wait" } : {});
  if (error instanceof Error && error.name === "StoreError") {
    return stanzaError(stanza, "resource-constraint", "The gateway cannot store messages now; try again later.", {
      type: "wait",
    });
  }
  return stanzaError(
    stanza,
    "internal-server-error",
    "Something went wrong in the gateway; its operator finds it in the log.",
    { type: "wait" },
  );
}

const routeKey = (target: Target, type: string, name: string, ns: string) => `${target} ${type} ${ns} ${name}`;

/** Throws what the sender is to be told. */
function requestOf(
  stanza: Element,
  from: Jid,
  to: Jid,
  address: Exclude<Address, { readonly kind: "unclaimed" }>,
): Request {
  const request = { stanza, from, to, contact: undefined, room: undefined };
  switch (address.kind) {
    case "gateway":
      return { ...request, target: "gateway" };
    case "contact":
      return { ...request, target: "contact", contact: address.id };
    case "room": {
      const room = { local: address.local, nick: to.resource };
      return { ...request, target: to.resource === undefined ? "room" : "occupant", room };
    }
    case "malformed":
      throw new StanzaError("jid-malformed", "This is not an address here.");
    default:
      return address satisfies never;
  }
}
