// Alice signs in by writing to the gateway: for clients without a window for commands or forms.
import { describe, expect, test } from "vitest";
import { startStory, type Story } from "./story.ts";

const writes = (story: Story, text: string, user = "alice") =>
  story.send(`<message type="chat" from="${user}@localhost/phone" to="toy.localhost"><body>${text}</body></message>`);
/** Without an account the answer has no id: nothing was stored for it. */
const reads = (story: Story, text: string, user = "alice") =>
  story.expect(`<message type="chat" from="toy.localhost" to="${user}@localhost"><body>${text}</body></message>`);
const question = `Sign in to the toy network: Enter your toy name and password.\nName?\n("cancel" leaves this.)`;
const password = "Password? Delete your message afterwards; a command window keeps it out of your history.";

async function start(): Promise<Story> {
  const story = await startStory();
  story.network.passwords.set("al", "secret");
  return story;
}

describe("signing in by chat", () => {
  test("one question at a time, with a wrong password first", async () => {
    const story = await start();
    await writes(story, "Login");
    await reads(story, question);
    await writes(story, "al");
    await reads(story, password);
    await writes(story, "wrong");
    await reads(story, `This name and password do not belong together.\n${question}`);
    await writes(story, "al");
    await reads(story, password);
    await writes(story, "secret");
    await story.expect(`<presence type="subscribe" from="toy.localhost" to="alice@localhost"/>`);
    await story.expect(`<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost">
      <body>Signed in as al. Add a contact, or just write to one: enter a toy name.</body></message>`);
    expect(story.viaduct.gateway.accounts.of("toy", "alice@localhost")).toHaveLength(1);
  });

  test("that is cancelled leaves nothing", async () => {
    const story = await start();
    await writes(story, "login");
    await reads(story, question);
    await writes(story, "Cancel");
    await reads(story, "Cancelled.");
    await writes(story, "al");
    await reads(story, `I do not know that word. Write "help" to see what you can do here.`);
    expect(story.viaduct.gateway.accounts.size).toBe(0);
  });

  test("ends after three wrong passwords with a sentence", async () => {
    const story = await start();
    await writes(story, "login");
    for (let n = 0; n < 3; n++) {
      await story.skip();
      await writes(story, "al");
      await reads(story, password);
      await writes(story, "wrong");
    }
    await reads(story, "Too many wrong passwords.");
    await story.nothing();
  });

  test("of two people at once are two dialogues", async () => {
    const story = await start();
    story.network.passwords.set("bo", "other");
    await writes(story, "login");
    await reads(story, question);
    await writes(story, "login", "bob");
    await reads(story, question, "bob");
    await writes(story, "bo", "bob");
    await reads(story, password, "bob");
    await writes(story, "al");
    await reads(story, password);
    await writes(story, "other", "bob");
    await story.until("bob is signed in", () => story.viaduct.gateway.accounts.of("toy", "bob@localhost").length === 1);
    expect(story.viaduct.gateway.accounts.of("toy", "alice@localhost")).toEqual([]);
  });
});

describe("writing to the gateway", () => {
  test("shows what one can do before signing in", async () => {
    const story = await start();
    await writes(story, "help");
    await reads(
      story,
      [
        "This is the Toy gateway. You can write:",
        "help - What you can do here",
        "login - Sign in with an account of your own",
        "accounts - Your accounts and their state",
        "cancel - leave a dialogue",
      ].join("\n"),
    );
    await writes(story, "accounts");
    await reads(story, `You have no account here. Send "login" to sign in.`);
    await writes(story, "add bob");
    await reads(story, `I do not know that word. Write "help" to see what you can do here.`);
  });

  test("nothing, or only typing, is answered with nothing", async () => {
    const story = await start();
    await writes(story, "  ");
    await story.send(`<message type="chat" from="alice@localhost/phone" to="toy.localhost">
      <composing xmlns="http://jabber.org/protocol/chatstates"/></message>`);
    await story.nothing();
  });

  test("X12: too fast is refused for a while, on the very message", async () => {
    const story = await startStory({ limits: { messagesPerMinute: 60, messageBurst: 3 } });
    for (let n = 0; n < 10; n++) {
      await story.send(
        `<message type="chat" id="f${n}" from="alice@localhost/phone" to="toy.localhost"><body>help</body></message>`,
      );
    }
    for (let n = 3; n < 10; n++) {
      await story.expect(`<message type="error" id="f${n}" from="toy.localhost" to="alice@localhost/phone"><error type="wait">
        <policy-violation xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
        <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">Too many messages at once; try again in 1 s.</text></error></message>`);
    }
  });
});
