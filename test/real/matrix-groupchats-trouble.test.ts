// Group chats of XMPP from Matrix where something is in the way: chats that are not there or not open, a server that
// restarts, a chat that is closed, more than the operator allows.
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MatrixPerson, saying } from "../kit/matrix-person.ts";
import type { XmppClient } from "../kit/xmpp-client.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { aliasOf, type GroupChatStage, makeRoom, setGroupChatStage } from "./groupchat-stage.ts";
import { bodyOf } from "./person.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const patience = { timeoutMs: 40_000 };

describe.each(servers)("group chats of XMPP in trouble, on %s", (xmpp) => {
  let stage: GroupChatStage;
  let alice: XmppClient;
  let bob: MatrixPerson;
  let carol: MatrixPerson;
  beforeAll(async () => {
    stage = await setGroupChatStage({
      xmpp,
      users: ["alice", "dora"],
      people: ["bob", "carol"],
      groupChats: { rooms: 2, people: 1 },
    });
    alice = await stage.enter("alice");
    [bob, carol] = await Promise.all([stage.person("bob"), stage.person("carol")]);
  }, 120_000);
  afterAll(() => stage?.stop());

  const from = (room: string, nick: string, type?: string) => (stanza: Element) =>
    stanza.name === "presence" && stanza.attrs.from === `${room}/${nick}` && stanza.attrs.type === type;
  const said = (room: string, nick: string, body: string) => (stanza: Element) =>
    stanza.attrs.type === "groupchat" && stanza.attrs.from === `${room}/${nick}` && bodyOf(stanza) === body;
  const isOut = (person: MatrixPerson, roomId: string) => (event: MatrixPerson["all"][number]) =>
    event.type === "m.room.member" &&
    event.room_id === roomId &&
    event.state_key === person.userId &&
    event.content["membership"] === "leave";

  it("does not let anybody into a chat that is not there, and does not make it", async () => {
    await expect(bob.join(aliasOf("nowhere"))).rejects.toThrow("[404]");
    const answer = await alice.request(
      "<iq type='get' to='nowhere@rooms.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    );
    expect(answer.getChild("error")?.getChild("item-not-found")).toBeDefined();
  }, 30_000);

  it("does not let anybody into a chat for members, or to an address that is no chat", async () => {
    await makeRoom(alice, "cabinet", "alice", { "muc#roomconfig_membersonly": "1" });
    await expect(bob.join(aliasOf("cabinet"))).rejects.toThrow("[404]");
    for (const alias of ["#_xmpp_alice=40localhost:matrix.test", "#_xmpp_x=40elsewhere.test:matrix.test"])
      await expect(bob.join(alias)).rejects.toThrow("[404]");
  }, 30_000);

  it("shows the newest of the past, and nobody who is silent", async () => {
    const hall = await makeRoom(alice, "hall", "alice", persistent);
    for (let n = 0; n < 30; n++) alice.message({ to: hall, type: "groupchat", id: `h${n}`, body: `past ${n}` });
    await alice.next(said(hall, "alice", "past 29"), patience);
    const roomId = await bob.join(aliasOf("hall"));
    await alice.next(from(hall, "bob"), { what: "bob in the hall", ...patience });
    await bob.next(saying("past 29"), { what: "the newest", ...patience });
    const past = bob.all.map(({ content }) => String(content["body"])).filter((body) => body.startsWith("past"));
    expect(past).toEqual(Array.from({ length: 20 }, (_, n) => `past ${n + 10}`));
    expect(bob.members(roomId)).toHaveLength(3);
    const dora = await stage.enter("dora");
    dora.send(`<presence to='${hall}/silent'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await alice.next(from(hall, "silent"), { what: "somebody silent", ...patience });
    await bob.say(roomId, "is somebody there?");
    await alice.next(said(hall, "bob", "is somebody there?"), patience);
    expect(bob.members(roomId)).toHaveLength(3);
  }, 60_000);

  it("lets no more people in than the operator allows, and says why", async () => {
    const roomId = await carol.client.joinRoom(aliasOf("hall")).then((room) => room.roomId);
    const kick = await carol.next(isOut(carol, roomId), { what: "being put out", ...patience });
    expect(kick.content["reason"]).toBe(
      "There are as many people from Matrix in this group chat as the gateway allows.",
    );
  }, 60_000);

  it("opens no more chats than the operator allows, but those that nobody is in make room", async () => {
    await makeRoom(alice, "one", "alice");
    const first = await carol.join(aliasOf("one"));
    await alice.next(from("one@rooms.localhost", "carol"), patience);
    await makeRoom(alice, "two", "alice");
    await expect(carol.join(aliasOf("two"))).rejects.toThrow("[404]");
    await carol.leave(first);
    await alice.next(from("one@rooms.localhost", "carol", "unavailable"), { what: "carol gone", ...patience });
    await carol.join(aliasOf("two"));
    await alice.next(from("two@rooms.localhost", "carol"), { what: "carol in another", ...patience });
  }, 60_000);

  it("puts everybody out of a chat that is closed, and says why", async () => {
    const two = "two@rooms.localhost";
    const roomId = carol.client.getRooms().find((room) => room.getMyMembership() === "join")?.roomId ?? "";
    await alice.request(
      `<iq type='set' to='${two}'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy><reason>done</reason></destroy></query></iq>`,
    );
    await carol.next(saying("The group chat was closed: done"), { what: "the news", ...patience });
    const kick = await carol.next(isOut(carol, roomId), { what: "being put out", ...patience });
    expect(kick.content["reason"]).toBe("The group chat was closed.");
  }, 60_000);

  it("comes back when the XMPP server does, with what was said meanwhile", async () => {
    const roomId = bob.client.getRooms().find((room) => room.getMyMembership() === "join")?.roomId ?? "";
    await stage.xmpp.stop({ keep: true });
    await bob.say(roomId, "while it was away");
    await stage.xmpp.start();
    alice = await stage.enter("alice");
    const hall = "hall@rooms.localhost";
    alice.send(`<presence to='${hall}/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await alice.next(said(hall, "bob", "while it was away"), { what: "bob's words", ...patience });
    alice.message({ to: hall, type: "groupchat", id: "back", body: "welcome back" });
    await bob.next(saying("welcome back"), { what: "alice's words", ...patience });
    expect(bob.all.filter(saying("past 29"))).toHaveLength(1);
  }, 120_000);
});

const persistent = { "muc#roomconfig_persistentroom": "1" };
