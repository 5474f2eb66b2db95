// Rooms that one has to knock at, on real servers on both sides.
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MatrixPerson, SeenEvent } from "../kit/matrix-person.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import { bodyOf, type Person, readError } from "./person.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const muc = "http://jabber.org/protocol/muc";
const patience = { timeoutMs: 20_000 };

describe.each(servers)("rooms with a door, on %s", (xmpp) => {
  let stage: MatrixStage;
  let alice: Person;
  let ann: MatrixPerson;
  let ben: MatrixPerson;
  let club: string;
  const jid = "#club\\3amatrix.test@matrix.localhost";
  beforeAll(async () => {
    stage = await setMatrixStage({ xmpp, users: ["alice"], people: ["ann", "al", "ben"] });
    ann = await stage.person("ann");
    ben = await stage.person("ben");
    club = await ann.createRoom({ name: "The club", alias: "club" });
    await ann.client.sendStateEvent(club, "m.room.join_rules" as never, { join_rule: "knock" } as never);
    alice = await stage.enter("alice");
    await alice.signIn("al", "secret");
    await stage.online("alice");
  }, 120_000);
  afterAll(() => stage?.stop());

  const membership = (user: string, state: string) => (event: SeenEvent) =>
    event.room_id === club && event.state_key === user && event.content["membership"] === state;
  const enter = () => alice.send(`<presence to='${jid}/al'><x xmlns='${muc}'/></presence>`);

  const knock = async () => {
    enter();
    const isError = (stanza: Element) => stanza.name === "presence" && stanza.attrs.type === "error";
    const error = readError(await alice.next(isError, { what: "the answer", ...patience }));
    expect(error.condition).toBe("registration-required");
    expect(error.text).toBe("You have knocked at this room. When somebody lets you in, you get an invitation.");
    await ann.next(membership("@al:matrix.test", "knock"), { what: "the knock", ...patience });
  };

  it("are knocked at when alice joins, and say when she is not let in", async () => {
    await knock();
    await ann.kick(club, "@al:matrix.test", "members only tonight");
    expect(await alice.notice()).toBe('You were not let into The club. "members only tonight"');
  });

  it("invite her when she is let in", async () => {
    await knock();
    await ann.invite(club, "@al:matrix.test");
    await alice.next((stanza) => stanza.getChild("x", `${muc}#user`)?.getChild("invite") !== undefined, {
      what: "the invitation",
      ...patience,
    });
    enter();
    await alice.next((stanza) => stanza.attrs.from === `${jid}/al` && stanza.attrs.type === undefined, {
      what: "herself in it",
      ...patience,
    });
  });

  it("show her who knocks, and she lets one in and another one not", async () => {
    await ann.client.setPowerLevel(club, "@al:matrix.test", 50);
    await ben.client.knockRoom(club, { reason: "it rains" });
    const text = 'ben (@ben:matrix.test) asks to be let in. "it rains" Who may invite can let them in by that.';
    const line = await alice.next((stanza) => bodyOf(stanza) === text, { what: "the knock", ...patience });
    expect(line.attrs.from).toBe(jid);
    await ann.next(membership("@ben:matrix.test", "knock"), { what: "the first knock", ...patience });
    expect(await alice.ask("knocks")).toContain("1: ben <@ben:matrix.test> at The club");
    await alice.ask("1");
    expect(await alice.ask("no")).toBe("@ben:matrix.test was refused.");
    await ann.next(membership("@ben:matrix.test", "leave"), { what: "ben refused", ...patience });
    const isOut = () => ben.client.getRoom(club)?.getMyMembership() === "leave";
    await ben.until(isOut, { what: "the refusal at ben's", ...patience });
    await ben.client.knockRoom(club);
    await ann.next(membership("@ben:matrix.test", "knock"), { what: "the second knock", ...patience });
    await alice.next((stanza) => bodyOf(stanza).startsWith("ben (@ben:matrix.test) asks"), { what: "it", ...patience });
    await alice.ask("knocks");
    await alice.ask("1");
    expect(await alice.ask("yes")).toBe("@ben:matrix.test is invited.");
    await ann.next(membership("@ben:matrix.test", "invite"), { what: "ben invited", ...patience });
    const nobody = "Nobody asks to be let into a room of yours.";
    await expect.poll(() => alice.ask("knocks"), { timeout: 20_000 }).toBe(nobody);
  });
});
