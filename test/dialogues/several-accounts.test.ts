// Alice has two accounts on one network. A conversation stays with the account it began with.
import { describe, expect, test } from "vitest";
import { aliceSignedIn, signIn, type Story } from "./story.ts";

const write = (story: Story, to: string, text: string) =>
  story.send(`<message type="chat" from="alice@localhost/phone" to="${to}"><body>${text}</body></message>`);
const reads = (story: Story, text: string) =>
  story.expect(
    `<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost"><body>${text}</body></message>`,
  );
const senders = (story: Story, to: string) =>
  story.network.messages.filter((message) => message.to === to).map(({ from }) => from);

async function twoAccounts(): Promise<Story> {
  const story = await aliceSignedIn();
  await write(story, "bob@toy.localhost", "from my first account");
  await story.until("it is sent", () => story.network.messages.length === 1);
  await signIn(story, "alice", "al.work");
  return story;
}

describe("two accounts", () => {
  test("keep their conversations; new ones begin with the account signed in to last", async () => {
    const story = await twoAccounts();
    await write(story, "bob@toy.localhost", "still my first");
    await write(story, "carol@toy.localhost", "my second");
    await story.until("both are sent", () => story.network.messages.length === 3);
    expect(senders(story, "bob")).toEqual(["al", "al"]);
    expect(senders(story, "carol")).toEqual(["al.work"]);
  });

  test("each get their own mail, and the answer goes out from where it came in", async () => {
    const story = await twoAccounts();
    story.network.put("dave", "al", "to your first", "d-1");
    story.network.put("erin", "al.work", "to your second", "e-1");
    for (const name of ["dave", "erin"])
      await story.expect(`<presence type="subscribe" from="${name}@toy.localhost" to="alice@localhost"/>`);
    await write(story, "dave@toy.localhost", "hi dave");
    await write(story, "erin@toy.localhost", "hi erin");
    await story.until("both are sent", () => story.network.messages.length === 5);
    expect([senders(story, "dave"), senders(story, "erin")]).toEqual([["al"], ["al.work"]]);
  });

  test("are listed with their state and with what waits", async () => {
    const story = await twoAccounts();
    let go = () => {};
    story.network.trouble.beforeSend = () =>
      new Promise((resolve) => {
        go = resolve;
      });
    await write(story, "bob@toy.localhost", "stuck");
    await story.skip();
    await write(story, "toy.localhost", "accounts");
    await reads(story, "al: online, 1 conversation waits to be sent\nal.work: online");
    go();
  });

  test("are told apart by a question where a command needs one of them", async () => {
    const story = await twoAccounts();
    await write(story, "toy.localhost", "logout");
    await reads(story, `Sign out\nWhich account? One of: al, al.work.\n("cancel" leaves this.)`);
    await write(story, "toy.localhost", "al.work");
    await reads(
      story,
      `Sign out of al.work: Its credentials, contacts and waiting messages are deleted here. Nothing is deleted on the network.\nWrite "yes" to go on?\n("cancel" leaves this.)`,
    );
    await write(story, "toy.localhost", "yes");
    await reads(story, "Signed out of al.work.");
    expect(story.viaduct.gateway.accounts.of("toy", "alice@localhost").map(({ self }) => self)).toEqual(["al"]);
  });

  test("of a name that is none of them are named", async () => {
    const story = await twoAccounts();
    await write(story, "toy.localhost", "contacts somebody");
    await reads(story, "Which account? One of: al, al.work.");
  });

  test("may not be more than five", async () => {
    const story = await aliceSignedIn();
    for (const name of ["b2", "b3", "b4", "b5"]) await signIn(story, "alice", name);
    story.network.passwords.set("b6", "secret");
    await story.ask(
      `<iq type="set" id="{id}" from="alice@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:register">
        <username>b6</username><password>secret</password></query></iq>`,
      `<iq type="error" id="{id}" from="toy.localhost" to="alice@localhost/phone"><error type="wait">
        <resource-constraint xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
        <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">You have 5 accounts here; sign out of one first.</text></error></iq>`,
    );
  });
});
