// Alice and Ann see each other: names and pictures both ways, on real servers on both sides.
import { createHash } from "node:crypto";
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MatrixPerson, saying } from "../kit/matrix-person.ts";
import { pngOf } from "../kit/pictures.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import { bare, matrixNetwork, type Person } from "./person.ts";
import { until } from "./stage.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const ann = "@ann:matrix.test";
const annJid = matrixNetwork.jidOf(ann);
const patience = 20_000;

const sha1 = (bytes: Uint8Array): string => createHash("sha1").update(bytes).digest("hex");
const hashIn = (stanza: Element): string | undefined =>
  stanza.getChild("x", "vcard-temp:x:update")?.getChild("photo")?.getText();

/** What presence of a JID says of a picture, other than what was seen before; "": that there is none. */
async function nextHash(person: Person, jid: string, before: readonly string[] = []): Promise<string> {
  const isIt = (stanza: Element) =>
    stanza.name === "presence" &&
    (stanza.attrs.from === jid || bare(stanza) === jid) &&
    hashIn(stanza) !== undefined &&
    !before.includes(hashIn(stanza) ?? "");
  return hashIn(await person.next(isIt, { what: `another picture of ${jid}`, timeoutMs: patience })) ?? "";
}

/** What a client does with a hash. */
async function pictureOf(person: Person, jid: string): Promise<{ bytes: Buffer; type: string; name: string }> {
  const answer = await person.request(`<iq type="get" to="${jid}"><vCard xmlns="vcard-temp"/></iq>`);
  const card = answer.getChild("vCard", "vcard-temp");
  const photo = card?.getChild("PHOTO");
  return {
    bytes: Buffer.from(photo?.getChildText("BINVAL") ?? "", "base64"),
    type: photo?.getChildText("TYPE") ?? "",
    name: card?.getChildText("FN") ?? "",
  };
}

/** As Gajim and Conversations do on servers that turn one way into the other, and for the rest as older clients do. */
function publish(person: Person, inside: string): Promise<Element> {
  return person.request(`<iq type="set"><vCard xmlns="vcard-temp">${inside}</vCard></iq>`);
}

