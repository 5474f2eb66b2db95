// Alice signs in on a page in her browser, so that her password does not stand in a chat. However she began, it is the same
// dialogue.
import { describe, expect, test } from "vitest";
import { WebBrowser } from "../kit/browser.ts";
import { startStory, type Story } from "./story.ts";

const writes = (story: Story, text: string, user = "alice") =>
  story.send(`<message type="chat" from="${user}@localhost/phone" to="toy.localhost"><body>${text}</body></message>`);
const offered = (story: Story, user = "alice") =>
  story.expect(`<message type="chat" from="toy.localhost" to="${user}@localhost"><body>Sign in to the toy network: ${instructions}
Name?
("cancel" leaves this.)</body></message>`);
const told = (story: Story) =>
  story.expect(`<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost">
    <body>Signed in as al. Add a contact, or just write to one: enter a toy name.</body></message>`);
const instructions = "Enter your toy name and password. You can also do this in a browser: {link}";
const form = `<x xmlns="jabber:x:data" type="form"><title>Sign in to the toy network</title>
  <instructions>${instructions}</instructions>
  <field var="name" type="text-single" label="Name"><required/></field>
  <field var="password" type="text-private" label="Password"><required/></field></x>`;

async function start(): Promise<Story> {
  const story = await startStory({ web: true });
  story.network.passwords.set("al", "secret");
  return story;
}
const begin = async (story: Story, user = "alice"): Promise<string> => {
  await writes(story, "login", user);
  const { link = "" } = await offered(story, user);
  return link;
};
async function agree(link: string): Promise<WebBrowser> {
  const browser = new WebBrowser();
  await browser.open(link);
  await browser.submit();
  return browser;
}
const accounts = (story: Story, user = "alice") =>
  story.viaduct.gateway.accounts.of("toy", `${user}@localhost`).map(({ self }) => self);

describe("signing in on a page", () => {
  test("begins with the question whose it is, takes a second try, and is told in the chat", async () => {
    const story = await start();
    const link = await begin(story);
    const browser = new WebBrowser();
    const consent = await browser.open(link);
    expect(consent.html).toContain("<strong>alice@localhost</strong>");
    expect(consent.html).not.toContain("Password");
    const question = await browser.submit();
    expect([question.url.href, question.status]).toEqual([link, 200]);
    expect(question.html).toContain('<input name="password" type="password" value=""');
    const again = await browser.submit({ name: "al", password: "wrong" });
    expect(again.html).toContain("This name and password do not belong together.");
    expect(again.html).not.toContain("wrong");
    const missing = await browser.submit({ name: "al" });
    expect(missing.html).toContain("Please fill in: Password");
    const done = await browser.submit({ name: "al", password: "secret" });
    expect(done.html).toContain("Signed in as al.");
    await story.expect(`<presence type="subscribe" from="toy.localhost" to="alice@localhost"/>`);
    await told(story);
    expect(accounts(story)).toEqual(["al"]);
    expect((await browser.open(link)).status).toBe(404);
    await writes(story, "accounts");
    await story.expect(
      `<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost"><body>al: online</body></message>`,
    );
  });

  test("can be left for the chat: then the page is over", async () => {
    const story = await start();
    const browser = await agree(await begin(story));
    await writes(story, "al");
    await writes(story, "secret");
    await told(story);
    const late = await browser.submit({ name: "al", password: "secret" });
    expect([late.status, late.html.includes("This page is over")]).toEqual([404, true]);
  });

  test("that is cancelled in the chat is over in the browser", async () => {
    const story = await start();
    const link = await begin(story);
    const browser = await agree(link);
    await writes(story, "cancel");
    await story.until("it is over", async () => (await browser.open(link)).status === 404);
    expect(accounts(story)).toEqual([]);
  });

  test("that ends with too many wrong passwords says so in both places", async () => {
    const story = await start();
    const browser = await agree(await begin(story));
    for (const password of ["a", "b"]) await browser.submit({ name: "al", password });
    const end = await browser.submit({ name: "al", password: "c" });
    expect([end.status, end.html.includes("Too many wrong passwords.")]).toEqual([403, true]);
    await story.expect(
      `<message type="chat" from="toy.localhost" to="alice@localhost"><body>Too many wrong passwords.</body></message>`,
    );
  });

  test("is apart from what somebody else does there", async () => {
    const story = await start();
    story.network.passwords.set("bo", "other");
    const alices = await agree(await begin(story));
    const bobs = await agree(await begin(story, "bob"));
    expect((await bobs.submit({ name: "bo", password: "other" })).html).toContain("Signed in as bo.");
    expect((await alices.submit({ name: "al", password: "secret" })).html).toContain("Signed in as al.");
    expect([accounts(story), accounts(story, "bob")]).toEqual([["al"], ["bo"]]);
  });

  test("two at once in one browser do not disturb each other", async () => {
    const story = await start();
    const [first, second] = [await begin(story), await begin(story, "bob")];
    const browser = await agree(first);
    await browser.open(second);
    await browser.submit();
    expect((await browser.open(first)).html).toContain("For <strong>alice@localhost</strong>");
    expect((await browser.open(second)).html).toContain("For <strong>bob@localhost</strong>");
  });
});

