// Alice reads and writes encrypted chats from her XMPP client, on real servers on both sides.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MatrixPerson, saying } from "../kit/matrix-person.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import { bodyOf, type Person, wantsReceipt } from "./person.ts";

describe("encrypted chats", () => {
  let stage: MatrixStage;
  let alice: Person;
  /** Alice's other Matrix client. */
  let element: MatrixPerson;
  let recoveryKey: string;
  let person: MatrixPerson;
  let room: string;
  const ann = "@ann:matrix.test";
  const replaces = "urn:xmpp:message-correct:0";
  beforeAll(async () => {
    stage = await setMatrixStage({ xmpp: "prosody", users: ["alice"], people: ["ann", "al"] });
    alice = await stage.enter("alice");
    person = await stage.person("ann", { crypto: true });
    element = await stage.person("al", { crypto: true });
    recoveryKey = await element.setUpRecovery();
    await alice.ask("login");
    await alice.ask("al");
    await alice.ask("secret");
    await stage.online("alice");
  }, 120_000);
  afterAll(() => stage?.stop());

  it("show a placeholder for what was said before the gateway had keys, and correct it with the recovery key", async () => {
    await stage.stopGateway();
    room = await element.createDm(ann, { encrypted: true });
    await person.join(room);
    await person.say(room, "long ago");
    await element.next(saying("long ago"));
    await expect.poll(() => element.backedUpKeys(), { timeout: 20_000 }).toBeGreaterThan(0);
    await stage.startGateway();
    const placeholder = await alice.hear(ann);
    expect(bodyOf(placeholder)).toMatch(/^\[The key of this encrypted message is not here .*"recover"/);

    expect(await alice.ask("recover")).toContain("Recovery key");
    expect(await alice.ask(recoveryKey)).toContain("This gateway is verified now.");
    const correction = await alice.hear(ann);
    expect([bodyOf(correction), correction.getChild("replace", replaces)?.attrs.id]).toEqual([
      "long ago",
      placeholder.attrs.id,
    ]);
  }, 60_000);

  it("go both ways, over a restart of the gateway", async () => {
    const id = alice.write(ann, "from XMPP", { extra: wantsReceipt });
    await alice.receiptFor(id);
    expect(await person.next(saying("from XMPP"))).toMatchObject({ room_id: room, encrypted: true });
    await person.say(room, "from Element");
    expect(bodyOf(await alice.hear(ann))).toBe("from Element");
    await stage.stopGateway();
    await person.say(room, "while away");
    await stage.startGateway();
    expect(bodyOf(await alice.hear(ann))).toBe("while away");
    alice.write(ann, "back again");
    expect((await person.next(saying("back again"))).encrypted).toBe(true);
  }, 60_000);

  it("carry a picture to alice as a link that opens it decrypted", async () => {
    const bytes = Buffer.from("not really a picture, but bytes all the same");
    await person.sendFile(room, { bytes, name: "cat.png", mimetype: "image/png" });
    const stanza = await alice.hear(ann);
    const answer = await fetch(stanza.getChild("x", "jabber:x:oob")?.getChildText("url") ?? "");
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it("are listed, with who can read them", async () => {
    const said = await alice.ask("encryption");
    expect(said).toContain("whoever runs it could read them");
    expect(said).toContain(
      "This gateway is verified by your account.\nKey backup is on.\nEncrypted chats: @ann:matrix.test.",
    );
  });
});
