// Account mode, told by people on real servers: signing in and out, and who may.
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { type Element, escapeXMLText } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { gatewayJid, jidOf, bodyOf, type Person, readError, wantsReceipt } from "./person.ts";
import { setStage, type Stage } from "./stage.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const users = ["alice", "dave", "erin", "frank", "grace", "heidi", "ivan", "mallory"];
const permitted = users.filter((user) => user !== "mallory").map((user) => `${user}@localhost`);

describe.each(servers)("an account of one's own, on %s", (xmpp) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage({ xmpp, users, permissions: { allow: permitted } });
  });
  afterAll(() => stage?.stop());

  const database = (): string => join(stage.data, "viaduct.db");
  const form = (fields: Readonly<Record<string, string>>): string =>
    `<x xmlns='jabber:x:data' type='submit'>${Object.entries(fields)
      .map(([name, value]) => `<field var='${name}'><value>${escapeXMLText(value)}</value></field>`)
      .join("")}</x>`;
  const register = (person: Person, content: string): Promise<Element> =>
    person.request(`<iq type='set' to='${gatewayJid}'><query xmlns='jabber:iq:register'>${content}</query></iq>`);
  const registration = async (person: Person): Promise<Element | undefined> =>
    (await person.request(`<iq type='get' to='${gatewayJid}'><query xmlns='jabber:iq:register'/></iq>`)).getChild(
      "query",
    );
  const command = async (person: Person, attributes: string, content = ""): Promise<Element> => {
    const xmlns = "http://jabber.org/protocol/commands";
    const answer = await person.request(
      `<iq type='set' to='${gatewayJid}'><command xmlns='${xmlns}' node='viaduct/login' ${attributes}>${content}</command></iq>`,
    );
    const found = answer.getChild("command", xmlns);
    if (found === undefined) throw new Error(`no command came back: ${answer.toString()}`);
    return found;
  };

  it("is signed in to by the registration form, a wrong password first", async () => {
    const dave = await stage.enter("dave");
    const asked = await registration(dave);
    const fields = asked?.getChild("x", "jabber:x:data")?.getChildren("field") ?? [];
    expect(fields.map((field) => [field.attrs.var, field.attrs.type])).toEqual([
      ["address", "text-single"],
      ["password", "text-private"],
    ]);
    expect(asked?.getChild("registered")).toBeUndefined();

    const refused = await register(dave, form({ address: "dave@example.org", password: "wrong" }));
    expect(readError(refused)).toMatchObject({
      condition: "not-acceptable",
      text: "127.0.0.1 does not accept this address and password.",
    });
    const accepted = await register(dave, form({ address: "dave@example.org", password: "pw" }));
    expect(accepted.attrs.type).toBe("result");
    expect((await registration(dave))?.getChild("registered")).toBeDefined();
    // XEP-0100 section 4.1.1: the gateway asks to be in the roster.
    const asks = (stanza: Element) => stanza.attrs.type === "subscribe" && stanza.attrs.from === gatewayJid;
    await dave.next(asks, { what: "the gateway's subscription request" });
    expect(await dave.ask("accounts")).toMatch(/^dave@example\.org: (connecting|online)$/);
  });

  it("is signed in to by the old registration fields", async () => {
    const grace = await stage.enter("grace");
    const answer = await register(grace, "<username>grace@example.org</username><password>pw</password>");
    expect(answer.attrs.type).toBe("result");
    expect(await grace.ask("accounts")).toContain("grace@example.org");
  });

  it("is signed in to by a command window, a wrong password first", async () => {
    const erin = await stage.enter("erin");
    const first = await command(erin, "action='execute'");
    const session = `sessionid='${first.attrs.sessionid}'`;
    expect(first.attrs.status).toBe("executing");
    const again = await command(erin, session, form({ address: "erin@example.org", password: "wrong" }));
    expect(again.attrs.status).toBe("executing");
    expect(again.getChildText("note")).toBe("127.0.0.1 does not accept this address and password.");
    const preset = again.getChild("x", "jabber:x:data")?.getChildByAttr("var", "address");
    expect(preset?.getChildText("value")).toBe("erin@example.org");
    const done = await command(erin, session, form({ address: "erin@example.org", password: "pw" }));
    expect(done.attrs.status).toBe("completed");
    expect(done.getChildText("note")).toMatch(/^Signed in as erin@example\.org\./);
  });

  it("is signed in to by chat, a wrong address and a wrong password first", async () => {
    const frank = await stage.enter("frank");
    expect(await frank.ask("login")).toMatch(/^Sign in to your mail account:[\s\S]*Mail address\?/);
    await frank.ask("frank at example.org");
    expect(await frank.ask("pw")).toContain("That is not a mail address: it should look like name@example.org.");
    await frank.ask("frank@example.org");
    expect(await frank.ask("wrong")).toContain("127.0.0.1 does not accept this address and password.");
    // The address is kept: "-" takes it again.
    expect(await frank.ask("-")).toMatch(/^Password\?/);
    expect(await frank.ask("pw")).toMatch(/^Signed in as frank@example\.org\./);
  });

  it("may be one of two: each contact is answered from the account they wrote to, and mails go out from it", async () => {
    const heidi = await stage.enter("heidi");
    await heidi.signIn("heidi@example.org");
    await heidi.signIn("heidi@example.net");
    const accounts = (await heidi.ask("accounts")).split("\n").map((line) => line.split(":")[0]);
    expect(accounts.toSorted()).toEqual(["heidi@example.net", "heidi@example.org"]);

    await stage.post({ from: "work@example.test", to: "heidi@example.org", text: "to the first" });
    await stage.post({ from: "home@example.test", to: "heidi@example.net", text: "to the second" });
    expect(bodyOf(await heidi.hear("work@example.test"))).toBe("to the first");
    expect(bodyOf(await heidi.hear("home@example.test"))).toBe("to the second");
    heidi.write("work@example.test", "from the first");
    heidi.write("home@example.test", "from the second");
    const work = await stage.mailWith("work@example.test", "from the first");
    const home = await stage.mailWith("home@example.test", "from the second");
    expect(work.headers.get("from")).toBe("heidi@example.org");
    expect(home.headers.get("from")).toBe("heidi@example.net");
  });

  it("is gone after the sign-out, with everything that was kept", async () => {
    const ivan = await stage.enter("ivan");
    await ivan.signIn("ivan@example.org");
    ivan.send(`<presence type='subscribe' to='${jidOf("judy@example.test")}'/>`);
    const id = ivan.write("judy@example.test", "a secret of ivan's", { extra: wantsReceipt });
    await ivan.receiptFor(id);
    await stage.post({ from: "judy@example.test", to: "ivan@example.org", text: "a secret of judy's" });
    await ivan.hear("judy@example.test");

    expect(Object.keys(rowsAbout(database(), "ivan"))).toEqual(
      expect.arrayContaining(["accounts", "originals", "message_ids"]),
    );
    expect(await ivan.ask("logout")).toContain("Sign out of ivan@example.org");
    expect(await ivan.ask("yes")).toBe("Signed out of ivan@example.org.");
    const farewell = (stanza: Element) =>
      stanza.attrs.type === "unsubscribed" && stanza.attrs.from === jidOf("judy@example.test");
    await ivan.next(farewell, { what: "the end of the subscription" });

    expect(await ivan.ask("accounts")).toBe('You have no account here. Send "login" to sign in.');
    const refused = ivan.write("judy@example.test", "still there?");
    expect(await ivan.errorOn(refused)).toMatchObject({
      condition: "registration-required",
      text: 'Sign in first: send "login" to the gateway.',
    });
    expect(rowsAbout(database(), "ivan")).toEqual({});

    // Nothing old comes back with a new sign-in, and what came meanwhile was not for the gateway.
    await stage.post({ from: "judy@example.test", to: "ivan@example.org", text: "while away" });
    await stage.mailWith("ivan@example.org", "while away");
    await ivan.signIn("ivan@example.org");
    await stage.post({ from: "judy@example.test", to: "ivan@example.org", text: "welcome back" });
    expect(bodyOf(await ivan.hear("judy@example.test"))).toBe("welcome back");
  });

  it("is not for those who may not use the gateway: they get not-allowed, and nothing is made", async () => {
    const mallory = await stage.enter("mallory");
    const written = mallory.write("bob@example.test", "let me in");
    expect(await mallory.errorOn(written)).toEqual({
      id: written,
      type: "cancel",
      condition: "not-allowed",
      text: "This gateway is not open to you.",
    });
    const said = mallory.message({ to: gatewayJid, body: "login" });
    expect(await mallory.errorOn(said)).toMatchObject({ condition: "not-allowed" });
    const asked = await register(mallory, form({ address: "mallory@example.org", password: "pw" }));
    expect(readError(asked)).toMatchObject({ condition: "not-allowed" });
    mallory.send(`<presence type='subscribe' to='${jidOf("bob@example.test")}'/>`);
    const declined = (stanza: Element) => stanza.attrs.type === "unsubscribed";
    await mallory.next(declined, { what: "a declined subscription" });
    expect(rowsAbout(database(), "mallory")).toEqual({});
  });

  it("cannot be used by anybody else: another user's contacts and mails stay theirs", async () => {
    const alice = await stage.enter("alice");
    await alice.signIn("alice@example.org");
    alice.write("bob@example.test", "alice's own");
    await stage.mailWith("bob@example.test", "alice's own");
    const frank = await stage.enter("frank", "phone");
    expect(await frank.ask("logout alice@example.org")).toBe("Which account? One of: frank@example.org.");
    expect(await frank.ask("full bob@example.test")).toBe(
      'There is no message of "bob@example.test" that is still kept in full.',
    );
    expect(await alice.ask("accounts")).toContain("alice@example.org");
  });
});

/** How many rows of which tables belong to a user's accounts, or name the user. Empty: none. */
function rowsAbout(database: string, user: string): Record<string, number> {
  const db = new DatabaseSync(database, { readOnly: true });
  try {
    const counts: Record<string, number> = {};
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    for (const { name } of tables) {
      const table = String(name);
      const rows = db.prepare(`SELECT * FROM "${table}"`).all();
      const about = rows.filter((row) =>
        Object.values(row).some((value) => {
          const text = value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value);
          return text.includes(`${user}@`) || text.includes(`${user}'s`);
        }),
      ).length;
      if (about > 0) counts[table] = about;
    }
    return counts;
  } finally {
    db.close();
  }
}
