// What is said in a room of Matrix and what is said of it, beyond words: on real servers on both sides.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MatrixPerson, saying, type SeenEvent } from "../kit/matrix-person.ts";
import { sentEvents } from "../bridges/matrix/event-schemas.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import { bodyOf, type Person, readError } from "./person.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const muc = "http://jabber.org/protocol/muc";
const patience = { timeoutMs: 20_000 };
const lobby = "#lobby\\3amatrix.test@matrix.localhost";

describe.each(servers)("what is said in a room of Matrix, on %s", (xmpp) => {
  let stage: MatrixStage;
  let alice: Person;
  let ann: MatrixPerson;
  let ben: MatrixPerson;
  let room: string;
  beforeAll(async () => {
    stage = await setMatrixStage({ xmpp, users: ["alice"], people: ["ann", "ben", "al"] });
    ann = await stage.person("ann");
    ben = await stage.person("ben");
    room = await ann.createRoom({ name: "The lobby", public: true, alias: "lobby" });
    await ben.join("#lobby:matrix.test");
    alice = await stage.enter("alice");
    await alice.signIn("al", "secret");
    await stage.online("alice");
    alice.send(`<presence to='${lobby}/al'><x xmlns='${muc}'/></presence>`);
    await alice.next((stanza) => stanza.getChild("subject") !== undefined, { what: "the room", ...patience });
  }, 120_000);
  afterAll(() => stage?.stop());

  const said = (nick: string, body: string) => (stanza: Element) =>
    stanza.attrs.type === "groupchat" && stanza.attrs.from === `${lobby}/${nick}` && bodyOf(stanza) === body;
  const heard = (nick: string, body: string) => alice.next(said(nick, body), { what: body, ...patience });
  const stanzaId = (stanza: Element) => String(stanza.getChild("stanza-id")?.attrs.id);
  const write = (id: string, body: string, more = "") =>
    alice.send(`<message to='${lobby}' type='groupchat' id='${id}'><body>${body}</body>${more}</message>`);

  describe("mentions (XEP-0372)", () => {
    const pill = '<a href="https://matrix.to/#/@ann:matrix.test">ann</a>';
    const reference = (stanza: Element) => stanza.getChild("reference", "urn:xmpp:reference:0")?.attrs;

    it("go out by nick and by reference, as pills", async () => {
      write("men1", "ann: look");
      const byNick = await ann.next(saying("ann: look"), { what: "the mention by nick" });
      expect(byNick.content).toMatchObject({
        formatted_body: `${pill}: look`,
        "m.mentions": { user_ids: ["@ann:matrix.test"] },
      });
      const uri = "xmpp:ann%5C3amatrix.test@matrix.localhost";
      const mention = `<reference xmlns='urn:xmpp:reference:0' type='mention' begin='6' end='9' uri='${uri}'/>`;
      write("men2", "hello Ann", mention);
      const byReference = await ann.next(saying("hello Ann"), { what: "the mention by reference" });
      expect(byReference.content).toMatchObject({
        formatted_body: `hello ${pill.replace("ann</a>", "Ann</a>")}`,
        "m.mentions": { user_ids: ["@ann:matrix.test"] },
      });
      const reflected = await heard("al", "ann: look");
      expect(reference(reflected)).toEqual({
        xmlns: "urn:xmpp:reference:0",
        type: "mention",
        begin: "0",
        end: "3",
        uri,
      });
      write("men3", "annotated");
      const none = await ann.next(saying("annotated"), { what: "no mention" });
      expect(none.content).toEqual({ msgtype: "m.text", body: "annotated", "m.mentions": {} });
    });

    it("come in as references, with the nick in the body", async () => {
      const mention = { user_ids: ["@al:matrix.test"] };
      await ann.say(room, "al: tea?", { "m.mentions": mention });
      expect(reference(await heard("ann", "al: tea?"))).toEqual({
        xmlns: "urn:xmpp:reference:0",
        type: "mention",
        begin: "0",
        end: "2",
        uri: "xmpp:alice@localhost",
      });
      await ann.say(room, "@room dinner", { "m.mentions": { room: true } });
      const call = await heard("ann", "al:\n@room dinner");
      expect(reference(call)).toMatchObject({ begin: "0", end: "2", uri: "xmpp:alice@localhost" });
      const mark = call.getChild("fallback", "urn:xmpp:fallback:0")?.getChild("body");
      expect(mark?.attrs).toEqual({ start: "0", end: "4" });
    });
  });

  describe("pictures", () => {
    const sfs = "urn:xmpp:sfs:0";
    const thumbs = "urn:xmpp:thumbs:1";

    it("come with a thumbnail that can be fetched by a link of its own", async () => {
      const small = Buffer.from("a small picture");
      const info = {
        w: 640,
        h: 480,
        "xyz.amorgan.blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        thumbnail_url: await ann.upload(small, "image/jpeg"),
        thumbnail_info: { mimetype: "image/jpeg", w: 64, h: 48, size: small.length },
      };
      await ann.sendFile(room, { bytes: Buffer.from("a big picture"), name: "cat.png", mimetype: "image/png", info });
      const stanza = await alice.next((one) => one.getChild("file-sharing", sfs) !== undefined, {
        what: "the picture",
        ...patience,
      });
      const file = stanza.getChild("file-sharing", sfs)?.getChild("file");
      expect([file?.getChildText("width"), file?.getChildText("height")]).toEqual(["640", "480"]);
      const [thumbnail, colours] = file?.getChildren("thumbnail", thumbs) ?? [];
      expect(thumbnail?.attrs).toMatchObject({ "media-type": "image/jpeg", width: "64", height: "48" });
      expect(colours?.attrs.uri).toBe("data:image/blurhash,LEHV6nWB2yk8pyo0adR*.7kCMdnj");
      expect(await (await fetch(String(thumbnail?.attrs.uri))).text()).toBe("a small picture");
      expect(await (await fetch(bodyOf(stanza))).text()).toBe("a big picture");
    });

    it("go out with the size that the client tells", async () => {
      const server = createServer((_, answer) => answer.setHeader("content-type", "image/png").end("a picture"));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dog.png`;
      const about = "<media-type>image/png</media-type><width>320</width><height>200</height>";
      write(
        "pic1",
        url,
        `<file-sharing xmlns='${sfs}'><file xmlns='urn:xmpp:file:metadata:0'>${about}</file><sources>` +
          `<url-data xmlns='http://jabber.org/protocol/url-data' target='${url}'/></sources></file-sharing>`,
      );
      const { content } = await ann.next(saying("dog.png"), { what: "the picture" });
      expect(content).toMatchObject({
        msgtype: "m.image",
        info: { mimetype: "image/png", size: 9, w: 320, h: 200 },
        "m.mentions": {},
      });
      server.close();
    });
  });

  it("a thread that alice's client names is one on Matrix, and what is said there comes back in it", async () => {
    const inThread = "<thread>made-up-1</thread>";
    write("t1", "about tea", inThread);
    const first = await ann.next(saying("about tea"), { what: "the first" });
    expect(first.content).not.toHaveProperty("m.relates_to");
    await heard("al", "about tea");
    write("t2", "black or green?", inThread);
    const second = await ann.next(saying("black or green?"), { what: "the second" });
    const thread = { rel_type: "m.thread", event_id: first.event_id, is_falling_back: true };
    expect(second.content["m.relates_to"]).toEqual({ ...thread, "m.in_reply_to": { event_id: first.event_id } });
    const last = { ...thread, "m.in_reply_to": { event_id: second.event_id } };
    await ann.say(room, "green", { "m.relates_to": last });
    expect((await heard("ann", "green")).getChildText("thread")).toBe("made-up-1");
    write("t3", "for me too", inThread);
    const third = await ann.next(saying("for me too"), { what: "the third" });
    expect(third.content["m.relates_to"]).toMatchObject({ rel_type: "m.thread", event_id: first.event_id });
  });

  describe("polls", () => {
    const draft = "org.matrix.msc3381.poll";
    const answer = (id: string, words: string) => ({ id, "org.matrix.msc1767.text": words });

    it("are shown, voted in by a number in reply, and counted at their end", async () => {
      const question = { "org.matrix.msc1767.text": "Where?", body: "Where?" };
      const answers = [answer("id-paris", "Paris"), answer("id-rome", "Rome")];
      const start = { [`${draft}.start`]: { question, answers, max_selections: 1, kind: `${draft}.disclosed` } };
      const poll = await ann.send(room, { ...start, "org.matrix.msc1767.text": "Where?" }, `${draft}.start`);
      const text = "Poll: Where?\n1. Paris\n2. Rome\n(Reply to this message with a number to vote.)";
      const shown = await heard("ann", text);
      write("vote1", "2", `<reply xmlns='urn:xmpp:reply:0' id='${stanzaId(shown)}' to='${lobby}/ann'/>`);
      const isVote = ({ type }: SeenEvent) => type === `${draft}.response`;
      const vote = await ann.next(isVote, { what: "alice's vote" });
      expect([vote.sender, vote.content]).toEqual([
        "@al:matrix.test",
        {
          "m.relates_to": { rel_type: "m.reference", event_id: poll },
          [`${draft}.response`]: { answers: ["id-rome"] },
        },
      ]);
      const about = { "m.relates_to": { rel_type: "m.reference", event_id: poll } };
      await ben.send(room, { ...about, [`${draft}.response`]: { answers: ["id-paris"] } }, `${draft}.response`);
      await heard("ben", "/me voted in the poll.");
      await ben.send(room, { ...about, [`${draft}.response`]: { answers: ["id-rome"] } }, `${draft}.response`);
      await heard("ben", "/me voted in the poll.");
      await ann.send(room, { ...about, [`${draft}.end`]: {}, "org.matrix.msc1767.text": "It is over" }, `${draft}.end`);
      await heard("ann", "The poll has ended: Where?\n1. Paris: 0 votes\n2. Rome: 2 votes");
    });
  });

  describe("moderation (XEP-0425)", () => {
    const moderate = (id: string, target: string) =>
      alice.send(
        `<iq type='set' id='${id}' to='${lobby}'><moderate xmlns='urn:xmpp:message-moderate:1' id='${target}'>` +
          "<retract xmlns='urn:xmpp:message-retract:1'/><reason>Spam</reason></moderate></iq>",
      );
    const answerTo = (id: string) =>
      alice.next((stanza) => stanza.name === "iq" && stanza.attrs.id === id, {
        what: `the answer to ${id}`,
        ...patience,
      });
    const moderation = (target: string) =>
      alice.next((stanza) => stanza.getChild("retract")?.attrs.id === target && stanza.attrs.from === lobby, {
        what: "the moderation",
        ...patience,
      });
    const redactionOf =
      (event: string) =>
      ({ type, content }: SeenEvent) =>
        type === "m.room.redaction" && content["redacts"] === event;

    it("is refused where the room does not let alice, and nothing is lost", async () => {
      await ben.say(room, "mild spam");
      const target = stanzaId(await heard("ben", "mild spam"));
      moderate("mod1", target);
      const { condition, text } = readError(await answerTo("mod1"));
      expect(condition).toBe("forbidden");
      expect(text).toContain("permission");
    });

    it("takes ben's message back when alice is a moderator, and everybody is told why", async () => {
      await ann.client.setPowerLevel(room, "@al:matrix.test", 50);
      const moderator = (stanza: Element) =>
        stanza.attrs.from === `${lobby}/al` &&
        stanza.getChild("x", `${muc}#user`)?.getChild("item")?.attrs.role === "moderator";
      await alice.next(moderator, { what: "alice as a moderator", ...patience });
      const event = await ben.say(room, "spam");
      const target = stanzaId(await heard("ben", "spam"));
      moderate("mod2", target);
      expect((await answerTo("mod2")).attrs.type).toBe("result");
      const retract = (await moderation(target)).getChild("retract");
      expect(retract?.getChild("moderated")?.attrs.by).toBe(`${lobby}/al`);
      expect(retract?.getChildText("reason")).toBe("Spam");
      const redaction = await ben.next(redactionOf(event), { what: "the redaction" });
      expect([redaction.sender, redaction.content["reason"]]).toEqual(["@al:matrix.test", "Spam"]);
    });

    it("comes from Matrix in the name of the room, and an own retraction in the sender's", async () => {
      const event = await ben.say(room, "more spam");
      const target = stanzaId(await heard("ben", "more spam"));
      await ann.redact(room, event, "Enough");
      const retract = (await moderation(target)).getChild("retract");
      expect(retract?.getChild("moderated")?.attrs.by).toBe(`${lobby}/ann`);
      expect(retract?.getChildText("reason")).toBe("Enough");
      const own = await ben.say(room, "regrets");
      const regretted = stanzaId(await heard("ben", "regrets"));
      await ben.redact(room, own);
      const back = await alice.next((stanza) => stanza.getChild("retract")?.attrs.id === regretted, {
        what: "the retraction",
        ...patience,
      });
      expect(back.attrs.from).toBe(`${lobby}/ben`);
      expect(back.getChild("retract")?.getChild("moderated")).toBeUndefined();
    });

    it("does not let alice take back by XEP-0424 what ben said", async () => {
      await ben.say(room, "ham");
      const target = stanzaId(await heard("ben", "ham"));
      write("ret1", "taken back", `<retract xmlns='urn:xmpp:message-retract:1' id='${target}'/>`);
      expect(await alice.errorOn("ret1")).toMatchObject({
        condition: "forbidden",
        text: "This message is not yours to take back.",
      });
      write("own1", "my regrets");
      await heard("al", "my regrets");
      const mine = await ann.next(saying("my regrets"), { what: "alice's message" });
      write("ret2", "taken back", "<retract xmlns='urn:xmpp:message-retract:1' id='own1'/>");
      await ann.next(redactionOf(mine.event_id ?? ""), { what: "alice's redaction" });
    });
  });

  it("all that was sent in alice's name is as the specification wants it", async () => {
    await ann.client.setPowerLevel(room, "@al:matrix.test", 100);
    const owner = (stanza: Element) =>
      stanza.attrs.from === `${lobby}/al` &&
      stanza.getChild("x", `${muc}#user`)?.getChild("item")?.attrs.affiliation === "owner";
    await alice.next(owner, { what: "alice as an owner", ...patience });
    write("e1", "teh end");
    const first = await heard("al", "teh end");
    write("e2", "ann: the *end*", "<replace xmlns='urn:xmpp:message-correct:0' id='e1'/>");
    write(
      "e3",
      "",
      `<reactions xmlns='urn:xmpp:reactions:0' id='${stanzaId(first)}'><reaction>❤</reaction></reactions>`,
    );
    write("e4", "/me waves", "<spoiler xmlns='urn:xmpp:spoiler:0'>how</spoiler>");
    write("e5", "geo:51.5,-0.12");
    await heard("al", "geo:51.5,-0.12");
    alice.send(`<message to='${lobby}' type='groupchat' id='e6'><subject>Done</subject></message>`);
    const admin = (item: string) =>
      alice.request(`<iq type='set' to='${lobby}'><query xmlns='${muc}#admin'>${item}</query></iq>`);
    await admin("<item nick='ben' affiliation='admin'/>");
    await admin("<item nick='ben' role='none'><reason>enough</reason></item>");
    const isKick = ({ type, state_key, content }: SeenEvent) =>
      type === "m.room.member" && state_key === ben.userId && content["membership"] === "leave";
    await ann.next(isKick, { what: "the kick" });
    const sent = ann.all.filter((event) => event.sender === "@al:matrix.test" && event.event_id !== undefined);
    for (const { type, content } of sent) {
      const schema = sentEvents.get(type);
      expect(schema, `a schema of ${type}`).toBeDefined();
      expect(schema?.safeParse(content).error, JSON.stringify(content)).toBeUndefined();
    }
    expect([...new Set(sent.map(({ type }) => type))].toSorted()).toEqual([
      "m.reaction",
      "m.room.member",
      "m.room.message",
      "m.room.power_levels",
      "m.room.redaction",
      "m.room.topic",
      "org.matrix.msc3381.poll.response",
    ]);
  });
});
