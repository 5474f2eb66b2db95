// X21: where passwords are taken, and that nobody hears them again.
import { describe, expect, test } from "vitest";
import { type Story, startStory } from "../dialogues/story.ts";

const ns = "urn:ietf:params:xml:ns:xmpp-stanzas";

describe("X21: a password", () => {
  const password = "correct horse";
  /** One line after the other, as a person writes. */
  const says = async (story: Story, ...lines: readonly string[]) => {
    for (const line of lines) {
      await story.send(
        `<message type="chat" from="alice@localhost/phone" to="toy.localhost"><body>${line}</body></message>`,
      );
      await story.skip();
    }
  };
  const everything = (story: Story) => story.server.everything.map(String).join("\n");

  test.each([
    ["a contact", "bob@toy.localhost"],
    ["a room", "#lobby@toy.localhost"],
    ["somebody in a room", "#lobby@toy.localhost/bob"],
  ])("in a registration form for %s is taken by nobody", async (_, to) => {
    const story = await startStory();
    story.network.passwords.set("al", password);
    await story.ask(
      `<iq type="set" id="{id}" from="alice@localhost/phone" to="${to}"><query xmlns="jabber:iq:register">
        <username>al</username><password>${password}</password></query></iq>`,
      `<iq type="error" id="{id}" from="${to}" to="alice@localhost/phone"><error type="cancel"><service-unavailable xmlns="${ns}"/></error></iq>`,
    );
    expect(story.viaduct.gateway.accounts.size).toBe(0);
  });

  test("that the gateway asked for is no answer when it is said elsewhere, or by somebody else", async () => {
    const story = await startStory();
    story.network.passwords.set("al", password);
    await says(story, "login", "al");
    const elsewhere = [`to="bob@toy.localhost"`, `to="#lobby@toy.localhost"`, `to="#lobby@toy.localhost/bob"`];
    for (const to of elsewhere)
      for (const type of ["chat", "groupchat"])
        await story.send(
          `<message type="${type}" from="alice@localhost/phone" ${to}><body>${password}</body></message>`,
        );
    for (const type of ["groupchat", "headline"])
      await story.send(
        `<message type="${type}" from="alice@localhost/phone" to="toy.localhost"><body>${password}</body></message>`,
      );
    await story.send(
      `<message type="chat" from="mallory@localhost/x" to="toy.localhost"><body>${password}</body></message>`,
    );
    await story.skip();
    expect([story.viaduct.gateway.accounts.size, story.network.messages]).toEqual([0, []]);
    await says(story, password);
    await story.until("she is signed in", () => story.viaduct.gateway.accounts.size === 1);
  });

  test("is never said back: not when it is wrong, not when nothing asked for it any more", async () => {
    const story = await startStory();
    story.network.passwords.set("al", "another");
    await story.send(`<iq type="set" id="r1" from="alice@localhost/phone" to="toy.localhost">
      <query xmlns="jabber:iq:register"><username>al</username><password>${password}</password></query></iq>`);
    await says(story, password, "login", "al", password, "cancel", password);
    expect(everything(story).split("I do not know that word.")).toHaveLength(3);
    expect(everything(story)).toContain("Delete your message afterwards");
    for (const word of password.split(" ")) expect(everything(story)).not.toContain(word);
  });
});
