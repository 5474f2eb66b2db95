// The operator lets nobody sign in with an account of their own: nothing speaks of it then.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { AnyBridge } from "#bridge";
import { help } from "./help.ts";
import { signIn, startStory, type Story } from "./story.ts";

const commands = "http://jabber.org/protocol/commands";
const stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";
const registration = (type: string) =>
  `<iq type="${type}" id="{id}" from="alice@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:register"/></iq>`;
const refused = (condition: string, text: string) =>
  `<iq type="error" id="{id}" from="toy.localhost" to="alice@localhost/phone">
    <error type="cancel"><${condition} xmlns="${stanzas}"/><text xmlns="${stanzas}">${text}</text></error></iq>`;

const bridge = (toy: AnyBridge): AnyBridge => ({ ...toy, accountMode: () => false });
const writes = (story: Story, text: string) =>
  story.send(`<message type="chat" from="alice@localhost/phone" to="toy.localhost"><body>${text}</body></message>`);
const reads = (story: Story, text: string) =>
  story.expect(`<message type="chat" from="toy.localhost" to="alice@localhost"><body>${text}</body></message>`);

describe("where everybody has an address", () => {
  test("the chat tells of it, and knows no login", async () => {
    const story = await startStory({ domain: true, bridge });
    await writes(story, "accounts");
    await reads(story, `You have no account here. Send "join" to get your address.`);
    await writes(story, "login");
    await reads(story, `I do not know that word. Write "help" to see what you can do here.`);
    await writes(story, "help");
    await reads(story, help({ without: ["login"] }));
  });

  test("the command window has no login", async () => {
    const story = await startStory({ domain: true, bridge });
    await story.ask(
      `<iq type="get" id="{id}" from="alice@localhost/phone" to="toy.localhost">
        <query xmlns="http://jabber.org/protocol/disco#items" node="${commands}"/></iq>`,
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone">
        <query xmlns="http://jabber.org/protocol/disco#items" node="${commands}">
        <item jid="toy.localhost" node="viaduct/help" name="What you can do here"/>
        <item jid="toy.localhost" node="viaduct/join" name="Get your address on this server"/>
        <item jid="toy.localhost" node="viaduct/accounts" name="Your accounts and their state"/>
        <item jid="toy.localhost" node="viaduct/add" name="Add a contact"/>
        <item jid="toy.localhost" node="viaduct/contacts" name="Your contacts here"/>
        <item jid="toy.localhost" node="viaduct/chats" name="People you have chats with on the network, to add one"/>
        <item jid="toy.localhost" node="viaduct/find" name="Find somebody on the network"/>
        <item jid="toy.localhost" node="viaduct/rooms" name="Your rooms on the network, to join one"/>
        <item jid="toy.localhost" node="viaduct/leave" name="Leave a room on the network"/>
        <item jid="toy.localhost" node="viaduct/full" name="The whole of the last message of a contact"/>
        <item jid="toy.localhost" node="viaduct/logout" name="Sign out and delete your data here"/></query></iq>`,
    );
    await story.ask(
      `<iq type="set" id="{id}" from="alice@localhost/phone" to="toy.localhost">
        <command xmlns="${commands}" node="viaduct/login" action="execute"/></iq>`,
      refused("item-not-found", "There is no such command."),
    );
  });

  test("registering asks for no password", async () => {
    const story = await startStory({ domain: true, bridge });
    await story.ask(
      registration("get"),
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone"><query xmlns="jabber:iq:register">
        <instructions>Send the empty form to get your address.</instructions></query></iq>`,
    );
    await story.ask(
      registration("set"),
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone"/>`,
    );
    expect(story.viaduct.gateway.accounts.bySelf("toy", "alice")?.user).toBe("alice@localhost");
  });
});

describe("where there is no address either", () => {
  test("nobody is sent to sign in", async () => {
    const story = await startStory({ bridge });
    for (const type of ["get", "set"])
      await story.ask(registration(type), refused("not-allowed", "There is nothing to register for."));
    await writes(story, "accounts");
    await reads(story, "You have no account here.");
    await story.send(
      `<message type="chat" id="m1" from="alice@localhost/phone" to="bob@toy.localhost"><body>hi</body></message>`,
    );
    await story.expect(`<message type="error" id="m1" from="bob@toy.localhost" to="alice@localhost/phone">
      <error type="cancel"><not-allowed xmlns="${stanzas}"/>
      <text xmlns="${stanzas}">There is no address for you here.</text></error></message>`);
  });
});

describe("an account from before accounts of one's own were switched off", () => {
  const notice =
    "alice is signed out. Your operator has switched off accounts of one's own here. " +
    'Send "logout" to delete what is stored of it.';

  /** Alice signed in as alice; then the operator changed the configuration. */
  async function switchedOff(domain: boolean) {
    const dir = mkdtempSync(join(tmpdir(), "viaduct-"));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const before = await startStory({ dir });
    await signIn(before, "alice", "alice");
    await before.stop();
    const story = await startStory({ dir, network: before.network, domain, bridge });
    await story.expect(
      `<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost"><body>${notice}</body></message>`,
    );
    await story.skip();
    return story;
  }
  const hello = `<message type="chat" id="m1" from="alice@localhost/phone" to="bob@toy.localhost"><body>hi</body></message>`;

  test("is not connected, says so, and can be deleted", async () => {
    const story = await switchedOff(false);
    await story.send(hello);
    await story.expect(`<message type="error" id="m1" from="bob@toy.localhost" to="alice@localhost/phone">
      <error type="cancel"><not-allowed xmlns="${stanzas}"/>
      <text xmlns="${stanzas}">There is no address for you here.</text></error></message>`);
    await writes(story, "logout");
    await story.expect(
      `<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost"><body>Sign out of alice: Its credentials, contacts and waiting messages are deleted here. Nothing is deleted on the network.\nWrite "yes" to go on?\n("cancel" leaves this.)</body></message>`,
    );
    await writes(story, "yes");
    await story.until("it is gone", () => story.viaduct.gateway.accounts.of("toy", "alice@localhost").length === 0);
  });

  test("is not what she writes with where everybody has an address", async () => {
    const story = await switchedOff(true);
    await story.send(hello);
    await story.until("it is sent", () => story.network.messages.length === 1);
    const modes = story.viaduct.gateway.accounts.of("toy", "alice@localhost").map(({ mode }) => mode);
    expect(modes).toEqual(["account", "domain"]);
  });
});
