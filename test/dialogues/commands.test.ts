// What alice can ask the gateway once she is signed in.
import { describe, expect, test } from "vitest";
import type { AnyBridge } from "#bridge";
import { help } from "./help.ts";
import { aliceSignedIn, startStory, type Story } from "./story.ts";

const writes = (story: Story, text: string) =>
  story.send(`<message type="chat" from="alice@localhost/phone" to="toy.localhost"><body>${text}</body></message>`);
const reads = (story: Story, text: string) =>
  story.expect(
    `<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost"><body>${text}</body></message>`,
  );

/** The toy bridge, whose messages come as bytes: cut to ten characters when they are opened. */
const asBytes = (toy: AnyBridge): AnyBridge => ({
  ...toy,
  connect: (account, host) =>
    toy.connect(account, {
      ...host,
      signal: host.signal,
      cursor: host.cursor,
      deliver: (events, cursor) =>
        host.deliver(
          events.map((event) =>
            event.type === "message"
              ? {
                  type: "original",
                  id: event.id,
                  raw: Buffer.from(event.text),
                  about: { from: event.from },
                  sentAt: event.sentAt,
                }
              : event,
          ),
          cursor,
        ),
    }),
  open: async ({ id, raw, about, sentAt }) => {
    const from = (about as { from: string }).from;
    const text = Buffer.from(raw).toString();
    return [{ type: "message", id, peer: { kind: "contact", id: from }, from, sentAt, text: `${text.slice(0, 10)}…` }];
  },
  fullText: async (raw) => Buffer.from(raw).toString(),
});

describe("commands", () => {
  test("are listed by help", async () => {
    const story = await aliceSignedIn();
    await writes(story, "HELP");
    await reads(story, help({ without: ["join"] }));
  });

  test("that do not exist are answered with the way to help", async () => {
    const story = await aliceSignedIn();
    await writes(story, "sudo rm -rf");
    await reads(story, `I do not know that word. Write "help" to see what you can do here.`);
  });

  test("give an address where everybody may have one", async () => {
    const story = await startStory({ domain: true });
    await writes(story, "join");
    await reads(story, "Your address is alice.");
    await writes(story, "accounts");
    await reads(story, "alice: online");
  });

  test("list contacts with their names", async () => {
    const story = await aliceSignedIn();
    await writes(story, "contacts");
    await reads(story, "You have no contacts here yet.");
    for (const contact of ["bob Bob", "carol"]) await writes(story, `add ${contact}`);
    await story.skip();
    await writes(story, "contacts");
    await reads(story, "Bob &lt;bob&gt;\ncarol");
  });

  test("show the whole of a message that was cut", async () => {
    const story = await aliceSignedIn({ bridge: asBytes });
    story.network.put("bob", "al", "a message that is longer than ten characters", "bob-1");
    await story.expect(`<message type="chat" id="{id}" from="bob@toy.localhost" to="alice@localhost">
      <body>a message …</body><origin-id xmlns="urn:xmpp:sid:0" id="{id}"/><markable xmlns="urn:xmpp:chat-markers:0"/></message>`);
    await writes(story, "full bob");
    await reads(story, "a message that is longer than ten characters");
    await writes(story, "full carol");
    await reads(story, `There is no message of "carol" that is still kept in full.`);
  });

  test("show a very long message in parts, of which none is lost", async () => {
    const story = await aliceSignedIn({ bridge: asBytes });
    const long = Array.from({ length: 2_000 }, (_, n) => `line ${n} 👋`).join("\n");
    story.network.put("bob", "al", long, "bob-1");
    await story.until("it came", () =>
      story.server.stanzas.some((stanza) => stanza.getChildText("body")?.startsWith("line 0")),
    );
    await story.skip();
    const before = story.server.stanzas.length;
    await writes(story, "full bob");
    const shown = () =>
      story.server.stanzas
        .slice(before)
        .map((stanza) => stanza.getChildText("body") ?? "")
        .join("");
    await story.until("all of it is there", () => shown().length >= long.length);
    expect(shown()).toBe(long);
  });

  test("work from the command window as well", async () => {
    const story = await aliceSignedIn();
    const ns = "http://jabber.org/protocol/commands";
    await story.ask(
      `<iq type="set" id="{id}" from="alice@localhost/phone" to="toy.localhost"><command xmlns="${ns}" node="viaduct/accounts" action="execute"/></iq>`,
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone">
        <command xmlns="${ns}" node="viaduct/accounts" sessionid="{session}" status="completed"><note type="info">al: online</note></command></iq>`,
    );
  });
});
