// Alice signs in with the registration form of her client (XEP-0077, XEP-0100 section 4.1).
import { describe, expect, test } from "vitest";
import { aliceSignedIn, startStory, type Story } from "./story.ts";

const form = `<x xmlns="jabber:x:data" type="form"><title>Sign in to the toy network</title>
  <instructions>Enter your toy name and password.</instructions>
  <field var="name" type="text-single" label="Name"><required/></field>
  <field var="password" type="text-private" label="Password"><required/></field></x>`;
const asked = `<iq type="get" id="{id}" from="alice@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:register"/></iq>`;
const submit = (fields: string) =>
  `<iq type="set" id="{id}" from="alice@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:register">${fields}</query></iq>`;
const done = `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone"/>`;
const refused = (error: string) =>
  `<iq type="error" id="{id}" from="toy.localhost" to="alice@localhost/phone">${error}</iq>`;
const wrongPassword = `<error type="modify"><not-acceptable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
  <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">This name and password do not belong together.</text></error>`;

/** What follows a first sign-in: the gateway asks to be in the roster and shows that the account is online. */
async function welcomed(story: Story): Promise<void> {
  await story.expect(`<presence type="subscribe" from="toy.localhost" to="alice@localhost"/>`);
  await story.expect(`<presence from="toy.localhost/viaduct" to="alice@localhost">
    <c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="urn:viaduct" ver="{ver}"/></presence>`);
}

async function start(): Promise<Story> {
  const story = await startStory();
  story.network.passwords.set("al", "secret");
  return story;
}

describe("signing in by registration", () => {
  test("with a data form", async () => {
    const story = await start();
    await story.ask(
      asked,
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone"><query xmlns="jabber:iq:register">
        <instructions>Enter your toy name and password.</instructions><username/><password/>${form}</query></iq>`,
    );
    await story.ask(
      submit(`<x xmlns="jabber:x:data" type="submit"><field var="name"><value>al</value></field>
        <field var="password"><value>secret</value></field></x>`),
      done,
    );
    await welcomed(story);
    await story.nothing();
  });

  test("with the fields of old clients", async () => {
    const story = await start();
    await story.ask(submit("<username>al</username><password>secret</password>"), done);
    await welcomed(story);
    await story.nothing();
  });

  test("shows who is registered that they are", async () => {
    const story = await aliceSignedIn();
    await story.ask(
      asked,
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone"><query xmlns="jabber:iq:register">
        <registered/><instructions>Enter your toy name and password.</instructions><username/><password/>${form}</query></iq>`,
    );
  });

  test("with a wrong password is refused with a sentence, and leaves nothing", async () => {
    const story = await start();
    await story.ask(submit("<username>al</username><password>wrong</password>"), refused(wrongPassword));
    await story.nothing();
    expect(story.viaduct.gateway.accounts.size).toBe(0);
  });

  test("with an empty form is told what is missing", async () => {
    const story = await start();
    await story.ask(
      submit(""),
      refused(`<error type="modify"><not-acceptable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
        <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">Please fill in: Name</text></error>`),
    );
  });

  test("H13: more than five times in a quarter of an hour is refused, even with the right password", async () => {
    const story = await startStory({ limits: { loginAttempts: 5 } });
    story.network.passwords.set("al", "secret");
    for (let n = 0; n < 5; n++)
      await story.ask(submit("<username>al</username><password>wrong</password>"), refused(wrongPassword));
    await story.ask(
      submit("<username>al</username><password>secret</password>"),
      refused(`<error type="wait"><policy-violation xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
        <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">Too many sign-in attempts; try again in 3 min.</text></error>`),
    );
    expect(story.viaduct.gateway.accounts.size).toBe(0);
  });

  test("where everybody has an address needs no password and is told so", async () => {
    const story = await startStory({ domain: true, bridge: ({ login: _, ...toy }) => toy });
    await story.ask(
      asked,
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone"><query xmlns="jabber:iq:register">
        <instructions>Send the empty form to get your address.</instructions></query></iq>`,
    );
    await story.ask(submit(""), done);
    expect(story.viaduct.gateway.accounts.bySelf("toy", "alice")?.user).toBe("alice@localhost");
  });
});
