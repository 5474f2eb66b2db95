// What was said in a room of Matrix before the gateway was there, and while it was away, on real servers on both sides.
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MatrixPerson, saying } from "../kit/matrix-person.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import { bodyOf, type Person } from "./person.ts";
import { until } from "./stage.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const muc = "http://jabber.org/protocol/muc";
const mam = "urn:xmpp:mam:2";
const patience = { timeoutMs: 20_000 };

describe.each(servers)("the past of a room, on %s", (xmpp) => {
  let stage: MatrixStage;
  let alice: Person;
  let ann: MatrixPerson;
  let room: string;
  let recoveryKey: string;
  const lobby = "#lobby\\3amatrix.test@matrix.localhost";
  beforeAll(async () => {
    stage = await setMatrixStage({ xmpp, users: ["alice"], people: ["ann", "al"] });
    ann = await stage.person("ann", { crypto: true });
    room = await ann.createRoom({ name: "The lobby", public: true, alias: "lobby" });
    for (let n = 1; n <= 150; n++) await ann.say(room, `before ${n}`);
    await ann.edit(room, await ann.say(room, "teh end"), "the end");
    await ann.redact(room, await ann.say(room, "what nobody should read"));
    const al = await stage.person("al", { crypto: true });
    recoveryKey = await al.setUpRecovery();
    const vault = await ann.createRoom({ name: "Vault", encrypted: true, invite: ["@al:matrix.test"] });
    await al.join(vault);
    await ann.until(() => ann.members(vault).includes("@al:matrix.test"), { what: "al in the vault", ...patience });
    await ann.say(vault, "said before she came");
    await al.next(saying("said before she came"), { what: "it", ...patience });
    await until("the key of the vault is in the backup", async () => (await al.backedUpKeys()) > 0);
    alice = await stage.enter("alice");
    await alice.signIn("al", "secret");
    await stage.online("alice");
  }, 120_000);
  afterAll(() => stage?.stop());

  const said = (body: string) => (stanza: Element) => stanza.attrs.type === "groupchat" && bodyOf(stanza) === body;

  /** A page of the archive: texts, and what its end says. */
  async function page(jid: string, set: string, start?: string) {
    const field = (name: string, value: string) => `<field var='${name}'><value>${value}</value></field>`;
    const seen = alice.stanzas.length;
    const answer = await alice.request(
      `<iq type='set' to='${jid}'><query xmlns='${mam}'><x xmlns='jabber:x:data' type='submit'>${field("FORM_TYPE", mam)}
        ${start === undefined ? "" : field("start", start)}</x><set xmlns='http://jabber.org/protocol/rsm'>${set}</set></query></iq>`,
    );
    const fin = answer.getChild("fin", mam);
    const messages = alice.stanzas
      .slice(seen)
      .flatMap((one) => one.getChild("result", mam)?.getChild("forwarded")?.getChild("message") ?? []);
    return {
      texts: messages.map(bodyOf),
      messages,
      complete: fin?.attrs.complete === "true",
      first: fin?.getChild("set")?.getChildText("first"),
    };
  }

  /** Everything, read backwards as clients do. */
  async function all(jid: string): Promise<string[]> {
    const texts: string[] = [];
    for (let first: string | null | undefined = "", complete = false; !complete; ) {
      const next = await page(jid, `<max>60</max><before>${first}</before>`);
      texts.unshift(...next.texts);
      first = next.first;
      complete = next.complete;
    }
    return texts;
  }

  it("is there for a client that comes in, each with the time it was said", async () => {
    alice.send(`<presence to='${lobby}/al'><x xmlns='${muc}'><history maxstanzas='3'/></x></presence>`);
    await alice.next((stanza) => stanza.getChild("subject") !== undefined, { what: "the end of it", ...patience });
    const history = alice.stanzas.filter((one) => one.attrs.type === "groupchat" && bodyOf(one) !== "");
    expect(history.map(bodyOf)).toEqual(["before 149", "before 150", "the end"]);
    expect(history.every((one) => one.getChild("delay", "urn:xmpp:delay") !== undefined)).toBe(true);
    expect(history[0]?.attrs.from).toBe(`${lobby}/ann`);
  });

  it("is read back to the beginning, in order and once, with what is said now", async () => {
    await ann.say(room, "now");
    await alice.next(said("now"), { what: "it", ...patience });
    alice.send(`<message to='${lobby}' type='groupchat' id='own'><body>now, from alice</body></message>`);
    await alice.next(said("now, from alice"), { what: "her own", ...patience });
    const texts = await all(lobby);
    const before = Array.from({ length: 150 }, (_, n) => `before ${n + 1}`);
    expect(texts).toEqual([...before, "the end", "now", "now, from alice"]);
    expect(await all(lobby)).toEqual(texts);
  });

  it("can be answered and reacted to", async () => {
    const { messages } = await page(lobby, "<max>3</max><before/>");
    const [end] = messages.filter((one) => bodyOf(one) === "the end");
    const id = end?.getChild("stanza-id")?.attrs.id as string;
    alice.send(
      `<message to='${lobby}' type='groupchat' id='r1'><reactions xmlns='urn:xmpp:reactions:0' id='${id}'><reaction>👍</reaction></reactions></message>`,
    );
    const reaction = await ann.next(({ type }) => type === "m.reaction", { what: "the reaction", ...patience });
    expect(reaction.sender).toBe("@al:matrix.test");
  });

  it("has what was said while the gateway was away, once, marked with its time, and no gap in the archive", async () => {
    await stage.stopGateway();
    for (let n = 1; n <= 120; n++) await ann.say(room, `away ${n}`);
    await stage.startGateway();
    await alice.next(said("away 120"), { what: "the last of it", ...patience });
    const live = alice.stanzas.filter((one) => one.attrs.type === "groupchat" && bodyOf(one).startsWith("away"));
    const away = Array.from({ length: 120 }, (_, n) => `away ${n + 1}`);
    expect(live.map(bodyOf)).toEqual(away);
    expect((await all(lobby)).filter((text) => text.startsWith("away"))).toEqual(away);
  });

  it("goes back into the version before an upgrade", async () => {
    const { replacement_room: newer } = await ann.client.upgradeRoom(room, "10");
    await ann.until(() => ann.members(newer).includes("@al:matrix.test"), { what: "al in the new one", ...patience });
    await ann.say(newer, "in the new version");
    await alice.next(said("in the new version"), { what: "it", ...patience });
    expect(await all(lobby)).toHaveLength(150 + 1 + 2 + 120 + 3);
  });

  it("of an encrypted room is a line in brackets while its key is missing, and is corrected when that comes", async () => {
    const offer = await alice.ask("rooms vault");
    const jid = /#vault-[a-z0-9]+@matrix\.localhost/.exec(offer)?.[0] ?? "";
    alice.send(`<presence to='${jid}/al'><x xmlns='${muc}'><history maxstanzas='0'/></x></presence>`);
    await alice.next((stanza) => stanza.attrs.from === `${jid}/al`, { what: "herself in it", ...patience });
    const { messages } = await page(jid, "<max>10</max><before/>");
    const placeholder = messages.find((one) => bodyOf(one).startsWith("["));
    expect(placeholder?.attrs.from).toBe(`${jid}/ann`);
    await alice.ask("recover");
    expect(await alice.ask(recoveryKey)).toContain("This gateway is verified now.");
    const corrected = await alice.next(said("said before she came"), { what: "the correction", ...patience });
    expect(corrected.getChild("replace")?.attrs.id).toBe(placeholder?.attrs.id);
  });
});
