// Matrix users take part in group chats of XMPP (XEP-0045), on real servers on both sides.
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MatrixPerson, saying, type SeenEvent } from "../kit/matrix-person.ts";
import type { XmppClient } from "../kit/xmpp-client.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { aliasOf, type GroupChatStage, makeRoom, setGroupChatStage } from "./groupchat-stage.ts";
import { bodyOf } from "./person.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const patience = { timeoutMs: 30_000 };

describe.each(servers)("a group chat of XMPP, on %s", (xmpp) => {
  let stage: GroupChatStage;
  let alice: XmppClient;
  let bob: MatrixPerson;
  let room: string;
  const lounge = "lounge@rooms.localhost";
  beforeAll(async () => {
    stage = await setGroupChatStage({ xmpp, users: ["alice"], people: ["bob", "carol"] });
    alice = await stage.enter("alice");
    await makeRoom(alice, "lounge", "alice");
    alice.send(`<message to='${lounge}' type='groupchat' id='s1'><subject>Come in</subject></message>`);
    bob = await stage.person("bob");
  }, 120_000);
  afterAll(() => stage?.stop());

  const here = (nick: string) => (stanza: Element) =>
    stanza.name === "presence" && stanza.attrs.from === `${lounge}/${nick}` && stanza.attrs.type === undefined;
  const gone = (nick: string) => (stanza: Element) =>
    stanza.name === "presence" && stanza.attrs.from === `${lounge}/${nick}` && stanza.attrs.type === "unavailable";
  const said = (nick: string, body: string) => (stanza: Element) =>
    stanza.attrs.type === "groupchat" && stanza.attrs.from === `${lounge}/${nick}` && bodyOf(stanza) === body;
  const say = (body: string, id: string, extra = "") =>
    alice.message({ to: lounge, type: "groupchat", id, body, extra });
  const heard = (nick: string) =>
    alice.stanzas
      .filter((stanza) => stanza.attrs.type === "groupchat" && stanza.attrs.from === `${lounge}/${nick}`)
      .map(bodyOf)
      .filter((body) => body.startsWith("from "));
  const seen = () =>
    bob.all.map((event) => String(event.content["body"])).filter((body) => body.startsWith("from alice"));
  const all = (who: string, from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) => `from ${who} ${from + n}`);

  it("is joined by its alias, with its name and subject", async () => {
    room = await bob.join(aliasOf("lounge"));
    await alice.next(here("bob"), { what: "bob in the room", ...patience });
    await bob.until(
      () =>
        bob.client.getRoom(room)?.currentState.getStateEvents("m.room.topic", "")?.getContent()["topic"] === "Come in",
      {
        what: "the subject",
        ...patience,
      },
    );
  }, 60_000);

  it("carries 50 messages each way, once and in order, over a restart in their middle", async () => {
    for (let n = 0; n < 25; n++) {
      say(`from alice ${n}`, `a${n}`);
      await bob.say(room, `from bob ${n}`);
    }
    await stage.stopGateway();
    for (let n = 25; n < 50; n++) {
      say(`from alice ${n}`, `a${n}`);
      await bob.say(room, `from bob ${n}`);
    }
    await stage.startGateway();
    await alice.next(said("bob", "from bob 49"), { what: "the last of bob's", ...patience });
    await bob.next(saying("from alice 49"), { what: "the last of alice's", ...patience });
    expect(heard("bob")).toEqual(all("bob", 0, 50));
    expect(seen()).toEqual(all("alice", 0, 50));
  }, 90_000);

  it("shows a correction, a reaction, an answer and a retraction of alice's", async () => {
    say("teh word", "w1");
    const word = await bob.next(saying("teh word"), { what: "the message", ...patience });
    expect(word.sender).toMatch(/^@_xmpp_lounge=o[0-9a-f]{32}:matrix\.test$/);
    say("the word", "w2", "<replace xmlns='urn:xmpp:message-correct:0' id='w1'/>");
    const edit = await bob.next(isEditOf(word), { what: "the correction", ...patience });
    expect(edit.sender).toBe(word.sender);
    const own = await alice.next(said("alice", "teh word"), patience);
    const id = stanzaIdOf(own);
    alice.send(
      `<message to='${lounge}' type='groupchat' id='w3'><reactions xmlns='urn:xmpp:reactions:0' id='${id}'><reaction>👍</reaction></reactions></message>`,
    );
    const reaction = await bob.next(({ type }) => type === "m.reaction", { what: "the reaction", ...patience });
    expect(reaction.content["m.relates_to"]).toMatchObject({ event_id: word.event_id, key: "👍" });
    say("because", "w4", `<reply xmlns='urn:xmpp:reply:0' id='${id}'/>`);
    const answer = await bob.next(saying("because"), { what: "the answer", ...patience });
    expect(answer.content["m.relates_to"]).toMatchObject({ "m.in_reply_to": { event_id: word.event_id } });
    alice.send(
      `<message to='${lounge}' type='groupchat' id='w5'><retract xmlns='urn:xmpp:message-retract:1' id='${id}'/><body>gone</body></message>`,
    );
    const redaction = await bob.next(({ type }) => type === "m.room.redaction", {
      what: "the retraction",
      ...patience,
    });
    expect(redaction.content["redacts"]).toBe(word.event_id);
  }, 60_000);

  it("shows a correction, a reaction, an answer and a retraction of bob's", async () => {
    const event = await bob.say(room, "hte other");
    const first = await alice.next(said("bob", "hte other"), { what: "the message", ...patience });
    const id = stanzaIdOf(first);
    await bob.edit(room, event, "the other");
    const edit = await alice.next(said("bob", "the other"), { what: "the correction", ...patience });
    expect(edit.getChild("replace")?.attrs.id).toBe(first.attrs.id);
    await bob.react(room, event, "🎉");
    const reaction = await alice.next(
      (stanza) => stanza.getChild("reactions") !== undefined && stanza.attrs.from === `${lounge}/bob`,
      {
        what: "the reaction",
        ...patience,
      },
    );
    expect(reaction.getChild("reactions")?.attrs.id).toBe(id);
    expect(reaction.getChild("reactions")?.getChildText("reaction")).toBe("🎉");
    await bob.reply(room, event, "and why");
    const answer = await alice.next(said("bob", "and why"), { what: "the answer", ...patience });
    expect(answer.getChild("reply")?.attrs.id).toBe(id);
    await bob.redact(room, event);
    const retraction = await alice.next(
      (stanza) => stanza.getChild("retract") !== undefined && stanza.attrs.from === `${lounge}/bob`,
      { what: "the retraction", ...patience },
    );
    expect(retraction.getChild("retract")?.attrs.id).toBe(id);
  }, 60_000);

  it("lets the people of Matrix in as themselves, under nicks that nobody else has", async () => {
    const carol = await stage.person("carol");
    await carol.setName("alice");
    const carols = await carol.join(aliasOf("lounge"));
    expect(carols).toBe(room);
    await alice.next(here("alice (@carol:matrix.test)"), { what: "carol under another nick", ...patience });
    await carol.say(carols, "it is me");
    await alice.next(said("alice (@carol:matrix.test)", "it is me"), { what: "carol's words", ...patience });
    await carol.leave(carols);
    await alice.next(gone("alice (@carol:matrix.test)"), { what: "carol gone", ...patience });
    expect(bob.all.filter(saying("it is me"))).toHaveLength(1);
  }, 60_000);

  it("carries a file each way", async () => {
    await bob.sendFile(room, { bytes: new TextEncoder().encode("tea"), name: "tea.txt", mimetype: "text/plain" });
    const file = await alice.next(
      (stanza) => stanza.attrs.from === `${lounge}/bob` && stanza.getChild("x", "jabber:x:oob") !== undefined,
      { what: "the file", ...patience },
    );
    expect(await (await fetch(bodyOf(file))).text()).toBe("tea");
    say(bodyOf(file), "f1", `<x xmlns='jabber:x:oob'><url>${bodyOf(file)}</url></x>`);
    const event = await bob.next(({ content, sender }) => content["msgtype"] === "m.file" && sender !== bob.userId, {
      what: "the file",
      ...patience,
    });
    expect(event.content["body"]).toBe("tea.txt");
  }, 60_000);

  it("shows who leaves the chat after they spoke, and who is put out of it", async () => {
    const event = bob.all.find(({ content, sender }) => content["body"] === "because" && sender !== bob.userId);
    alice.send(`<presence type='unavailable' to='${lounge}/alice'/>`);
    await bob.next(
      ({ type, state_key, content }) =>
        type === "m.room.member" && state_key === event?.sender && content["membership"] === "leave",
      { what: "alice gone", ...patience },
    );
    alice.send(`<presence to='${lounge}/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await alice.next((stanza) => stanza.attrs.from === `${lounge}/alice` && stanza.attrs.type === undefined, patience);
    await alice.request(
      `<iq type='set' to='${lounge}'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='bob' role='none'><reason>enough</reason></item></query></iq>`,
    );
    const kick = await bob.next(
      ({ type, state_key, content }) =>
        type === "m.room.member" && state_key === bob.userId && content["membership"] === "leave",
      { what: "the kick", ...patience },
    );
    expect(kick.content["reason"]).toBe("Kicked from the group chat: enough");
  }, 60_000);
});

describe.each(servers)("a group chat of XMPP without an archive, on %s", (xmpp) => {
  let stage: GroupChatStage;
  beforeAll(async () => {
    stage = await setGroupChatStage({ xmpp, users: ["alice"], people: ["bob"], archive: false });
  }, 120_000);
  afterAll(() => stage?.stop());

  it("is caught up with from its history, once and in order", async () => {
    const alice = await stage.enter("alice");
    const hall = await makeRoom(alice, "hall", "alice");
    const bob = await stage.person("bob");
    const room = await bob.join(aliasOf("hall"));
    await alice.next(({ attrs }) => attrs.from === `${hall}/bob`, { what: "bob in the hall", ...patience });
    const say = (n: number) => alice.message({ to: hall, type: "groupchat", id: `a${n}`, body: `from alice ${n}` });
    for (let n = 0; n < 5; n++) say(n);
    await bob.next(saying("from alice 4"), { what: "the fifth", ...patience });
    await stage.stopGateway();
    for (let n = 5; n < 10; n++) say(n);
    await bob.say(room, "from bob");
    await stage.startGateway();
    await bob.next(saying("from alice 9"), { what: "the last", ...patience });
    await alice.next((stanza) => bodyOf(stanza) === "from bob", { what: "bob's words", ...patience });
    say(10);
    await bob.next(saying("from alice 10"), { what: "one more", ...patience });
    const seen = bob.all.map(({ content }) => String(content["body"])).filter((body) => body.startsWith("from alice"));
    expect(seen).toEqual(Array.from({ length: 11 }, (_, n) => `from alice ${n}`));
    expect(alice.stanzas.filter((stanza) => bodyOf(stanza) === "from bob")).toHaveLength(1);
  }, 60_000);
});

const stanzaIdOf = (stanza: Element): string => String(stanza.getChild("stanza-id", "urn:xmpp:sid:0")?.attrs.id);
const isEditOf =
  (event: SeenEvent) =>
  ({ content }: SeenEvent): boolean => {
    const relation = content["m.relates_to"] as { readonly rel_type?: string; readonly event_id?: string } | undefined;
    return relation?.rel_type === "m.replace" && relation.event_id === event.event_id;
  };
