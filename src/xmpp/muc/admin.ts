// XEP-0045: Multi-User Chat, sections 8.2 to 9.8: kicks, bans and ranks, and the lists of them.
import type { Rank, RemoteId, RoomChange } from "#bridge";
import { GatewayError } from "../../gateway/errors.ts";
import type { ParticipantRecord } from "../../gateway/room-ports.ts";
import type { FoundRoom } from "../../gateway/room-directory.ts";
import { parseJid } from "../jid.ts";
import { NS } from "../ns.ts";
import type { IqRequest, IqRoute } from "../router.ts";
import { attr, children, type Element, el, textOf } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";
import type { MucOptions } from "./options.ts";
import { standings } from "./presence-out.ts";
import { foundRoom } from "./room-info.ts";

/** Changes in one request. */
const mostItems = 20;

export function adminRoutes(options: MucOptions): readonly IqRoute[] {
  const route = { name: "query", ns: NS.mucAdmin, targets: ["room"] } as const;
  return [
    { ...route, type: "set", handle: (request) => change(request, options) },
    { ...route, type: "get", handle: (request) => list(request, options) },
  ];
}

async function change(request: IqRequest, options: MucOptions): Promise<undefined> {
  const found = await foundRoom(request, options);
  const items = children(request.payload, "item", NS.mucAdmin);
  if (items.length === 0 || items.length > mostItems)
    throw new StanzaError("bad-request", `One to ${mostItems} changes at a time.`);
  for (const item of items) await options.gateway.rooms.change(found, await changeOf(item, found, options));
  return undefined;
}

async function changeOf(item: Element, found: FoundRoom, options: MucOptions): Promise<RoomChange> {
  const who = await whoIs(item, found, options);
  const text = textOf(item, "reason")?.trim().slice(0, 500);
  const reason = text ? { reason: text } : {};
  const role = attr(item, "role");
  if (role === "none") return { do: "kick", who, ...reason };
  const rank = rankOf(attr(item, "affiliation"), role);
  if (rank === undefined) throw new StanzaError("bad-request", "There is no such affiliation or role.");
  return { do: "rank", who, rank, ...reason };
}

/** By the nick that is seen in the room, or by address. */
async function whoIs(item: Element, found: FoundRoom, { gateway, addresses }: MucOptions): Promise<RemoteId> {
  const nick = attr(item, "nick");
  const person = nick === undefined ? undefined : await gateway.rooms.known.person(found, nick);
  if (person) return person.id;
  const jid = parseJid(attr(item, "jid") ?? "");
  if (jid?.bare === found.account.user) return found.account.self;
  const address = jid?.domain === addresses.domain ? addresses.resolve(jid) : undefined;
  if (address?.kind === "contact") return address.id;
  throw new GatewayError("item-not-found", "There is nobody of that name in the room.");
}

const byAffiliation = new Map<string, Rank>([
  ["owner", "owner"],
  ["admin", "admin"],
  ["member", "member"],
  ["none", "member"],
  ["outcast", "outcast"],
]);
const byRole = new Map<string, Rank>([
  ["moderator", "admin"],
  ["participant", "member"],
  ["visitor", "visitor"],
]);

/** Networks know one rank where XEP-0045 has an affiliation and a role. */
function rankOf(affiliation: string | undefined, role: string | undefined): Rank | undefined {
  return affiliation === undefined ? byRole.get(role ?? "") : byAffiliation.get(affiliation);
}

async function list(request: IqRequest, options: MucOptions): Promise<Element> {
  const found = await foundRoom(request, options);
  const [item] = children(request.payload, "item", NS.mucAdmin);
  const affiliation = item && attr(item, "affiliation");
  const role = item && attr(item, "role");
  const { rooms } = options.gateway;
  const wanted = (Object.keys(standings) as Rank[]).filter((rank) =>
    affiliation === undefined ? standings[rank].role === role : standings[rank].affiliation === affiliation,
  );
  if (item === undefined || (affiliation === undefined && role === undefined)) throw new StanzaError("bad-request");
  const people: ParticipantRecord[] = [];
  for (const rank of wanted) people.push(...(await rooms.known.ranked(found, rank)));
  return el(
    "query",
    { xmlns: NS.mucAdmin },
    ...people.map((person) =>
      el("item", {
        affiliation: standings[person.rank].affiliation,
        role: person.state === "joined" ? standings[person.rank].role : undefined,
        nick: person.state === "joined" ? person.nick : undefined,
        jid: person.id === found.account.self ? found.account.user : options.addresses.jidOf(person.id),
      }),
    ),
  );
}
