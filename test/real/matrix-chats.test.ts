// What is a chat with a person and what a group chat may change, on real servers on both sides.
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MatrixPerson, saying } from "../kit/matrix-person.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import { bare, bodyOf, type Person, readError } from "./person.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const muc = "http://jabber.org/protocol/muc";
const patience = { timeoutMs: 20_000 };

describe.each(servers)("chats of two and group chats, on %s", (xmpp) => {
  let stage: MatrixStage;
  let alice: Person;
  let ann: MatrixPerson;
  let al: MatrixPerson;
  let chat: string;
  beforeAll(async () => {
    stage = await setMatrixStage({ xmpp, users: ["alice"], people: ["ann", "al", "ben"] });
    ann = await stage.person("ann");
    al = await stage.person("al");
    alice = await stage.enter("alice");
    await alice.signIn("al", "secret");
    await stage.online("alice");
    chat = await ann.createDm("@al:matrix.test");
    await alice.hear("@ann:matrix.test");
    alice.write("@ann:matrix.test", "hello ann");
    await ann.next(saying("hello ann"), { what: "the first word", ...patience });
  }, 120_000);
  afterAll(() => stage?.stop());

  const here = (jid: string) => (stanza: Element) =>
    stanza.name === "presence" && stanza.attrs.from === jid && stanza.attrs.type === undefined;
  const invitation = async (what: string): Promise<string> => {
    const isIt = (stanza: Element) => stanza.getChild("x", `${muc}#user`)?.getChild("invite") !== undefined;
    return bare(await alice.next(isIt, { what, ...patience }));
  };
  const enter = async (jid: string): Promise<void> => {
    alice.send(`<presence to='${jid}/al'><x xmlns='${muc}'/></presence>`);
    await alice.next(here(`${jid}/al`), { what: "herself in it", ...patience });
  };
  const heard = async (body: string): Promise<Element> =>
    alice.next((stanza) => bodyOf(stanza) === body, { what: `"${body}"`, ...patience });
  /** The rooms that m.direct names as chats with Ann. */
  const direct = async (): Promise<readonly string[]> => {
    const content = await al.client.getAccountDataFromServer("m.direct" as never);
    return (content as Record<string, string[]> | null)?.["@ann:matrix.test"] ?? [];
  };

  it("makes a chat a group chat, and a chat again, and m.direct says the same", async () => {
    await expect.poll(direct, { timeout: 20_000 }).toEqual([chat]);
    expect(await alice.ask("switch ann")).toContain("(@ann:matrix.test), now a chat");
    expect(await alice.ask("1")).toBe(
      "Your chat with @ann:matrix.test is a group chat now: you have an invitation to it.",
    );
    const jid = await invitation("the invitation to the group chat");
    await enter(jid);
    await expect.poll(direct, { timeout: 20_000 }).toEqual([]);
    await ann.say(chat, "in a group of two");
    expect((await heard("in a group of two")).attrs.from).toBe(`${jid}/ann`);

    expect(await alice.ask("switch ann")).toContain("(@ann:matrix.test), now a group chat");
    expect(await alice.ask("1")).toBe("The group chat is your chat with @ann:matrix.test now.");
    await alice.next((stanza) => stanza.attrs.from === `${jid}/al` && stanza.attrs.type === "unavailable", {
      what: "the end of the group chat",
      ...patience,
    });
    await expect.poll(direct, { timeout: 20_000 }).toEqual([chat]);
    await ann.say(chat, "among us");
    expect(bare(await heard("among us"))).toBe("ann\\3amatrix.test@matrix.localhost");
    alice.write("@ann:matrix.test", "among us indeed");
    expect((await ann.next(saying("among us indeed"), { what: "her answer", ...patience })).room_id).toBe(chat);
  });

  it("follows when another client says what a chat is", async () => {
    await al.client.setAccountData("m.direct" as never, {} as never);
    const jid = await invitation("the invitation after m.direct was emptied");
    await ann.say(chat, "a group by another client");
    await enter(jid);
    await al.client.setAccountData("m.direct" as never, { "@ann:matrix.test": [chat] } as never);
    await alice.next((stanza) => stanza.attrs.from === `${jid}/al` && stanza.attrs.type === "unavailable", {
      what: "the end of the group chat",
      ...patience,
    });
    await ann.say(chat, "a chat by another client");
    expect(bare(await heard("a chat by another client"))).toBe("ann\\3amatrix.test@matrix.localhost");
  });

  it("has the newest of several chats as the chat, and the others as rooms", async () => {
    const second = await ann.createDm("@al:matrix.test");
    await ann.say(second, "in a second chat");
    await al.join(second);
    await heard("in a second chat");
    alice.write("@ann:matrix.test", "to the second");
    expect((await ann.next(saying("to the second"), { what: "her answer", ...patience })).room_id).toBe(second);
    const offer = await alice.ask("rooms ann");
    expect(offer).toContain("You have an invitation to ann now");
    const jid = await invitation("the invitation to the older chat");
    await enter(jid);
    alice.send(`<message to='${jid}' type='groupchat' id='old1'><body>to the first</body></message>`);
    expect((await ann.next(saying("to the first"), { what: "it", ...patience })).room_id).toBe(chat);
    await ann.say(chat, "from the first");
    expect((await heard("from the first")).attrs.from).toBe(`${jid}/ann`);
    await ann.say(second, "from the second");
    expect(bare(await heard("from the second"))).toBe("ann\\3amatrix.test@matrix.localhost");
  });

  it("makes a chat a group chat when a third one comes", async () => {
    const third = await ann.createDm("@al:matrix.test");
    await al.join(third);
    await ann.say(third, "still the two of us");
    expect(bare(await heard("still the two of us"))).toBe("ann\\3amatrix.test@matrix.localhost");
    await ann.invite(third, "@ben:matrix.test");
    const jid = await invitation("the invitation to what is a group chat now");
    await enter(jid);
    await ann.say(third, "now three");
    expect((await heard("now three")).attrs.from).toBe(`${jid}/ann`);
    await expect.poll(direct, { timeout: 20_000 }).toContain(third);
  });

  it("offers no space as a chat", async () => {
    const options = { name: "Everything", creation_content: { type: "m.space" }, room_alias_name: "everything" };
    await ann.client.createRoom({ ...options, preset: "public_chat" as never });
    await al.client.joinRoom("#everything:matrix.test");
    const jid = "#everything\\3amatrix.test@matrix.localhost";
    alice.send(`<presence to='${jid}/al'><x xmlns='${muc}'/></presence>`);
    const isError = (stanza: Element) => stanza.name === "presence" && stanza.attrs.type === "error";
    const error = readError(await alice.next(isError, { what: "the refusal", ...patience }));
    expect(error.condition).toBe("not-acceptable");
    expect(error.text).toBe("Everything is a space, which holds rooms and is no chat. You are a member of it now.");
    expect(await alice.ask("rooms everything")).not.toContain("invitation");
    const isOffer = (stanza: Element) => stanza.getChild("x", `${muc}#user`)?.getChild("invite") !== undefined;
    expect(alice.stanzas.filter(isOffer).map(bare)).not.toContain(jid);
  });
});
