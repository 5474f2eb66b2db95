// Alice talks to people on Matrix from her XMPP client, with a Matrix account of her own, on real servers on both sides.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MatrixPerson, saying } from "../kit/matrix-person.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import { bodyOf, type Person, wantsReceipt } from "./person.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];

describe.each(servers)("a Matrix account, on %s", (xmpp) => {
  let stage: MatrixStage;
  let alice: Person;
  let person: MatrixPerson;
  /** Of the direct chat. */
  let room: string;
  const ann = "@ann:matrix.test";
  beforeAll(async () => {
    stage = await setMatrixStage({ xmpp, users: ["alice"], people: ["ann", "al"] });
    alice = await stage.enter("alice");
    person = await stage.person("ann");
  }, 120_000);
  afterAll(() => stage?.stop());

  it("is signed in to by chat, a wrong password first", async () => {
    await alice.ask("login");
    await alice.ask("al");
    expect(await alice.ask("wrong")).toMatch(/password/i);
    expect(await alice.ask("secret")).toContain("Signed in as @al:matrix.test");
    await stage.online("alice");
  });

  it("opens a direct chat by writing to somebody, and their answer comes as a reply", async () => {
    const id = alice.write(ann, "hello ann 👋 <&>", { extra: wantsReceipt });
    await alice.receiptFor(id);
    room = await person.join(await person.nextInvite());
    const heard = await person.next(saying("hello ann 👋 <&>"));
    await person.reply(room, heard.event_id ?? "", "hello alice");
    const answer = await alice.hear(ann);
    expect(bodyOf(answer)).toBe("hello alice");
    expect(answer.getChild("reply", "urn:xmpp:reply:0")?.attrs.id).toBe(id);
  });

  it("shows edits, reactions and redactions on both sides", async () => {
    const mine = alice.write(ann, "helo");
    const seen = await person.next(saying("helo"));
    alice.write(ann, "hello", { extra: `<replace xmlns='urn:xmpp:message-correct:0' id='${mine}'/>` });
    await person.next((event) => relation(event)?.rel_type === "m.replace", { what: "the edit" });
    await person.react(room, seen.event_id ?? "", "👍");
    const reactions = await alice.next((one) => one.getChild("reactions", "urn:xmpp:reactions:0") !== undefined, {
      what: "the reaction",
      timeoutMs: 20_000,
    });
    expect(reactions.getChild("reactions")?.attrs.id).toBe(mine);
    expect(reactions.getChild("reactions")?.getChildText("reaction")).toBe("👍");

    const theirs = await person.say(room, "nonsens");
    const heard = await alice.hear(ann);
    await person.edit(room, theirs, "nonsense");
    const edit = await alice.hear(ann);
    expect([bodyOf(edit), edit.getChild("replace", "urn:xmpp:message-correct:0")?.attrs.id]).toEqual([
      "nonsense",
      heard.attrs.id,
    ]);
    await person.redact(room, theirs);
    const gone = await alice.next((one) => one.getChild("retract", "urn:xmpp:message-retract:1") !== undefined, {
      what: "the retraction",
      timeoutMs: 20_000,
    });
    expect(gone.getChild("retract")?.attrs.id).toBe(heard.attrs.id);
  });

  it("carries a picture to alice as a link that can be opened", async () => {
    const bytes = Buffer.from("not really a picture, but bytes all the same");
    await person.sendFile(room, { bytes, name: "cat.png", mimetype: "image/png" });
    const stanza = await alice.hear(ann);
    const url = stanza.getChild("x", "jabber:x:oob")?.getChildText("url") ?? "";
    expect(bodyOf(stanza)).toBe(url);
    const answer = await fetch(url);
    expect(answer.headers.get("content-type")).toBe("image/png");
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it("keeps the order of 100 messages in a burst, both ways, while the homeserver is away for a moment", async () => {
    for (let n = 0; n < 100; n++) alice.write(ann, `out ${n}`);
    await person.until(() => person.all.some(saying("out 99")), { what: "the last one", timeoutMs: 60_000 });
    const arrived = person.all.map((event) => /^out (\d+)$/.exec(String(event.content.body))?.[1]).filter(Boolean);
    expect(arrived).toEqual(Array.from({ length: 100 }, (_, n) => String(n)));
    for (let n = 0; n < 100; n++) await person.say(room, `in ${n}`);
    const bodies: string[] = [];
    while (bodies.length < 100) bodies.push(bodyOf(await alice.hear(ann)));
    expect(bodies).toEqual(Array.from({ length: 100 }, (_, n) => `in ${n}`));
  }, 120_000);

  it("loses nothing while the gateway is away, either way", async () => {
    await stage.stopGateway();
    for (const n of [1, 2, 3]) await person.say(room, `while away ${n}`);
    await stage.startGateway();
    for (const n of [1, 2, 3]) expect(bodyOf(await alice.hear(ann))).toBe(`while away ${n}`);
  });

  it("says so when a mistyped person is written to", async () => {
    const id = alice.write("@nobody:matrix.test", "are you there?");
    expect(await alice.errorOn(id)).toMatchObject({ id, condition: "item-not-found" });
  });

  const relation = (event: { readonly content: object }) =>
    (event.content as { readonly "m.relates_to"?: { readonly rel_type?: string } })["m.relates_to"];
});
