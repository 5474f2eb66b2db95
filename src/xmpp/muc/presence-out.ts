// XEP-0045: Multi-User Chat, sections 7.1 to 7.14 and 8: the presence of a room. XEP-0421: Occupant Ids.
import type { AvatarId, Rank, RemoteId } from "#bridge";
import { derivedKey } from "../../gateway/keys.ts";
import type { FileLinks } from "../../gateway/web-ports.ts";
import type { Departure, Person } from "../../gateway/room-events.ts";
import { NS } from "../ns.ts";
import { type Element, el } from "../stanza.ts";
import { pictureUpdate } from "../xeps/avatar-hash.ts";

/** A room on the wire. */
export interface RoomContext {
  /** Bare JID. */
  readonly jid: string;
  readonly account: number;
  readonly id: RemoteId;
  /** The user's own id. */
  readonly self: RemoteId;
  /** The user's bare JID. */
  readonly user: string;
  /** The bare JID of somebody on the network; undefined when they have none. */
  readonly jidOf: (id: RemoteId) => string | undefined;
  /** By avatar, the hashes of those pictures that are here. */
  readonly pictures: ReadonlyMap<AvatarId, string>;
  /** To files that come with messages; undefined without a web server. */
  readonly links: FileLinks | undefined;
  /** The network is told what the user has read: ask for markers (XEP-0333). */
  readonly markable: boolean;
}

export interface Standing {
  readonly affiliation: "owner" | "admin" | "member" | "none" | "outcast";
  readonly role: "moderator" | "participant" | "visitor" | "none";
}

/** What a rank of a network is in the terms of XEP-0045 section 5, while somebody is there. */
export const standings: Readonly<Record<Rank, Standing>> = {
  owner: { affiliation: "owner", role: "moderator" },
  admin: { affiliation: "admin", role: "moderator" },
  member: { affiliation: "member", role: "participant" },
  visitor: { affiliation: "none", role: "visitor" },
  outcast: { affiliation: "outcast", role: "none" },
};

/** Section 10.2 and 15.6: the codes of a departure that somebody is told of. */
const departureCodes: Readonly<Record<Departure, readonly number[]>> = {
  left: [],
  unlisted: [],
  kicked: [307],
  banned: [301],
};

/** Somebody is there. `codes` are those of section 15.6.2. */
export function herePresence(room: RoomContext, to: string, person: Person, codes: readonly number[] = []): Element {
  const { affiliation, role } = standings[person.rank];
  const jid = person.self ? to : room.jidOf(person.id);
  return el(
    "presence",
    { from: `${room.jid}/${person.nick}`, to },
    user(el("item", { affiliation, role, jid }), person.self ? [110, ...codes] : codes),
    occupantId(room, person.id),
    pictureUpdate(pictureOf(room, person)),
  );
}

/** A picture that is not here yet is not spoken of. */
const pictureOf = ({ pictures }: RoomContext, { avatar }: Person): string | undefined =>
  avatar === null ? "" : avatar === undefined ? undefined : pictures.get(avatar);

/** Somebody is not there any more. */
export function gonePresence(
  room: RoomContext,
  to: string,
  person: Person,
  why: { readonly how: Departure; readonly by?: string; readonly reason?: string },
): Element {
  // Who leaves elsewhere is put out here.
  const codes = departureCodes[person.self && why.how === "left" ? "kicked" : why.how];
  return unavailable(room, to, person, {
    codes,
    affiliation:
      why.how === "unlisted" ? standings[person.rank].affiliation : why.how === "banned" ? "outcast" : "none",
    ...why,
  });
}

/** The user's client went out itself (section 7.14): the user stays a member. */
export const outPresence = (room: RoomContext, to: string, person: Person): Element =>
  unavailable(room, to, person, { codes: [], affiliation: standings[person.rank].affiliation });

/** Section 7.6: the old nick goes with a word on the new one. */
export function renamePresence(room: RoomContext, to: string, person: Person, was: string): Element {
  const { affiliation, role } = standings[person.rank];
  const jid = person.self ? to : room.jidOf(person.id);
  return el(
    "presence",
    { type: "unavailable", from: `${room.jid}/${was}`, to },
    user(el("item", { affiliation, role, jid, nick: person.nick }), person.self ? [303, 110] : [303]),
    occupantId(room, person.id),
  );
}

function unavailable(
  room: RoomContext,
  to: string,
  person: Person,
  {
    codes,
    affiliation,
    by,
    reason,
  }: {
    readonly codes: readonly number[];
    readonly affiliation: Standing["affiliation"];
    readonly by?: string;
    readonly reason?: string;
  },
): Element {
  const jid = person.self ? to : room.jidOf(person.id);
  return el(
    "presence",
    { type: "unavailable", from: `${room.jid}/${person.nick}`, to },
    user(
      el(
        "item",
        { affiliation, role: "none", jid },
        by === undefined ? undefined : el("actor", { nick: by }),
        reason ? el("reason", {}, reason) : undefined,
      ),
      person.self ? [110, ...codes] : codes,
    ),
    occupantId(room, person.id),
  );
}

const user = (item: Element, codes: readonly number[]): Element =>
  el("x", { xmlns: NS.mucUser }, item, ...codes.map((code) => el("status", { code })));

/** XEP-0421 section 3: stable for a person in a room, and no way back to either. */
export const occupantId = ({ account, id }: Pick<RoomContext, "account" | "id">, who: RemoteId): Element =>
  el("occupant-id", { xmlns: NS.occupantId, id: derivedKey("occupant", String(account), id, who) });

/** The room is no more for this client: it was never in, or its account is gone. Code 333, section 15.6.2: an error. */
export const lostPresence = (room: string, nick: string, to: string): Element =>
  el(
    "presence",
    { type: "unavailable", from: `${room}/${nick}`, to },
    user(el("item", { affiliation: "none", role: "none" }), [110, 333]),
  );
