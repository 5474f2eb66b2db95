// People of the network take part in a group chat of XMPP (XEP-0045): what the gateway writes to it, and makes of its answers.
import { describe, expect, test } from "vitest";
import { startStory, type Story } from "./story.ts";

const lounge = "lounge@rooms.localhost";
const bob = "bob@toy.localhost/viaduct";
const muc = "http://jabber.org/protocol/muc";
const sid = "urn:xmpp:sid:0";

/** The chat says what it is. */
async function describeLounge(story: Story): Promise<void> {
  const { id } = await story.expect(
    `<iq type="get" id="{id}" from="toy.localhost" to="${lounge}"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`,
  );
  await story.send(
    `<iq type="result" id="${id}" from="${lounge}" to="toy.localhost"><query xmlns="http://jabber.org/protocol/disco#info">
      <identity category="conference" type="text" name="Lounge"/><feature var="${sid}"/></query></iq>`,
  );
}
const own = (nick: string, more = "", inside = "<item/><status code='110'/>") =>
  `<presence from="${lounge}/${nick}" to="${bob}" ${more}><x xmlns="${muc}#user">${inside}</x></presence>`;
const subject = (text: string) =>
  `<message type="groupchat" from="${lounge}/ann" to="${bob}"><subject>${text}</subject></message>`;
const says = (nick: string, body: string, id: string, inside = "") =>
  `<message type="groupchat" from="${lounge}/${nick}" to="${bob}" id="${id}"><body>${body}</body>
    <stanza-id xmlns="${sid}" by="${lounge}" id="s-${id}"/>${inside}</message>`;

async function inLounge(): Promise<Story> {
  const story = await startStory({ domain: true });
  await story.until("the link", () => story.viaduct.components[0]?.link.state === "up");
  const entering = story.network.groupChats?.enter("bob", lounge, "e1");
  await describeLounge(story);
  expect(await entering).toBe(true);
  await describeLounge(story);
  await story.expect(
    `<presence from="${bob}" to="${lounge}/bob"><x xmlns="${muc}"><history maxstanzas="20"/></x></presence>`,
  );
  await story.send(own("bob"));
  await story.send(subject("Tea at five"));
  await story.until("the subject", () => logOf(story).topic === "Tea at five");
  return story;
}
const logOf = (story: Story) => story.network.chats.get(lounge) ?? expect.fail("nobody is in the lounge");

/** What the gateway writes, and the chat showing it to everybody. */
async function reflect(story: Story, body: string): Promise<string> {
  const { id = "" } = await story.expect(
    `<message type="groupchat" from="${bob}" to="${lounge}" id="{id}"><body>${body}</body><origin-id xmlns="${sid}" id="{again}"/></message>`,
  );
  await story.send(says("bob", body, id));
  return id;
}

