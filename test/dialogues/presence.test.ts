// Whom alice sees, and who sees what of whom.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { aliceSignedIn, startStory, type Story } from "./story.ts";

const caps = `<c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="urn:viaduct" ver="{ver}"/>`;
const presence = (type: string, to: string, from = "alice@localhost") =>
  `<presence type="${type}" from="${from}" to="${to}"/>`;
const bobOnline = `<presence from="bob@toy.localhost/viaduct" to="alice@localhost">${caps}</presence>`;

async function subscribed(): Promise<Story> {
  const story = await aliceSignedIn();
  await story.send(presence("subscribe", "bob@toy.localhost"));
  await story.expect(presence("subscribed", "alice@localhost", "bob@toy.localhost"));
  await story.expect(bobOnline);
  return story;
}

describe("a contact", () => {
  test("is shown to who is subscribed when the server asks", async () => {
    const story = await subscribed();
    await story.send(presence("probe", "bob@toy.localhost"));
    await story.expect(bobOnline);
    await story.nothing();
  });

  test("is shown no longer after the user unsubscribed", async () => {
    const story = await subscribed();
    await story.send(presence("unsubscribe", "bob@toy.localhost"));
    await story.expect(presence("unsubscribed", "alice@localhost", "bob@toy.localhost"));
    await story.send(presence("probe", "bob@toy.localhost"));
    await story.nothing();
  });

  test("keeps its subscription over a restart of the gateway", async () => {
    const story = await subscribed();
    const { gateway } = story.viaduct;
    expect(await gateway.bridges.get("toy").contacts.get(1, "bob")).toMatchObject({ subscribed: true });
    // The server comes back: everything that a client has to see is said again.
    story.server.cut();
    await story.server.untilHandshakes(2, 5_000);
    await story.expect(`<presence from="toy.localhost/viaduct" to="alice@localhost">${caps}</presence>`);
    await story.expect(bobOnline);
  });

  test("hears nothing of the user's own presence, and answers nothing to it", async () => {
    const story = await subscribed();
    for (const inside of ["", "<show>dnd</show><status>busy</status>", "<priority>-1</priority>"])
      await story.send(`<presence from="alice@localhost/phone" to="bob@toy.localhost">${inside}</presence>`);
    await story.send(presence("unavailable", "bob@toy.localhost", "alice@localhost/phone"));
    await story.send(presence("subscribed", "bob@toy.localhost"));
    await story.send(presence("unsubscribed", "bob@toy.localhost"));
    await story.send(presence("error", "bob@toy.localhost"));
    await story.nothing();
  });
});

describe("the gateway", () => {
  test("is shown with the state of the account", async () => {
    const story = await aliceSignedIn();
    await story.send(presence("probe", "toy.localhost"));
    await story.expect(`<presence from="toy.localhost/viaduct" to="alice@localhost">${caps}</presence>`);
    await story.nothing();
  });

  test("may be subscribed to before signing in", async () => {
    const story = await startStory();
    await story.send(presence("subscribe", "toy.localhost"));
    await story.expect(presence("subscribed", "alice@localhost", "toy.localhost"));
    await story.expect(`<presence from="toy.localhost/viaduct" to="alice@localhost">${caps}</presence>`);
    expect(story.viaduct.gateway.accounts.size).toBe(0);
  });

  test("gives an address to who subscribes where everybody has one", async () => {
    const story = await startStory({ domain: true });
    await story.send(presence("subscribe", "toy.localhost"));
    await story.expect(presence("subscribed", "alice@localhost", "toy.localhost"));
    await story.until("alice has one", () => story.viaduct.gateway.accounts.bySelf("toy", "alice"));
  });
});

describe("XEP-0115: the hash in presence", () => {
  /** Section 5.1, from the answer itself. */
  async function ofDisco(story: Story, to: string, ver: string): Promise<string> {
    for (const node of ["", ` node="urn:viaduct#${ver}"`]) {
      await story.send(`<iq type="get" id="info${node.length}" from="alice@localhost/phone" to="${to}">
        <query xmlns="http://jabber.org/protocol/disco#info"${node}/></iq>`);
    }
    const answers = () => story.server.stanzas.filter((stanza) => String(stanza.attrs.id).startsWith("info"));
    await story.until("both answers", () => answers().length === 2);
    const hashes = answers().map((answer) => {
      expect(answer.attrs.type).toBe("result");
      const query = answer.getChild("query");
      const identities = (query?.getChildren("identity") ?? []).map(
        ({ attrs }) => `${attrs.category}/${attrs.type}/${attrs["xml:lang"] ?? ""}/${attrs.name ?? ""}<`,
      );
      const features = (query?.getChildren("feature") ?? []).map(({ attrs }) => `${attrs.var}<`);
      const text = [...identities.toSorted(), ...features.toSorted()].join("");
      return createHash("sha1").update(text).digest("base64");
    });
    expect(hashes[0]).toBe(hashes[1]);
    return hashes[0] ?? "";
  }

  test.each([["toy.localhost"], ["bob@toy.localhost"]])("of %s is that of its discovery", async (jid) => {
    const story = await aliceSignedIn();
    await story.send(presence("subscribe", jid));
    const { ver = "" } = await story.expect(`<presence from="${jid}/viaduct" to="alice@localhost">${caps}</presence>`);
    expect(await ofDisco(story, jid, ver)).toBe(ver);
  });
});
