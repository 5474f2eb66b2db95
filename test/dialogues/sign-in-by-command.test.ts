// Alice signs in from the command window of her client (XEP-0050).
import { describe, expect, test } from "vitest";
import { startStory, type Story } from "./story.ts";

const ns = "http://jabber.org/protocol/commands";
const stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";
const command = (attributes: string, inside = "", from = "alice@localhost/phone") =>
  `<iq type="set" id="{id}" from="${from}" to="toy.localhost"><command xmlns="${ns}" node="viaduct/login" ${attributes}>${inside}</command></iq>`;
const answer = (attributes: string, inside: string, to = "alice@localhost/phone") =>
  `<iq type="result" id="{id}" from="toy.localhost" to="${to}"><command xmlns="${ns}" node="viaduct/login" ${attributes}>${inside}</command></iq>`;
const submit = (name: string, password: string) =>
  `<x xmlns="jabber:x:data" type="submit"><field var="name"><value>${name}</value></field><field var="password"><value>${password}</value></field></x>`;
const form = (instructions: string) => `<actions execute="complete"><complete/></actions>
  <x xmlns="jabber:x:data" type="form"><title>Sign in to the toy network</title><instructions>${instructions}</instructions>
  <field var="name" type="text-single" label="Name"><required/></field>
  <field var="password" type="text-private" label="Password"><required/></field></x>`;
const first = form("Enter your toy name and password.");
const again = `${form("This name and password do not belong together.\nEnter your toy name and password.")}
  <note type="error">This name and password do not belong together.</note>`;
const error = (type: string, condition: string, text: string, to = "alice@localhost/phone") =>
  `<iq type="error" id="{id}" from="toy.localhost" to="${to}"><error type="${type}"><${condition} xmlns="${stanzas}"/><text xmlns="${stanzas}">${text}</text></error></iq>`;

async function start(): Promise<Story> {
  const story = await startStory();
  story.network.passwords.set("al", "secret");
  return story;
}
const begin = (story: Story, from = "alice@localhost/phone") =>
  story.ask(command(`action="execute"`, "", from), answer(`sessionid="{session}" status="executing"`, first, from));

describe("signing in by a command", () => {
  test("is among the commands that the gateway lists", async () => {
    const story = await start();
    await story.ask(
      `<iq type="get" id="{id}" from="alice@localhost/phone" to="toy.localhost">
        <query xmlns="http://jabber.org/protocol/disco#items" node="${ns}"/></iq>`,
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone">
        <query xmlns="http://jabber.org/protocol/disco#items" node="${ns}">
        <item jid="toy.localhost" node="viaduct/help" name="What you can do here"/>
        <item jid="toy.localhost" node="viaduct/login" name="Sign in with an account of your own"/>
        <item jid="toy.localhost" node="viaduct/accounts" name="Your accounts and their state"/></query></iq>`,
    );
    await story.ask(
      `<iq type="get" id="{id}" from="alice@localhost/phone" to="toy.localhost">
        <query xmlns="http://jabber.org/protocol/disco#info" node="viaduct/login"/></iq>`,
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone">
        <query xmlns="http://jabber.org/protocol/disco#info" node="viaduct/login">
        <identity category="automation" type="command-node" name="Sign in with an account of your own"/>
        <feature var="${ns}"/><feature var="jabber:x:data"/></query></iq>`,
    );
  });

  test("with a wrong password first, then the right one", async () => {
    const story = await start();
    const { session } = await begin(story);
    await story.ask(
      command(`sessionid="${session}"`, submit("al", "wrong")),
      answer(`sessionid="${session}" status="executing"`, again),
    );
    await story.ask(
      command(`sessionid="${session}" action="complete"`, submit("AL", "secret")),
      answer(
        `sessionid="${session}" status="completed"`,
        `<note type="info">Signed in as al. Add a contact, or just write to one: enter a toy name.</note>`,
      ),
    );
    expect(story.viaduct.gateway.accounts.of("toy", "alice@localhost").map(({ self }) => self)).toEqual(["al"]);
  });

  test("that is cancelled is over", async () => {
    const story = await start();
    const { session } = await begin(story);
    await story.ask(
      command(`sessionid="${session}" action="cancel"`),
      answer(`sessionid="${session}" status="canceled"`, ""),
    );
    await story.ask(
      command(`sessionid="${session}"`, submit("al", "secret")),
      error("modify", "bad-request", "This dialogue is over; start the command again."),
    );
    expect(story.viaduct.gateway.accounts.size).toBe(0);
  });

  test("ends after three wrong passwords", async () => {
    const story = await start();
    const { session } = await begin(story);
    for (let n = 0; n < 2; n++) {
      await story.ask(
        command(`sessionid="${session}"`, submit("al", "wrong")),
        answer(`sessionid="${session}" status="executing"`, again),
      );
    }
    await story.ask(
      command(`sessionid="${session}"`, submit("al", "wrong")),
      error("auth", "not-authorized", "Too many wrong passwords."),
    );
  });

  test("X20: cannot be gone on with by somebody else", async () => {
    const story = await start();
    const { session } = await begin(story);
    const mallory = "mallory@localhost/phone";
    for (const step of [`sessionid="${session}"`, `sessionid="${session}" action="cancel"`]) {
      await story.ask(
        command(step, submit("al", "secret"), mallory),
        error("auth", "forbidden", "This dialogue is somebody else's.", mallory),
      );
    }
    await story.ask(
      command(`sessionid="${session}"`, submit("al", "secret")),
      answer(`sessionid="${session}" status="completed"`, `<note type="info">{text}</note>`),
    );
  });

  test("X20: without a form, out of order, or of no such command is refused", async () => {
    const story = await start();
    const { session } = await begin(story);
    for (const action of ["", `action="next"`, `action="prev"`]) {
      await story.ask(
        command(`sessionid="${session}" ${action}`),
        error("modify", "bad-request", "The form is missing."),
      );
    }
    await story.ask(
      command(`sessionid="made-up"`, submit("al", "secret")),
      error("modify", "bad-request", "This dialogue is over; start the command again."),
    );
    await story.ask(
      command("").replace("viaduct/login", "viaduct/root-shell"),
      error("cancel", "item-not-found", "There is no such command."),
    );
  });

  test("X20: a user has five open commands at most, begun one by one or all at once", async () => {
    const story = await start();
    for (let n = 0; n < 20; n++) await story.send(command(`action="execute"`).replace("{id}", `many-${n}`));
    const answers = () => story.server.stanzas.filter((stanza) => String(stanza.attrs.id).startsWith("many-"));
    await story.until("all are answered", () => answers().length === 20);
    expect(answers().filter((stanza) => stanza.attrs.type === "result")).toHaveLength(5);
    await story.ask(
      command(`action="execute"`),
      error("wait", "resource-constraint", "Too many open dialogues; finish or cancel one."),
    );
    await begin(story, "bob@localhost/phone");
  });
});
