// XEP-0313: Message Archive Management, of rooms. XEP-0297: Stanza Forwarding.
import { GatewayError } from "../../gateway/errors.ts";
import type { ArchiveEntry, ArchiveQuery } from "../../gateway/room-ports.ts";
import type { FoundRoom } from "../../gateway/room-directory.ts";
import { parseJid } from "../jid.ts";
import { NS } from "../ns.ts";
import type { IqRequest, IqRoute } from "../router.ts";
import { attr, type Element, el } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";
import { formAnswers } from "../xeps/forms.ts";
import { pageElement, type PageRequest, pageRequest } from "../xeps/rsm.ts";
import { contextOf, type MucOptions } from "./options.ts";
import { foundRoom } from "./room-info.ts";
import { archivedStanza } from "./stanzas.ts";

/** Messages of one page. */
const usualPage = 50;
const largestPage = 100;

export function archiveRoutes(options: MucOptions): readonly IqRoute[] {
  const route = { name: "query", ns: NS.mam, targets: ["room"] } as const;
  return [
    { ...route, type: "get", handle: () => form() },
    { ...route, type: "set", handle: (request) => query(request, options) },
  ];
}

/** Section 4.1.5: what can be asked for. */
function form(): Element {
  const field = (name: string, type: string) => el("field", { var: name, type });
  return el(
    "query",
    { xmlns: NS.mam },
    el(
      "x",
      { xmlns: NS.dataForms, type: "form" },
      el("field", { var: "FORM_TYPE", type: "hidden" }, el("value", {}, NS.mam)),
      field("with", "jid-single"),
      field("start", "text-single"),
      field("end", "text-single"),
    ),
  );
}

async function query(request: IqRequest, options: MucOptions): Promise<Element> {
  const found = await foundRoom(request, options);
  // security.md M13: who was put out reads nothing any more, not even what they heard.
  if (found.room.self !== "joined") throw new GatewayError("forbidden", "You are not in this room.");
  const { gateway } = options;
  const { from, payload } = request;
  const page = pageRequest(payload);
  const wanted = await filter(payload, page, found, options);
  const limit = Math.min(page.max ?? usualPage, largestPage);
  // One more than wanted tells whether there is more.
  const { entries, count } = await gateway.rooms.archive(found, { ...wanted, limit: limit + 1 });
  const complete = entries.length <= limit;
  const shown = complete ? entries : wanted.newest ? entries.slice(1) : entries.slice(0, limit);
  for (const entry of shown) options.send(result(entry, from.toString(), attr(payload, "queryid"), found, options));
  return el(
    "fin",
    { xmlns: NS.mam, ...(complete ? { complete: "true" } : {}) },
    pageElement(shown.at(0)?.id, shown.at(-1)?.id, count),
  );
}

async function filter(
  payload: Element,
  page: PageRequest,
  found: FoundRoom,
  options: MucOptions,
): Promise<Omit<ArchiveQuery, "limit">> {
  const answers = formAnswers(payload) ?? {};
  const position = async (id: string | undefined): Promise<number | undefined> => {
    if (!id) return undefined;
    const entry = await options.gateway.rooms.known.archived(found, id);
    // Section 4.3: the client holds an id that is not here any more and has to begin anew.
    if (entry === undefined) throw new StanzaError("item-not-found", "There is no such message in the archive.");
    return entry.seq;
  };
  return {
    from: timeOf(answers.start),
    until: timeOf(answers.end),
    by: await speaker(answers.with, found, options),
    after: await position(page.after),
    before: await position(page.before),
    newest: page.before !== undefined,
  };
}

/** XEP-0082. */
function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new StanzaError("bad-request", "That is no time (XEP-0082).");
  return time;
}

/** By their address, or as they are seen in the room. Of somebody unknown there is nothing. */
async function speaker(text: string | undefined, found: FoundRoom, options: MucOptions): Promise<string | undefined> {
  if (!text) return undefined;
  const jid = parseJid(text);
  if (jid === undefined) throw new StanzaError("jid-malformed", "That is no address.");
  const { account, room } = found;
  if (jid.bare === account.user) return "self";
  if (jid.bare === options.addresses.roomJid(room.local)) {
    if (jid.resource === undefined) return undefined;
    const person = await options.gateway.rooms.known.person(found, jid.resource);
    return person?.id === account.self ? "self" : (person?.id ?? "");
  }
  const address = jid.domain === options.addresses.domain ? options.addresses.resolve(jid) : undefined;
  return address?.kind === "contact" ? address.id : "";
}

/** Section 4.2. */
function result(
  entry: ArchiveEntry,
  to: string,
  queryid: string | undefined,
  found: FoundRoom,
  options: MucOptions,
): Element {
  const context = contextOf(found, options);
  const message = archivedStanza(entry, undefined, context);
  message.attrs.xmlns = NS.client;
  return el(
    "message",
    { from: context.jid, to },
    el(
      "result",
      { xmlns: NS.mam, queryid, id: entry.id },
      el(
        "forwarded",
        { xmlns: NS.forward },
        el("delay", { xmlns: NS.delay, stamp: new Date(entry.sentAt).toISOString() }),
        message,
      ),
    ),
  );
}
