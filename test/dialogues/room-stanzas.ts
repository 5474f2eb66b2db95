// Stanzas of rooms as the stories of rooms write them: alice is in with her phone, as al.
import { aliceSignedIn, type Found, type Story, type StoryOptions } from "./story.ts";

export const lobby = "#lobby@toy.localhost";
export const phone = "alice@localhost/phone";
export const laptop = "alice@localhost/laptop";
const user = "http://jabber.org/protocol/muc#user";

/** A client joins; `inside` is what stands in the join, such as how much history it wants. */
export const join = (nick = "al", { client = phone, room = lobby, inside = "" } = {}) =>
  `<presence from="${client}" to="${room}/${nick}"><x xmlns="http://jabber.org/protocol/muc">${inside}</x></presence>`;

export interface Shown {
  readonly client?: string;
  readonly room?: string;
  readonly affiliation?: string;
  readonly role?: string;
  /** Status codes. */
  readonly codes?: readonly number[];
  readonly jid?: string;
  readonly type?: "unavailable";
  /** Inside the item. */
  readonly item?: string;
  /** Attributes of the item. */
  readonly attributes?: string;
}

/** Somebody's presence in the room; `{id}` is their occupant id. */
export function seen(nick: string, shown: Shown = {}): string {
  const { client = phone, room = lobby, affiliation = "member", role = "participant", codes = [], type } = shown;
  const jid = shown.jid ?? (nick === "al" ? client : `${nick}@toy.localhost`);
  return `<presence ${type ? `type="${type}"` : ""} from="${room}/${nick}" to="${client}"><x xmlns="${user}">
    <item affiliation="${affiliation}" role="${role}" jid="${jid}" ${shown.attributes ?? ""}>${shown.item ?? ""}</item>
    ${codes.map((code) => `<status code="${code}"/>`).join("")}</x>
    <occupant-id xmlns="urn:xmpp:occupant-id:0" id="{id}"/></presence>`;
}

export const subject = (text = "", { client = phone, room = lobby, by = "", more = "" } = {}) =>
  `<message type="groupchat" id="{id}" from="${room}${by ? `/${by}` : ""}" to="${client}"><subject>${text}</subject>${more}</message>`;

export const markable = `<markable xmlns="urn:xmpp:chat-markers:0"/>`;

/** What somebody says in the room, as a client sees it. `{stanza}` is its stanza id, `{who}` the occupant id. */
export const says = (nick: string, text: string, { client = phone, room = lobby, id = "{stanza}", more = "" } = {}) =>
  `<message type="groupchat" from="${room}/${nick}" to="${client}" id="${id}"><body>${text}</body>${more}
    ${nick === "al" ? "" : markable}<stanza-id xmlns="urn:xmpp:sid:0" by="${room}" id="{stanza}"/><occupant-id xmlns="urn:xmpp:occupant-id:0" id="{who}"/></message>`;

/** What a client writes to everybody in the room. */
export const write = (id: string, text: string, { client = phone, room = lobby, more = "" } = {}) =>
  `<message type="groupchat" id="${id}" from="${client}" to="${room}"><body>${text}</body>${more}</message>`;

/** The room takes back a message because somebody wants it (XEP-0425). */
export const moderated = (stanza: string, by: string, { client = phone, reason = "Spam" } = {}) =>
  `<message type="groupchat" from="${lobby}" to="${client}" id="{id}">
    <retract xmlns="urn:xmpp:message-retract:1" id="${stanza}">
      <moderated xmlns="urn:xmpp:message-moderate:1" by="${lobby}/${by}">
        <occupant-id xmlns="urn:xmpp:occupant-id:0" id="{who}"/></moderated><reason>${reason}</reason></retract>
    <fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:message-retract:1"/>
    <body>A message was taken back, but your client does not support that.</body><store xmlns="urn:xmpp:hints"/>
    <apply-to xmlns="urn:xmpp:fasten:0" id="${stanza}"><moderated xmlns="urn:xmpp:message-moderate:0" by="${lobby}/${by}">
      <retract xmlns="urn:xmpp:message-retract:0"/><reason>${reason}</reason></moderated></apply-to>
    <stanza-id xmlns="urn:xmpp:sid:0" by="${lobby}" id="{id}"/></message>`;

/** Alice is signed in, and there is a lobby with bob, its owner, and carol. */
export async function withLobby(options: StoryOptions = {}, topic = ""): Promise<Story> {
  const story = await aliceSignedIn(options);
  story.network.rooms.create({
    id: "r1",
    address: "#lobby",
    name: "The Lobby",
    topic,
    members: { bob: "owner", carol: "member" },
  });
  return story;
}

/** Alice's phone joins the lobby and sees bob, carol, herself and the subject. */
export async function inLobby(options: StoryOptions = {}): Promise<Story> {
  const story = await withLobby(options);
  await story.send(join());
  await entered(story);
  await story.nothing();
  return story;
}

/** What a client sees that came in. */
export async function entered(story: Story, client = phone, codes: readonly number[] = [110, 100]): Promise<Found> {
  await story.expect(seen("bob", { client, affiliation: "owner", role: "moderator" }));
  await story.expect(seen("carol", { client }));
  await story.expect(seen("al", { client, codes }));
  return story.expect(subject("", { client }));
}
