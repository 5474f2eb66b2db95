// RFC 6121 sections 3 and 4: subscriptions and presence of users towards the gateway and their contacts.
import type { Gateway } from "../../gateway/gateway.ts";
import type { Feature, Request } from "../router.ts";
import { attr, textOf } from "../stanza.ts";
import type { Online } from "../online.ts";
import { pictureOfPresence } from "./avatar-hash.ts";

export interface PresenceInOptions {
  readonly bridge: string;
  readonly gateway: Gateway;
  readonly online: Online;
}

export function presences(options: PresenceInOptions): Feature {
  return { xep: "6121", presence: (request) => receive(request, options) };
}

async function receive(request: Request, options: PresenceInOptions): Promise<void> {
  const type = attr(request.stanza, "type");
  const { from, contact } = request;
  if (from.local === undefined) return;
  const user = from.bare;
  switch (type) {
    case "subscribe":
      return subscribe(user, contact, options);
    case "unsubscribe":
      return unsubscribe(user, contact, options);
    case "probe":
      return show(user, contact, options);
    case undefined:
      options.online.here(from);
      showPicture(request, options);
      if (contact === undefined) tell(request, options);
      return;
    case "unavailable":
      options.online.gone(from);
      if (contact === undefined && options.online.clientOf(user) === undefined)
        options.gateway.hints.presence(options.bridge, user, "offline", undefined);
      return;
    default:
      return;
  }
}

/** The user's own presence, for networks that show it. A client that wants quiet counts as away there. */
function tell({ stanza, from }: Request, { bridge, gateway }: PresenceInOptions): void {
  const show = textOf(stanza, "show");
  const quiet = show === "away" || show === "xa" || show === "dnd";
  gateway.hints.presence(
    bridge,
    from.bare,
    quiet ? "away" : "online",
    textOf(stanza, "status")?.slice(0, longestStatus),
  );
}

/** The user's picture, which the presence to any contact names. */
function showPicture({ stanza, from }: Request, { bridge, gateway }: PresenceInOptions): void {
  const hash = pictureOfPresence(stanza);
  if (hash !== undefined) gateway.hints.picture(bridge, from.bare, hash);
}

const longestStatus = 500;

async function subscribe(
  user: string,
  contact: string | undefined,
  { bridge, gateway }: PresenceInOptions,
): Promise<void> {
  const { output, contacts } = gateway.bridges.get(bridge);
  if (contact === undefined) {
    await gateway.registrations.enrol(bridge, user);
    output.subscription(user, undefined, "subscribed");
    return show(user, undefined, { bridge, gateway });
  }
  const account = await gateway.registrations.accountFor(bridge, user, contact);
  await contacts.subscribe(account.id, user, contact);
  output.subscription(user, contact, "subscribed");
  return show(user, contact, { bridge, gateway });
}

async function unsubscribe(
  user: string,
  contact: string | undefined,
  { bridge, gateway }: PresenceInOptions,
): Promise<void> {
  const { output, contacts } = gateway.bridges.get(bridge);
  const account = contact && (await gateway.accounts.forContact(bridge, user, contact));
  if (account) await contacts.unsubscribe(account.id, contact);
  output.subscription(user, contact, "unsubscribed");
}

/** A probe is answered only to those who are subscribed: others learn nothing (security.md X10). */
async function show(
  user: string,
  contact: string | undefined,
  { bridge, gateway }: Pick<PresenceInOptions, "bridge" | "gateway">,
): Promise<void> {
  const { output, contacts } = gateway.bridges.get(bridge);
  const account =
    contact === undefined
      ? gateway.accounts.of(bridge, user).at(-1)
      : await gateway.accounts.forContact(bridge, user, contact);
  if (account === undefined) {
    if (contact === undefined) output.presence(user, undefined, { available: true });
    return;
  }
  if (contact === undefined) return output.presence(user, undefined, gateway.presence.of(account, undefined));
  const known = await contacts.get(account.id, contact);
  if (!known?.subscribed) return;
  gateway.presence.show(account, known);
  gateway.profiles.look(account, known);
}
