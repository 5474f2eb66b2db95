// A moderator takes back what others said (XEP-0425), and others may not.
import { describe, expect, test } from "vitest";
import { inLobby, join, laptop, lobby, moderated, phone, says, write } from "./room-stanzas.ts";
import type { Story } from "./story.ts";

const moderate = (id: string, target: string, inside = "<reason>Spam</reason>") =>
  `<iq type="set" id="${id}" from="${phone}" to="${lobby}"><moderate xmlns="urn:xmpp:message-moderate:1" id="${target}">
    <retract xmlns="urn:xmpp:message-retract:1"/>${inside}</moderate></iq>`;
const moderateAsBefore = (id: string, target: string) =>
  `<iq type="set" id="${id}" from="${phone}" to="${lobby}"><apply-to xmlns="urn:xmpp:fasten:0" id="${target}">
    <moderate xmlns="urn:xmpp:message-moderate:0"><retract xmlns="urn:xmpp:message-retract:0"/><reason>Spam</reason>
    </moderate></apply-to></iq>`;
const done = (id: string) => `<iq type="result" id="${id}" from="${lobby}" to="${phone}"/>`;
const refused = (id: string, type: string, condition: string, text: string) =>
  `<iq type="error" id="${id}" from="${lobby}" to="${phone}"><error type="${type}">
    <${condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
    <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">${text}</text></error></iq>`;

/** Alice is an admin of the lobby, and carol has said "spam" there. */
async function spammed(): Promise<{ readonly story: Story; readonly target: string }> {
  const story = await inLobby();
  story.network.rooms.change("bob", "r1", { do: "rank", who: "al", rank: "admin" });
  await story.skip();
  story.network.rooms.say("carol", "r1", "spam", "c1");
  const { stanza = "" } = await story.expect(says("carol", "spam"));
  return { story, target: stanza };
}

describe("alice takes back what carol said", () => {
  test("and all of her clients see that it was her, and why", async () => {
    const { story, target } = await spammed();
    await story.send(join("al", { client: laptop }));
    await story.skip();
    await story.send(moderate("m1", target));
    const stanzas = [done("m1"), moderated(target, "al"), moderated(target, "al", { client: laptop })];
    for (const stanza of stanzas) await story.expect(stanza);
    await story.nothing();
    expect([...story.network.retracted]).toEqual(["c1"]);
  });

  test("with a client that knows version 0.2 only", async () => {
    const { story, target } = await spammed();
    await story.send(moderateAsBefore("m1", target));
    await story.expect(done("m1"));
    await story.expect(moderated(target, "al"));
    expect([...story.network.retracted]).toEqual(["c1"]);
  });

  test("and a client that comes later gets the moderation in place of the message", async () => {
    const { story, target } = await spammed();
    await story.send(moderate("m1", target));
    await story.expect(done("m1"));
    await story.expect(moderated(target, "al"));
    await story.send(join("al", { client: laptop }));
    await story.until("the laptop is in", () =>
      story.server.stanzas.some((one) => one.attrs.to === laptop && one.getChild("subject") !== undefined),
    );
    const history = story.server.stanzas.filter((one) => one.attrs.to === laptop && one.getChild("delay"));
    expect(history.map((one) => [one.attrs.from, one.getChild("retract")?.getChild("moderated")?.attrs.by])).toEqual([
      [lobby, `${lobby}/al`],
    ]);
  });
});

describe("alice may not", () => {
  test("where the network does not let her, and hears so on her request", async () => {
    const story = await inLobby();
    story.network.rooms.say("carol", "r1", "spam", "c1");
    const { stanza = "" } = await story.expect(says("carol", "spam"));
    await story.send(moderate("m1", stanza));
    await story.expect(refused("m1", "cancel", "forbidden", "Only its admins may do that."));
    await story.nothing();
    expect(story.network.retracted.size).toBe(0);
  });

  test("take back what nobody said", async () => {
    const { story } = await spammed();
    await story.send(moderate("m1", "nonsense"));
    const text = "The gateway does not know the message that you take back.";
    await story.expect(refused("m1", "cancel", "item-not-found", text));
  });

  test("ask for something else, or without being in the room", async () => {
    const { story, target } = await spammed();
    await story.send(moderate("m1", target).replace('<retract xmlns="urn:xmpp:message-retract:1"/>', ""));
    const text = "A moderation names a message of the room, and wants it taken back.";
    await story.expect(refused("m1", "modify", "bad-request", text));
    await story.send(moderate("m2", target).replaceAll(phone, laptop));
    await story.expect(
      refused("m2", "modify", "not-acceptable", "You are not in this room: join it first.").replaceAll(phone, laptop),
    );
    expect(story.network.retracted.size).toBe(0);
  });

  test("X09: take back what carol said by a plain retraction", async () => {
    const { story, target } = await spammed();
    const retract = `<retract xmlns="urn:xmpp:message-retract:1" id="${target}"/>`;
    await story.send(write("r1", "taken back", { more: retract }));
    await story.expect(`<message type="error" id="r1" from="${lobby}" to="${phone}"><error type="cancel">
      <forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
      <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">This message is not yours to take back.</text>
      </error></message>`);
    expect(story.network.retracted.size).toBe(0);
  });
});

test("alice's own message goes in her own name", async () => {
  const story = await inLobby();
  await story.send(write("m1", "regrets"));
  const { stanza = "" } = await story.expect(says("al", "regrets", { id: "m1" }));
  await story.send(moderate("m2", stanza));
  await story.expect(done("m2"));
  await story.expect(`<message type="groupchat" from="${lobby}/al" to="${phone}" id="{id}">
    <retract xmlns="urn:xmpp:message-retract:1" id="${stanza}"/>
    <fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:message-retract:1"/>
    <body>A message was taken back, but your client does not support that.</body><store xmlns="urn:xmpp:hints"/>
    <stanza-id xmlns="urn:xmpp:sid:0" by="${lobby}" id="{id}"/>
    <occupant-id xmlns="urn:xmpp:occupant-id:0" id="{who}"/></message>`);
});

test("a client that came in is told that it can", async () => {
  const story = await inLobby();
  const query = `<query xmlns="http://jabber.org/protocol/disco#info"/>`;
  await story.send(`<iq type="get" id="d1" from="${phone}" to="${lobby}">${query}</iq>`);
  await story.until("the answer", () => story.server.stanzas.some((one) => one.attrs.id === "d1"));
  const answer = story.server.stanzas.find((one) => one.attrs.id === "d1")?.getChild("query");
  const features = answer?.getChildren("feature").map((one) => one.attrs.var) ?? [];
  expect(features).toEqual(expect.arrayContaining(["urn:xmpp:message-moderate:0", "urn:xmpp:message-moderate:1"]));
});
