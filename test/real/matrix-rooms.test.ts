// Alice joins rooms of Matrix as group chats (XEP-0045), on real servers on both sides.
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MatrixPerson, saying } from "../kit/matrix-person.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import { bodyOf, type Person } from "./person.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const muc = "http://jabber.org/protocol/muc";
const patience = { timeoutMs: 20_000 };

describe.each(servers)("rooms of Matrix, on %s", (xmpp) => {
  let stage: MatrixStage;
  let alice: Person;
  let ann: MatrixPerson;
  let room: string;
  const lobby = "#lobby\\3amatrix.test@matrix.localhost";
  beforeAll(async () => {
    stage = await setMatrixStage({ xmpp, users: ["alice"], people: ["ann", "al"] });
    ann = await stage.person("ann");
    room = await ann.createRoom({ name: "The lobby", topic: "Come in", public: true, alias: "lobby" });
    await ann.say(room, "before alice came");
    alice = await stage.enter("alice");
    await alice.ask("login");
    await alice.ask("al");
    await alice.ask("secret");
    await stage.online("alice");
  }, 120_000);
  afterAll(() => stage?.stop());

  const inRoom = (nick: string) => (stanza: Element) =>
    stanza.name === "presence" && stanza.attrs.from === `${lobby}/${nick}` && stanza.attrs.type === undefined;
  const said = (nick: string, body: string) => (stanza: Element) =>
    stanza.attrs.type === "groupchat" && stanza.attrs.from === `${lobby}/${nick}` && bodyOf(stanza) === body;

  it("joins by the room's address and sees who is there, and what it is about", async () => {
    alice.send(`<presence to='${lobby}/al'><x xmlns='${muc}'/></presence>`);
    await alice.next(inRoom("ann"), { what: "ann in the room", ...patience });
    const self = await alice.next(inRoom("al"), { what: "herself in the room", ...patience });
    const codes = self.getChild("x", `${muc}#user`)?.getChildren("status") ?? [];
    expect(codes.map((status) => status.attrs.code)).toContain("110");
    const subject = await alice.next((stanza) => stanza.getChild("subject") !== undefined, {
      what: "the subject",
      ...patience,
    });
    expect(subject.getChildText("subject")).toBe("Come in");
    await ann.until(() => ann.members(room).includes("@al:matrix.test"), { what: "al in the room" });
  });

  it("talks, and everybody has it once, in order", async () => {
    for (let n = 0; n < 30; n++) {
      alice.send(`<message to='${lobby}' type='groupchat' id='g${n}'><body>from alice ${n}</body></message>`);
      await ann.say(room, `from ann ${n}`);
    }
    await alice.next(said("ann", "from ann 29"), { what: "the last of ann's", ...patience });
    await alice.next(said("al", "from alice 29"), { what: "her own last", ...patience });
    await ann.next(saying("from alice 29"), { what: "the last of alice's", ...patience });
    const seen = (nick: string) =>
      alice.stanzas
        .filter((stanza) => stanza.attrs.type === "groupchat" && stanza.attrs.from === `${lobby}/${nick}`)
        .map(bodyOf)
        .filter((body) => body.startsWith("from "));
    const all = (who: string) => Array.from({ length: 30 }, (_, n) => `from ${who} ${n}`);
    expect(seen("ann")).toEqual(all("ann"));
    expect(seen("al")).toEqual(all("alice"));
    const own = alice.stanzas.find(said("al", "from alice 7"));
    expect(own?.attrs.id).toBe("g7");
    const arrived = ann.all.map((event) => String(event.content.body)).filter((body) => body.startsWith("from alice"));
    expect(arrived).toEqual(all("alice"));
  }, 60_000);

  it("is still in the room after the gateway was restarted, and has what was said meanwhile", async () => {
    await stage.stopGateway();
    await ann.say(room, "while the gateway was away");
    await stage.startGateway();
    await alice.next(said("ann", "while the gateway was away"), { what: "it", ...patience });
  });

  it("sees a reaction, a correction and a retraction", async () => {
    const id = await ann.say(room, "teh word");
    const first = await alice.next(said("ann", "teh word"), { what: "the message", ...patience });
    await ann.edit(room, id, "the word");
    const edit = await alice.next(said("ann", "the word"), { what: "the correction", ...patience });
    expect(edit.getChild("replace")?.attrs.id).toBe(first.attrs.id);
    await ann.redact(room, id);
    await alice.next((stanza) => stanza.getChild("retract") !== undefined, { what: "the retraction", ...patience });
  });

  it("is kicked, and told by whom and why", async () => {
    await ann.kick(room, "@al:matrix.test", "enough");
    const gone = await alice.next(
      (stanza) => stanza.attrs.from === `${lobby}/al` && stanza.attrs.type === "unavailable",
      { what: "the kick", ...patience },
    );
    const codes =
      gone
        .getChild("x", `${muc}#user`)
        ?.getChildren("status")
        .map((one) => one.attrs.code) ?? [];
    expect(codes).toEqual(expect.arrayContaining(["110", "307"]));
    expect(gone.getChild("x")?.getChild("item")?.getChildText("reason")).toBe("enough");
  });

  it("is invited to a room that is closed, and comes in", async () => {
    const closed = await ann.createRoom({ name: "Cabinet", invite: ["@al:matrix.test"] });
    const invitation = await alice.next(
      (stanza) => stanza.getChild("x", `${muc}#user`)?.getChild("invite") !== undefined,
      { what: "the invitation", ...patience },
    );
    const jid = String(invitation.attrs.from);
    alice.send(`<presence to='${jid}/al'><x xmlns='${muc}'/></presence>`);
    await alice.next((stanza) => stanza.attrs.from === `${jid}/al`, { what: "herself in it", ...patience });
    await ann.until(() => ann.members(closed).includes("@al:matrix.test"), { what: "al in the room" });
  });
});
