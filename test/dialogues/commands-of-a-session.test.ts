// A bridge may let its users say more than the gateway's own words: here the toy network can be asked to ring a bell.
import { describe, test } from "vitest";
import { type AnyBridge, BridgeError, type SessionCommand } from "#bridge";
import { help } from "./help.ts";
import { aliceSignedIn, signIn, type Story, startStory } from "./story.ts";

const writes = (story: Story, text: string, from = "alice") =>
  story.send(`<message type="chat" from="${from}@localhost/phone" to="toy.localhost"><body>${text}</body></message>`);
const reads = (story: Story, text: string) =>
  story.expect(
    `<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost"><body>${text}</body></message>`,
  );

const bell = (self: string): SessionCommand => ({
  word: "ring",
  title: "Ring a bell",
  usage: "[HOW]",
  async *run(rest) {
    if (rest === "badly") throw new BridgeError("reject", "The bell is cracked.", { condition: "not-acceptable" });
    const answers = yield {
      title: "Ring a bell",
      instructions: "It is loud.",
      fields: [{ name: "times", label: "How often?", kind: "number", required: true }],
    };
    return `${self} rings ${answers.times} times${rest ? `, ${rest}` : ""}.`;
  },
});

/** Words that are the gateway's, or none. */
const impostors = ["logout", "cancel", "two words", "Ring", ""].map(
  (word): SessionCommand => ({
    ...bell("nobody"),
    word,
  }),
);

const withBell = (toy: AnyBridge): AnyBridge => ({
  ...toy,
  async connect(account, host) {
    const session = await toy.connect(account, host);
    return Object.assign(session, { commands: [...impostors, bell(account.self)] });
  },
});

const command = (attributes: string, inside = "") =>
  `<iq type="set" id="{id}" from="alice@localhost/phone" to="toy.localhost">
    <command xmlns="http://jabber.org/protocol/commands" node="viaduct/ring" ${attributes}>${inside}</command></iq>`;

describe("commands of a session", () => {
  test("are listed by help behind the gateway's own, each word once", async () => {
    const story = await aliceSignedIn({ bridge: withBell });
    await signIn(story, "alice", "al.work");
    await writes(story, "help");
    await reads(story, help({ without: ["join"], more: ["ring [HOW] - Ring a bell"] }));
  });

  test("are dialogues in chat, and get what followed the word", async () => {
    const story = await aliceSignedIn({ bridge: withBell });
    await writes(story, "ring softly and long");
    await reads(story, `Ring a bell: It is loud.\nHow often?\n("cancel" leaves this.)`);
    await writes(story, "3");
    await reads(story, "al rings 3 times, softly and long.");
  });

  test("ask first for which account, where several know them", async () => {
    const story = await aliceSignedIn({ bridge: withBell });
    await signIn(story, "alice", "al.work");
    await writes(story, "ring");
    await reads(story, `Ring a bell\nFor which account? One of: al, al.work.\n("cancel" leaves this.)`);
    await writes(story, "al.work");
    await reads(story, `Ring a bell: It is loud.\nHow often?\n("cancel" leaves this.)`);
    await writes(story, "2");
    await reads(story, "al.work rings 2 times.");
  });

  test("end with the sentence of the bridge when they fail", async () => {
    const story = await aliceSignedIn({ bridge: withBell });
    await writes(story, "ring badly");
    await reads(story, "The bell is cracked.");
  });

  test("are nobody's who has no account", async () => {
    const story = await aliceSignedIn({ bridge: withBell });
    await writes(story, "ring", "mallory");
    await story.expect(
      `<message type="chat" from="toy.localhost" to="mallory@localhost"><body>I do not know that word. Write "help" to see what you can do here.</body></message>`,
    );
  });

  test("are not there while the account is signed out", async () => {
    const story = await aliceSignedIn({ bridge: withBell });
    const [account] = story.viaduct.gateway.accounts.of("toy", "alice@localhost");
    if (account) story.viaduct.gateway.sessions.loginRequired(account.id, "The password is wrong.");
    await reads(story, 'al is signed out. The password is wrong. Send "login"; messages wait until then.');
    await story.skip();
    await writes(story, "ring");
    await reads(story, `I do not know that word. Write "help" to see what you can do here.`);
  });

  test("leave the gateway's words alone", async () => {
    const story = await aliceSignedIn({ bridge: withBell });
    await writes(story, "logout");
    await reads(
      story,
      `Sign out of al: Its credentials, contacts and waiting messages are deleted here. Nothing is deleted on the network.\nWrite "yes" to go on?\n("cancel" leaves this.)`,
    );
    await writes(story, "cancel");
    await reads(story, "Cancelled.");
  });

  test("are ad-hoc commands", async () => {
    const story = await aliceSignedIn({ bridge: withBell });
    const { session = "" } = await story.ask(
      command(`action="execute"`),
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone">
        <command xmlns="http://jabber.org/protocol/commands" node="viaduct/ring" sessionid="{session}" status="executing">
          <actions execute="complete"><complete/></actions>
          <x xmlns="jabber:x:data" type="form"><title>Ring a bell</title><instructions>It is loud.</instructions>
            <field type="text-single" var="times" label="How often?"><required/></field></x></command></iq>`,
    );
    const form = `<x xmlns="jabber:x:data" type="submit"><field var="times"><value>5</value></field></x>`;
    await story.ask(
      command(`sessionid="${session}"`, form),
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone">
        <command xmlns="http://jabber.org/protocol/commands" node="viaduct/ring" sessionid="${session}" status="completed">
          <note type="info">al rings 5 times.</note></command></iq>`,
    );
  });
});

describe("a notice of a session", () => {
  test("is a line from the gateway, also to a user who was away", async () => {
    const story = await startStory({
      bridge: (toy) => ({
        ...toy,
        async connect(account, host) {
          await host.notice(`${account.self} should look at the bell.`);
          return toy.connect(account, host);
        },
      }),
    });
    story.network.passwords.set("al", "secret");
    await story.send(
      `<iq type="set" id="in" from="alice@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:register">
        <username>al</username><password>secret</password></query></iq>`,
    );
    await reads(story, "al should look at the bell.");
  });
});
