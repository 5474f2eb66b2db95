// X27: a part of a JID has 1,023 bytes at most (RFC 7622 section 3.1); addresses of networks may have more.
import { describe, expect, test } from "vitest";
import { aliceSignedIn } from "../dialogues/story.ts";

const ns = "urn:ietf:params:xml:ns:xmpp-stanzas";
const chat = (to: string, text: string) =>
  `<message type="chat" id="m1" from="alice@localhost/phone" to="${to}"><body>${text}</body></message>`;

describe("X27: an address too long for a JID", () => {
  const long = "x".repeat(1_100);

  test("that a client asks for is refused with a sentence", async () => {
    const story = await aliceSignedIn();
    await story.ask(
      `<iq type="set" id="{id}" from="alice@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:gateway"><prompt>${long}</prompt></query></iq>`,
      `<iq type="error" id="{id}" from="toy.localhost" to="alice@localhost/phone"><error type="cancel"><item-not-found xmlns="${ns}"/>
        <text xmlns="${ns}">"${"x".repeat(100)}" is not an address here. Enter a toy name.</text></error></iq>`,
    );
  });

  test("in a stanza is nobody's, and the stream goes on", async () => {
    const story = await aliceSignedIn();
    for (const to of [
      `${long}@toy.localhost`,
      `bob@toy.localhost/${long}`,
      `${String.raw`\40`.repeat(400)}@toy.localhost`,
    ])
      await story.send(chat(to, "Hello"));
    await story.nothing();
    expect([story.network.messages, story.server.handshakes]).toEqual([[], 1]);
  });

  test("of somebody who writes stands under a name that leads back to them", async () => {
    // A bridge whose ids have no bound.
    const everybody = {
      toLocal: (id: string) => id,
      fromLocal: (local: string) => (local.length < 100 ? undefined : local),
    };
    const story = await aliceSignedIn({ bridge: (toy) => ({ ...toy, contacts: everybody }) });
    story.network.put(long, "al", "Hello", "long-1");
    const { local = "" } = await story.expect(
      `<message type="chat" id="{id}" from="{local}@toy.localhost" to="alice@localhost"><body>Hello</body>
        <origin-id xmlns="urn:xmpp:sid:0" id="{id}"/><markable xmlns="urn:xmpp:chat-markers:0"/></message>`,
    );
    expect(local).toMatch(/^x{40}-[0-9a-v]{20}$/);
    await story.send(chat(`${local}@toy.localhost`, "Hello back"));
    await story.until("it is sent", () => story.network.messages.some(({ to }) => to === long));
  });
});
