// The XMPP server goes in the middle of a conversation. What it did not confirm comes again with the same ids.
import { describe, expect, test } from "vitest";
import { aliceSignedIn, canonical, type Story } from "./story.ts";

const bodies = (story: Story) =>
  story.server.stanzas.filter((stanza) => stanza.name === "message" && stanza.getChild("body"));

describe("a server that restarts", () => {
  test("gets again what it did not confirm, with the same ids and in order, and nothing of what it did", async () => {
    const story = await aliceSignedIn();
    story.network.put("bob", "al", "confirmed", "bob-0");
    await story.until("it is written", () => bodies(story).length === 1);
    await story.skip();
    story.server.behave({ answerPings: false });
    for (let n = 1; n <= 5; n++) story.network.put("bob", "al", `message ${n}`, `bob-${n}`);
    await story.until("all are written", () => bodies(story).length === 6);
    story.server.cut();
    // While it is away more comes.
    story.network.put("bob", "al", "message 6", "bob-6");
    story.server.behave({ answerPings: true });
    await story.server.untilHandshakes(2, 10_000);
    await story.until("they come again", () => bodies(story).length === 12);
    const texts = bodies(story).map((stanza) => stanza.getChildText("body"));
    const five = [1, 2, 3, 4, 5].map((n) => `message ${n}`);
    expect(texts).toEqual(["confirmed", ...five, ...five, "message 6"]);
    expect(bodies(story).slice(6, 11).map(canonical)).toEqual(bodies(story).slice(1, 6).map(canonical));
    // Confirmed now: another restart brings nothing.
    await story.skip();
    story.server.cut();
    await story.server.untilHandshakes(3, 10_000);
    await story.skip();
    expect(bodies(story)).toHaveLength(12);
    expect(story.viaduct.gateway.lanes.loaded).toBe(0);
  });

  test("keeps alice's messages going to the network while it is away", async () => {
    const story = await aliceSignedIn();
    let go = () => {};
    story.network.trouble.beforeSend = () =>
      new Promise((resolve) => {
        go = resolve;
      });
    await story.send(`<message type="chat" id="m1" from="alice@localhost/phone" to="bob@toy.localhost">
      <body>under way</body><request xmlns="urn:xmpp:receipts"/></message>`);
    await story.until("it is on its way", () => go.name === "resolve" || String(go) !== "() => {}");
    story.server.cut();
    go();
    await story.until("it is sent", () => story.network.messages.length === 1);
    await story.server.untilHandshakes(2, 10_000);
    await story.expect(`<message id="{id}" from="bob@toy.localhost" to="alice@localhost/phone">
      <received xmlns="urn:xmpp:receipts" id="m1"/></message>`);
  });
});