describe("bob of the network in a group chat of XMPP", () => {
  test("hears what is said there, by whom, and corrections of it", async () => {
    const story = await inLounge();
    await story.send(says("ann", "helo", "a1"));
    await story.send(says("ann", "hello", "a2", "<replace xmlns='urn:xmpp:message-correct:0' id='a1'/>"));
    await story.until("both", () => logOf(story).log.length === 2);
    expect(logOf(story).log).toEqual(["ann: helo", expect.stringMatching(/^ann: \S{26} is hello$/)]);
  });

  test("X09: nobody corrects or takes back what another one said", async () => {
    const story = await inLounge();
    await story.send(says("ann", "hello", "a1"));
    await story.send(says("eve", "goodbye", "x1", "<replace xmlns='urn:xmpp:message-correct:0' id='a1'/>"));
    await story.send(
      `<message type="groupchat" from="${lounge}/eve" to="${bob}" id="x2"><retract xmlns="urn:xmpp:message-retract:1" id="s-a1"/></message>`,
    );
    await story.send(says("ann", "the end", "a2"));
    await story.until("the end", () => logOf(story).log.includes("ann: the end"));
    expect(logOf(story).log).toEqual(["ann: hello", "eve: Correction: goodbye", "ann: the end"]);
  });

  test("says one thing after the other: the next when the chat has shown the one before", async () => {
    const story = await inLounge();
    await story.network.groupChats?.say("bob", lounge, "one", "m1");
    await story.network.groupChats?.say("bob", lounge, "two", "m2");
    await reflect(story, "one");
    await reflect(story, "two");
    await story.nothing();
    expect(logOf(story).log).toEqual([]);
  });

  test("hears everybody, also when the chat shows his own words a second time", async () => {
    const story = await inLounge();
    await story.network.groupChats?.say("bob", lounge, "one", "m1");
    const id = await reflect(story, "one");
    // At once, so that they are committed together.
    const again = says("bob", "one", id);
    await story.send([says("ann", "a", "a1"), says("eve", "b", "x1"), again, says("ann", "c", "a2")].join(""));
    await story.until("the last", () => logOf(story).log.includes("ann: c"));
    expect(logOf(story).log).toEqual(["ann: a", "eve: b", "ann: c"]);
    await story.nothing();
  });

  test("is told when the chat does not want a message, and says the next", async () => {
    const story = await inLounge();
    await story.network.groupChats?.say("bob", lounge, "rude", "m1");
    await story.network.groupChats?.say("bob", lounge, "polite", "m2");
    const { id } = await story.expect(
      `<message type="groupchat" from="${bob}" to="${lounge}" id="{id}"><body>rude</body><origin-id xmlns="${sid}" id="{again}"/></message>`,
    );
    await story.send(
      `<message type="error" from="${lounge}" to="${bob}" id="${id}"><error type="auth"><forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
        <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">You have no voice.</text></error></message>`,
    );
    await reflect(story, "polite");
    await story.until("the news", () => logOf(story).log.length === 1);
    expect(logOf(story).log).toEqual(["*: bob: this was not sent. You have no voice."]);
    expect(logOf(story).people.has("bob")).toBe(true);
  });

  test("is put out of it on the network when the chat puts them out", async () => {
    const story = await inLounge();
    await story.send(
      own("bob", 'type="unavailable"', "<item><reason>enough</reason></item><status code='110'/><status code='301'/>"),
    );
    await story.until("bob is out", () => logOf(story).log.length === 1);
    expect(logOf(story).log).toEqual(["*: bob is out: Banned from the group chat: enough"]);
  });

  test("leaves, but not before their last words", async () => {
    const story = await inLounge();
    await story.network.groupChats?.say("bob", lounge, "bye", "m1");
    await story.network.groupChats?.leave("bob", lounge, "l1");
    await reflect(story, "bye");
    await story.expect(`<presence type="unavailable" from="${bob}" to="${lounge}/bob"/>`);
  });

  test("answers the chat's ping, and nothing else that an occupant asks", async () => {
    const story = await inLounge();
    const ask = (inside: string) => `<iq type="get" id="q" from="${lounge}/ann" to="${bob}">${inside}</iq>`;
    await story.send(ask(`<ping xmlns="urn:xmpp:ping"/>`));
    await story.expect(`<iq type="result" id="q" from="${bob}" to="${lounge}/ann"/>`);
    await story.send(ask(`<query xmlns="jabber:iq:version"/>`));
    await story.expect(
      `<iq type="error" id="q" from="${bob}" to="${lounge}/ann"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`,
    );
  });

  test("X24: gets no private messages, and whoever writes one is told", async () => {
    const story = await inLounge();
    await story.send(`<message type="chat" id="p" from="${lounge}/ann" to="${bob}"><body>psst</body></message>`);
    await story.expect(
      `<message type="error" id="p" from="${bob}" to="${lounge}/ann"><error type="cancel"><feature-not-implemented xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
        <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">Private messages do not reach people who are here through a gateway.</text></error></message>`,
    );
  });
});

test("a chat on a service that is not allowed is not asked about", async () => {
  const story = await startStory({ domain: true });
  await story.until("the link", () => story.viaduct.components[0]?.link.state === "up");
  expect(await story.network.groupChats?.enter("bob", "lounge@elsewhere.test", "e1")).toBe(false);
  await story.nothing();
});