describe.each(servers)("people, on %s", (xmpp) => {
  let stage: MatrixStage;
  let alice: Person;
  let person: MatrixPerson;
  /** What ann looks like now. */
  let face = "";
  beforeAll(async () => {
    stage = await setMatrixStage({ xmpp, users: ["alice", "carol"], people: ["ann", "al"], domain: true });
    person = await stage.person("ann");
    await person.setName("Ann A.");
    await person.setAvatar(pngOf([255, 0, 0], { width: 300, height: 300 }), "image/png");
    alice = await stage.enter("alice");
    for (const line of ["login", "al"]) await alice.ask(line);
    expect(await alice.ask("secret")).toContain("Signed in as @al:matrix.test");
    await stage.online("alice");
  }, 120_000);
  afterAll(() => stage?.stop());

  it("shows a contact's name and picture in presence, and hands out the thumbnail", async () => {
    alice.send(`<presence type="subscribe" to="${annJid}"/>`);
    face = await nextHash(alice, annJid);
    const { bytes, type, name } = await pictureOf(alice, annJid);
    expect([sha1(bytes), type, name]).toEqual([face, "image/png", "Ann A."]);
    // Synapse makes squares of 96 pixels.
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([96, 96]);
    const presence = alice.stanzas.findLast((stanza) => stanza.name === "presence" && bare(stanza) === annJid);
    expect(presence?.getChildText("nick")).toBe("Ann A.");
  });

  it("shows another picture and another name while alice is online, and that the picture was taken away", async () => {
    alice.write(ann, "hello ann");
    await person.join(await person.nextInvite());
    await person.next(saying("hello ann"));
    await person.setAvatar(pngOf([0, 0, 255], { width: 200, height: 100 }), "image/png");
    const blue = await nextHash(alice, annJid, [face]);
    expect(sha1((await pictureOf(alice, annJid)).bytes)).toBe(blue);
    await person.setName("Ann B.");
    await alice.next(
      (one) => one.name === "presence" && bare(one) === annJid && one.getChildText("nick") === "Ann B.",
      {
        what: "the new name",
        timeoutMs: patience,
      },
    );
    // Prosody lets the gateway write rosters, ejabberd does not (test/lab/xmpp-server.ts).
    const inRoster = async () => {
      const roster = await alice.request("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>");
      const items = roster.getChild("query")?.getChildren("item") ?? [];
      return items.find((item) => item.attrs.jid === annJid)?.attrs.name;
    };
    if (xmpp === "prosody") await until("the new name in the roster", async () => (await inRoster()) === "Ann B.");
    else expect(await inRoster()).toBeUndefined();
    await person.client.setAvatarUrl("");
    expect(await nextHash(alice, annJid, [face, blue])).toBe("");
    expect((await pictureOf(alice, annJid)).bytes).toHaveLength(0);
    await person.setAvatar(pngOf([255, 255, 0], { width: 300, height: 300 }), "image/png");
    face = await nextHash(alice, annJid, [face, blue, ""]);
  });

  it("keeps pictures over a restart of the gateway", async () => {
    await stage.stopGateway();
    const seen = alice.stanzas.length;
    await stage.startGateway();
    const again = () => alice.stanzas.slice(seen).find((one) => bare(one) === annJid && hashIn(one) !== undefined);
    await until("ann is seen again", () => again() !== undefined);
    expect(hashIn(again() as Element)).toBe(face);
    expect(sha1((await pictureOf(alice, annJid)).bytes)).toBe(face);
  });

  it("shows those in a room with their pictures, and the room with its own", async () => {
    const alias = `#people-${xmpp}:matrix.test`;
    const { room_id: room } = await person.client.createRoom({
      name: "People",
      room_alias_name: `people-${xmpp}`,
      preset: "public_chat" as never,
    });
    const url = await person.upload(pngOf([0, 255, 0], { width: 120, height: 120 }), "image/png");
    await person.client.sendStateEvent(room, "m.room.avatar" as never, { url } as never, "");
    const jid = `${alias.replace(":", "\\3a")}@matrix.localhost`;
    alice.send(`<presence to="${jid}/alice"><x xmlns="http://jabber.org/protocol/muc"/></presence>`);
    expect(await nextHash(alice, `${jid}/Ann B.`)).toBe(face);
    expect(sha1((await pictureOf(alice, `${jid}/Ann B.`)).bytes)).toBe(face);
    const green = await nextHash(alice, jid);
    const card = await pictureOf(alice, jid);
    expect([sha1(card.bytes), card.name]).toEqual([green, "People"]);
  });

  it("shows carol on Matrix as she shows herself on XMPP", async () => {
    const carol = await stage.enter("carol");
    const hers = pngOf([10, 200, 100], { width: 64, height: 64 });
    const photo = (bytes: Buffer) =>
      `<PHOTO><TYPE>image/png</TYPE><BINVAL>${bytes.toString("base64")}</BINVAL></PHOTO>`;
    await publish(carol, `<FN>Carol C.</FN><NICKNAME>Caro</NICKNAME>${photo(hers)}`);
    carol.send("<presence/>");
    carol.write(ann, "hello from carol");
    await person.join(await person.nextInvite());
    await person.next(saying("hello from carol"));
    const ghost = "@_xmpp_carol=40localhost:matrix.test";
    const shown = () => person.client.getProfileInfo(ghost);
    await until("carol's picture on Matrix", async () => (await shown()).avatar_url !== undefined);
    const first = await shown();
    expect(first.displayname).toBe("Caro");
    expect((await person.download({ url: first.avatar_url })).equals(hers)).toBe(true);

    // And she sees ann, whom she has no account of her own for.
    carol.send(`<presence type="subscribe" to="${annJid}"/>`);
    expect(await nextHash(carol, annJid)).toBe(face);
    expect(sha1((await pictureOf(carol, annJid)).bytes)).toBe(face);

    // She is seen by the gateway from now on, as by everybody in her roster.
    carol.send(`<presence type="subscribe" to="matrix.localhost"/>`);
    await carol.next((one) => one.attrs.type === "subscribed", { what: "the subscription", timeoutMs: patience });
    const other = pngOf([200, 0, 200], { width: 64, height: 64 });
    await publish(carol, `<FN>Carol C.</FN><NICKNAME>Caro</NICKNAME>${photo(other)}`);
    carol.send(
      `<presence to="matrix.localhost"><x xmlns="vcard-temp:x:update"><photo>${sha1(other)}</photo></x></presence>`,
    );
    await until("the other picture", async () => (await shown()).avatar_url !== first.avatar_url);
    const { avatar_url: second } = await shown();
    expect((await person.download({ url: second })).equals(other)).toBe(true);
    await publish(carol, "<FN>Carol C.</FN><NICKNAME>Caro</NICKNAME>");
    carol.send(`<presence to="matrix.localhost"><x xmlns="vcard-temp:x:update"><photo/></x></presence>`);
    await until("no picture any more", async () => ((await shown()).avatar_url ?? "") === "");
  });
});
