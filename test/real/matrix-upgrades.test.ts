// Rooms of Matrix are replaced by newer versions of themselves, on real servers on both sides.
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MatrixPerson, saying, type SeenEvent } from "../kit/matrix-person.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import { bodyOf, type Person } from "./person.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const muc = "http://jabber.org/protocol/muc";
const patience = { timeoutMs: 20_000 };

describe.each(servers)("a room that is upgraded, on %s", (xmpp) => {
  let stage: MatrixStage;
  let alice: Person;
  let ann: MatrixPerson;
  let room: string;
  let newer: string;
  const lobby = "#lobby\\3amatrix.test@matrix.localhost";
  beforeAll(async () => {
    stage = await setMatrixStage({ xmpp, users: ["alice"], people: ["ann", "al"] });
    ann = await stage.person("ann");
    alice = await stage.enter("alice");
    await alice.signIn("al", "secret");
    await stage.online("alice");
    room = await ann.createRoom({ name: "The lobby", public: true, alias: "lobby" });
    alice.send(`<presence to='${lobby}/al'><x xmlns='${muc}'/></presence>`);
    await alice.next(here(`${lobby}/al`), { what: "herself in the room", ...patience });
  }, 120_000);
  afterAll(() => stage?.stop());

  const here = (jid: string) => (stanza: Element) =>
    stanza.name === "presence" && stanza.attrs.from === jid && stanza.attrs.type === undefined;
  const said = (jid: string, body: string) => (stanza: Element) =>
    stanza.attrs.type === "groupchat" && stanza.attrs.from === jid && bodyOf(stanza) === body;
  const upgrade = async (roomId: string): Promise<string> =>
    (await ann.client.upgradeRoom(roomId, "10")).replacement_room;

  it("goes on under the same JID: she is taken along, and nobody has to do anything", async () => {
    await ann.say(room, "in the old one");
    await alice.next(said(`${lobby}/ann`, "in the old one"), { what: "the last word there", ...patience });
    newer = await upgrade(room);
    await ann.until(() => ann.members(newer).includes("@al:matrix.test"), { what: "al in the new one", ...patience });
    await alice.next(said(lobby, "You are in the new version of this room now. Nothing else changes here."), {
      what: "the word that she was taken along",
      ...patience,
    });
    await ann.say(newer, "in the new one");
    await alice.next(said(`${lobby}/ann`, "in the new one"), { what: "what is said in the new one", ...patience });
    alice.send(`<message to='${lobby}' type='groupchat' id='new1'><body>from alice</body></message>`);
    const heard = await ann.next(saying("from alice"), { what: "her answer", ...patience });
    expect(heard.room_id).toBe(newer);
    expect(alice.stanzas.some((one) => one.attrs.from === `${lobby}/al` && one.attrs.type === "unavailable")).toBe(
      false,
    );
  });

  it("has one history, and stands once in the list of rooms", async () => {
    const phone = await stage.enter("alice", "phone");
    phone.send(`<presence to='${lobby}/al'><x xmlns='${muc}'/></presence>`);
    await phone.next((stanza) => stanza.getChild("subject") !== undefined, { what: "the end of it", ...patience });
    const bodies = phone.stanzas.filter((one) => one.attrs.type === "groupchat").map(bodyOf);
    expect(bodies.filter((body) => /^(in the|from alice)/.test(body))).toEqual([
      "in the old one",
      "in the new one",
      "from alice",
    ]);
    const list = await phone.ask("rooms nothing-like-this");
    expect(list).toContain("no room like");
    const items = await phone.request(
      "<iq type='get' to='matrix.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
    );
    const rooms = items
      .getChild("query")
      ?.getChildren("item")
      .map((item) => item.attrs.jid as string);
    expect(rooms?.filter((jid) => jid.startsWith("#"))).toEqual([lobby]);
  });

  it("is the same after a restart, also when it was upgraded meanwhile", async () => {
    await stage.stopGateway();
    newer = await upgrade(newer);
    await stage.startGateway();
    await ann.until(() => ann.members(newer).includes("@al:matrix.test"), { what: "al in the newest", ...patience });
    await ann.say(newer, "in the newest one");
    await alice.next(said(`${lobby}/ann`, "in the newest one"), { what: "what is said there", ...patience });
    alice.send(`<message to='${lobby}' type='groupchat' id='new2'><body>again from alice</body></message>`);
    expect((await ann.next(saying("again from alice"), { what: "her answer", ...patience })).room_id).toBe(newer);
  });

  it("takes her along with the invitation, where the new version takes only those", async () => {
    const closed = await ann.createRoom({ name: "Cabinet", invite: ["@al:matrix.test"] });
    const invitation = await alice.next(
      (stanza) => stanza.getChild("x", `${muc}#user`)?.getChild("invite") !== undefined,
      { what: "the invitation", ...patience },
    );
    const jid = String(invitation.attrs.from);
    alice.send(`<presence to='${jid}/al'><x xmlns='${muc}'/></presence>`);
    await alice.next(here(`${jid}/al`), { what: "herself in it", ...patience });
    const next = await upgrade(closed);
    const text = "The new version takes only those who are invited. When you are, you come along by yourself.";
    await alice.next(said(jid, text), { what: "the word that it is closed", ...patience });
    await ann.invite(next, "@al:matrix.test");
    await ann.until(() => ann.members(next).includes("@al:matrix.test"), { what: "al in the new one", ...patience });
    await ann.say(next, "welcome");
    await alice.next(said(`${jid}/ann`, "welcome"), { what: "what is said there", ...patience });
  });

  it("M11: does not take her along where only the old room says so", async () => {
    const other = await ann.createRoom({ name: "Elsewhere", public: true });
    const trap = await ann.createRoom({ name: "Trap", public: true, invite: ["@al:matrix.test"] });
    const invitation = await alice.next(
      (stanza) => stanza.getChild("x", `${muc}#user`)?.getChild("invite") !== undefined,
      { what: "the invitation", ...patience },
    );
    const jid = String(invitation.attrs.from);
    alice.send(`<presence to='${jid}/al'><x xmlns='${muc}'/></presence>`);
    await alice.next(here(`${jid}/al`), { what: "herself in it", ...patience });
    await ann.client.sendStateEvent(trap, "m.room.tombstone" as never, { replacement_room: other, body: "" } as never);
    const left = ({ room_id, state_key, content }: SeenEvent) =>
      room_id === other && state_key === "@al:matrix.test" && content["membership"] === "leave";
    await ann.next(left, { what: "al turning round", ...patience });
    await ann.say(trap, "still here");
    await alice.next(said(`${jid}/ann`, "still here"), { what: "what is said in it", ...patience });
  });
});
