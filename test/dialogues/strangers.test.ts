// People who have no account, or may not have one.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { aliceSignedIn, startStory, type Story } from "./story.ts";

const ns = "urn:ietf:params:xml:ns:xmpp-stanzas";
const notAllowed = `<error type="cancel"><not-allowed xmlns="${ns}"/><text xmlns="${ns}">This gateway is not open to you.</text></error>`;
const tables = (story: Story) => [story.viaduct.gateway.accounts.size, story.network.messages.length];

describe("X01: somebody without an account", () => {
  test("gets one error for a message, and nothing is made or sent", async () => {
    const story = await startStory();
    await story.send(
      `<message type="chat" id="m1" from="stranger@localhost/x" to="bob@toy.localhost"><body>Hello</body></message>`,
    );
    await story.expect(`<message type="error" id="m1" from="bob@toy.localhost" to="stranger@localhost/x"><error type="auth">
      <registration-required xmlns="${ns}"/>
      <text xmlns="${ns}">Sign in first: send "login" to the gateway.</text></error></message>`);
    await story.nothing();
    expect(tables(story)).toEqual([0, 0]);
  });
});

describe("X02: somebody of a domain that may not use the gateway", () => {
  const mallory = "mallory@federated.test/x";

  test.each([
    [
      "register",
      `<iq type="set" id="{id}" from="${mallory}" to="toy.localhost"><query xmlns="jabber:iq:register"><username>al</username><password>secret</password></query></iq>`,
    ],
    [
      "ask for the form",
      `<iq type="get" id="{id}" from="${mallory}" to="toy.localhost"><query xmlns="jabber:iq:register"/></iq>`,
    ],
    [
      "run a command",
      `<iq type="set" id="{id}" from="${mallory}" to="toy.localhost"><command xmlns="http://jabber.org/protocol/commands" node="viaduct/login"/></iq>`,
    ],
    [
      "discover it",
      `<iq type="get" id="{id}" from="${mallory}" to="toy.localhost"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`,
    ],
    ["ping it", `<iq type="get" id="{id}" from="${mallory}" to="toy.localhost"><ping xmlns="urn:xmpp:ping"/></iq>`],
  ])("may not %s", async (_, request) => {
    const story = await startStory();
    story.network.passwords.set("al", "secret");
    await story.ask(request, `<iq type="error" id="{id}" from="toy.localhost" to="${mallory}">${notAllowed}</iq>`);
    expect(tables(story)).toEqual([0, 0]);
  });

  test("may not write, also from a subdomain of the permitted one", async () => {
    const story = await startStory();
    for (const from of [mallory, "alice@sub.localhost/x", "alice@localhost.evil.test/x"]) {
      await story.send(`<message type="chat" id="m1" from="${from}" to="toy.localhost"><body>login</body></message>`);
      await story.expect(`<message type="error" id="m1" from="toy.localhost" to="${from}">${notAllowed}</message>`);
    }
    await story.nothing();
  });

  test("loses the gateway on the next stanza when the policy changes, account or not", async () => {
    const dir = mkdtempSync(join(tmpdir(), "viaduct-"));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const story = await aliceSignedIn({ dir });
    await story.stop();
    const strict = await startStory({ dir, permissions: { allow: ["elsewhere.test"] }, network: story.network });
    await strict.skip();
    expect(strict.viaduct.gateway.accounts.size).toBe(1);
    await strict.send(
      `<message type="chat" id="m1" from="alice@localhost/phone" to="bob@toy.localhost"><body>Hello</body></message>`,
    );
    await strict.expect(
      `<message type="error" id="m1" from="bob@toy.localhost" to="alice@localhost/phone">${notAllowed}</message>`,
    );
  });
});

describe("X10: a stranger learns nothing about contacts", () => {
  /** What comes back, with the name taken out. */
  async function answers(story: Story, name: string, from: string): Promise<string[]> {
    await story.skip();
    const before = story.server.stanzas.length;
    const bare = from.slice(0, from.indexOf("/"));
    const to = `${name}@toy.localhost`;
    await story.send(`<presence type="probe" from="${bare}" to="${to}"/>`);
    await story.send(`<presence type="subscribe" id="s" from="${bare}" to="${to}"/>`);
    await story.send(`<presence type="unsubscribe" from="${bare}" to="${to}"/>`);
    await story.send(`<presence from="${from}" to="${to}"/>`);
    await story.send(`<message type="chat" id="m" from="${from}" to="${to}"><body>Hello</body></message>`);
    for (const [id, payload] of [
      ["vcard", `<vCard xmlns="vcard-temp"/>`],
      ["disco", `<query xmlns="http://jabber.org/protocol/disco#info"/>`],
      ["last", `<query xmlns="jabber:iq:last"/>`],
    ] as const)
      await story.send(`<iq type="get" id="${id}" from="${from}" to="${to}">${payload}</iq>`);
    await story.skip();
    return story.server.stanzas
      .slice(before)
      .filter((stanza) => stanza.attrs.to !== "localhost")
      .map((stanza) => stanza.toString().replaceAll(name, "NAME"))
      .toSorted();
  }

  test.each([
    ["of a domain that may not use the gateway", "mallory@federated.test/x"],
    ["who has no account", "mallory@localhost/x"],
  ])("%s", async (_, mallory) => {
    const story = await aliceSignedIn();
    // Alice knows bob by name and is subscribed to him; nobody knows zoe.
    await story.send(`<presence type="subscribe" from="alice@localhost" to="bob@toy.localhost"/>`);
    await story.viaduct.gateway.bridges
      .get("toy")
      .contacts.add(1, "alice@localhost", "bob", { name: "Bob the Builder" });
    const existing = await answers(story, "bob", mallory);
    expect(existing).toEqual(await answers(story, "zoe", mallory));
    expect(existing.join("")).not.toContain("Builder");
    const presences = existing.filter((stanza) => stanza.startsWith("<presence"));
    expect(presences.filter((stanza) => !/type="(unsubscribed|error)"/.test(stanza))).toEqual([]);
  });

  test("with an account of their own sees nothing of alice's contacts either", async () => {
    const story = await aliceSignedIn({ domain: true });
    await story.viaduct.gateway.bridges
      .get("toy")
      .contacts.add(1, "alice@localhost", "bob", { name: "Bob the Builder" });
    await story.viaduct.gateway.registrations.enrol("toy", "mallory@localhost");
    const existing = await answers(story, "bob", "mallory@localhost/x");
    expect(existing).toEqual(await answers(story, "zoe", "mallory@localhost/x"));
    expect(existing.join("")).not.toContain("Builder");
  });
});