describe("by a page of the network's own", () => {
  test("the browser goes there from the page and comes back to it", async () => {
    const story = await start();
    story.network.portal = new URL("https://portal.example/enter");
    story.network.tickets.set("T1", "al");
    await writes(story, "login");
    const { link = "" } =
      await story.expect(`<message type="chat" from="toy.localhost" to="alice@localhost"><body>Sign in to the toy network: Open {link} in a browser to sign in at portal.example. Or enter your toy name and password.
Name? (send "-" to leave it out)
("cancel" leaves this.)</body></message>`);
    const browser = await agree(link);
    const there = new URL(browser.link("https://portal.example/enter?"));
    const back = new URL(there.searchParams.get("back") ?? "");
    expect(back.pathname).toBe("/sign-in/return");
    back.searchParams.set("state", there.searchParams.get("state") ?? "");
    back.searchParams.set("ticket", "wrong");
    expect((await browser.open(back)).html).toContain("This ticket is not good.");
    const again = new URL(browser.link("https://portal.example/enter?"));
    back.searchParams.set("ticket", "T1");
    expect((await browser.open(back)).status).toBe(404);
    back.searchParams.set("state", again.searchParams.get("state") ?? "");
    expect((await browser.open(back)).html).toContain("Signed in as al.");
    await told(story);
  });

  test("is not offered where there is no web server", async () => {
    const story = await startStory();
    story.network.portal = new URL("https://portal.example/enter");
    await writes(story, "login");
    await story.expect(`<message type="chat" from="toy.localhost" to="alice@localhost"><body>Sign in to the toy network: Enter your toy name and password.
Name?
("cancel" leaves this.)</body></message>`);
  });
});

describe("where it was begun", () => {
  test("a command window learns of the end when the user goes on there", async () => {
    const story = await start();
    const ns = "http://jabber.org/protocol/commands";
    const command = (attributes: string, inside = "") =>
      `<iq type="set" id="{id}" from="alice@localhost/phone" to="toy.localhost"><command xmlns="${ns}" node="viaduct/login" ${attributes}>${inside}</command></iq>`;
    const answer = (attributes: string, inside: string) =>
      `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone"><command xmlns="${ns}" node="viaduct/login" ${attributes}>${inside}</command></iq>`;
    const { session, link = "" } = await story.ask(
      command(`action="execute"`),
      answer(`sessionid="{session}" status="executing"`, `<actions execute="complete"><complete/></actions>${form}`),
    );
    const browser = await agree(link);
    await browser.submit({ name: "al", password: "secret" });
    await told(story);
    const empty = `<x xmlns="jabber:x:data" type="submit"/>`;
    await story.ask(
      command(`sessionid="${session}"`, empty),
      answer(
        `sessionid="${session}" status="completed"`,
        `<note type="info">Signed in as al. Add a contact, or just write to one: enter a toy name.</note>`,
      ),
    );
  });

  test("a registration form names the page, the same one when it is asked for again", async () => {
    const story = await start();
    const asked = `<iq type="get" id="{id}" from="alice@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:register"/></iq>`;
    const shown = `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone"><query xmlns="jabber:iq:register">
      <instructions>${instructions}</instructions><username/><password/>${form}<x xmlns="jabber:x:oob"><url>{link}</url></x></query></iq>`;
    const { link = "" } = await story.ask(asked, shown);
    for (let n = 0; n < 10; n++) expect(await story.ask(asked, shown)).toEqual({ link });
    const browser = await agree(link);
    await browser.submit({ name: "al", password: "secret" });
    await told(story);
    expect(accounts(story)).toEqual(["al"]);
  });
});
