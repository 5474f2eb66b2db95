// Alice is deleted on the XMPP server, and somebody else gets her JID (security.md X31). Nothing that a server sends says so for
// sure: an administrator does.
import { describe, expect, test } from "vitest";
import { aliceSignedIn, type Story, signIn } from "./story.ts";

const ns = "urn:ietf:params:xml:ns:xmpp-stanzas";
const permissions = { admins: ["root@localhost"] };
const alice = "alice@localhost";

const writes = (story: Story, user: string, text: string) =>
  story.send(`<message type="chat" from="${user}/x" to="toy.localhost"><body>${text}</body></message>`);
/** Who has no account gets lines that are not stored. */
const reads = (story: Story, user: string, text: string) =>
  story.expect(`<message type="chat" from="toy.localhost" to="${user}"><body>${text}</body></message>`);
const accountsOf = (story: Story, user: string) =>
  story.viaduct.gateway.accounts.of("toy", user).map(({ self }) => self);

const asked = `Forget alice@localhost: Credentials, contacts and waiting messages are deleted of: al, al2.
Write "yes" to go on?
("cancel" leaves this.)`;

describe("X31: an administrator has alice forgotten", () => {
  test("and whoever is alice next signs in anew, and hears nothing of what was hers", async () => {
    const story = await aliceSignedIn({ permissions });
    await signIn(story, "alice", "al2");
    await signIn(story, "bob", "bo");
    await story.send(`<presence type="subscribe" from="${alice}" to="carol@toy.localhost"/>`);
    await story.skip();
    await writes(story, "root@localhost", "forget Alice@localhost");
    await reads(story, "root@localhost", asked);
    await writes(story, "root@localhost", "yes");
    await reads(story, "root@localhost", "alice@localhost has no account here any more.");
    expect([accountsOf(story, alice), accountsOf(story, "bob@localhost")]).toEqual([[], ["bo"]]);
    await story.skip();
    story.network.put("carol", "al", "for the alice of before", "c1");
    await story.send(`<presence type="probe" from="${alice}" to="carol@toy.localhost"/>`);
    await story.nothing();
    await story.send(
      `<message type="chat" id="m1" from="${alice}/new" to="carol@toy.localhost"><body>Hello</body></message>`,
    );
    await story.expect(`<message type="error" id="m1" from="carol@toy.localhost" to="${alice}/new"><error type="auth">
      <registration-required xmlns="${ns}"/><text xmlns="${ns}">Sign in first: send "login" to the gateway.</text></error></message>`);
    await story.nothing();
  });

  test("by a form, and thinks better of it", async () => {
    const story = await aliceSignedIn({ permissions });
    const step = (inside: string) => `<iq type="set" id="{id}" from="root@localhost/pc" to="toy.localhost">
      <command xmlns="http://jabber.org/protocol/commands" node="viaduct/forget" ${inside}</command></iq>`;
    const form = (field: string, value: string) =>
      `<x xmlns="jabber:x:data" type="submit"><field var="${field}"><value>${value}</value></field></x>`;
    const command = (id: string) =>
      story.server.next((stanza) => stanza.attrs.id === id).then((stanza) => stanza.getChild("command"));
    await story.send(step(`action="execute">`).replace("{id}", "f1"));
    const session = String((await command("f1"))?.attrs.sessionid);
    await story.send(step(`sessionid="${session}">${form("user", alice)}`).replace("{id}", "f2"));
    expect((await command("f2"))?.getChild("x")?.getChildText("title")).toBe("Forget alice@localhost");
    await story.send(step(`sessionid="${session}">${form("sure", "no")}`).replace("{id}", "f3"));
    expect((await command("f3"))?.getChildText("note")).toBe("Nothing was changed.");
    expect(accountsOf(story, alice)).toEqual(["al"]);
  });

  test("who has no account", async () => {
    const story = await aliceSignedIn({ permissions });
    for (const user of ["zoe@localhost", "alice", "alice@localhost.evil.test"]) {
      await writes(story, "root@localhost", `forget ${user}`);
      await reads(story, "root@localhost", "That user has no account here.");
    }
    expect(accountsOf(story, alice)).toEqual(["al"]);
  });
});

describe("H01: nobody else knows the word", () => {
  test.each(["alice@localhost", "root@federated.test", "root@localhost.federated.test", "root1@localhost"])(
    "%s",
    async (user) => {
      const story = await aliceSignedIn({
        permissions: { ...permissions, allow: ["localhost", "federated.test", "localhost.federated.test"] },
      });
      await writes(story, user, "forget alice@localhost");
      await story.until("the answer", () =>
        story.server.stanzas.some((one) => one.getChildText("body")?.startsWith("I do not know that word.")),
      );
      await story.ask(
        `<iq type="set" id="{id}" from="${user}/x" to="toy.localhost"><command xmlns="http://jabber.org/protocol/commands" node="viaduct/forget"/></iq>`,
        `<iq type="error" id="{id}" from="toy.localhost" to="${user}/x"><error type="cancel"><item-not-found xmlns="${ns}"/><text xmlns="${ns}">There is no such command.</text></error></iq>`,
      );
      expect(accountsOf(story, alice)).toEqual(["al"]);
    },
  );
});

// Prosody and ejabberd send the same when a client declines or removes a contact, and errors have many reasons.
test.each([
  ["an unsubscription", `<presence type="unsubscribe" from="${alice}" to="toy.localhost"/>`],
  ["a refused subscription", `<presence type="unsubscribed" from="${alice}" to="toy.localhost"/>`],
  [
    "an error that she is gone",
    `<message type="error" id="x" from="${alice}" to="toy.localhost"><error type="cancel"><gone xmlns="${ns}"/></error></message>`,
  ],
  [
    "an error that she is not found",
    `<presence type="error" from="${alice}" to="toy.localhost"><error type="cancel"><item-not-found xmlns="${ns}"/></error></presence>`,
  ],
])("X31: %s deletes nothing by itself", async (_, stanza) => {
  const story = await aliceSignedIn({ permissions });
  await story.send(stanza);
  await story.skip();
  expect(accountsOf(story, alice)).toEqual(["al"]);
});
