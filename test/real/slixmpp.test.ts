// Implementations of XMPP that nobody here wrote read what the gateway writes: slixmpp's plug-ins, and go-sendxmpp.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { type Slixmpp, startSlixmpp } from "./slixmpp.ts";
import { setStage, type Stage, until } from "./stage.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const gateway = "email.localhost";
const bob = "bob\\40example.test@email.localhost";

describe.each(servers)("slixmpp, on %s", (xmpp) => {
  let stage: Stage;
  let alice: Slixmpp;
  beforeAll(async () => {
    stage = await setStage({ xmpp, users: ["alice", "carol", "gosend"], domain: true, tls: true });
    alice = await startSlixmpp(stage.xmpp.c2sPort, "alice@localhost");
  });
  afterAll(async () => {
    await alice?.stop();
    await stage?.stop();
  });

  it("discovers the gateway and its commands, and computes the same caps hash as its presence carries", async () => {
    const found = await alice.tell({ do: "disco", jid: gateway });
    expect(found).toMatchObject({ identities: [["gateway", "smtp", "Email"]] });
    expect(found.features).toEqual(
      expect.arrayContaining(["jabber:iq:register", "jabber:iq:gateway", "urn:xmpp:ping", "vcard-temp"]),
    );
    expect(await alice.tell({ do: "commands", jid: gateway })).toEqual(
      expect.arrayContaining(["viaduct/help", "viaduct/login", "viaduct/accounts"]),
    );
    await alice.tell({ do: "add", jid: gateway });
    const presence = await alice.event("presence", (line) => line["frm"] === `${gateway}/viaduct`);
    expect(presence["caps"]).toBe(await alice.tell({ do: "caps", jid: gateway }));
  });

  it("registers by the data form", async () => {
    const answers = { address: "alice@example.org", password: "pw" };
    expect(await alice.tell({ do: "register", jid: gateway, answers })).toEqual({
      form: {
        title: "Sign in to your mail account",
        instructions:
          "Your mail address and its password. Many providers want an app password here, made on their web page.",
        fields: [
          { var: "address", type: "text-single", label: "Mail address", required: true },
          { var: "password", type: "text-private", label: "Password", required: true },
        ],
      },
      registered: true,
    });
  });

  it("is told what is wrong with a password", async () => {
    const answers = { address: "alice@example.org", password: "wrong" };
    await expect(alice.tell({ do: "register", jid: gateway, answers })).rejects.toThrow(
      "not-acceptable: 127.0.0.1 does not accept this address and password.",
    );
  });

  it("runs commands with a form and without", async () => {
    expect(await alice.tell({ do: "command", jid: gateway, node: "viaduct/accounts", steps: [] })).toMatchObject({
      status: "completed",
      notes: [
        ["info", expect.stringMatching(/^alice@mail\.localhost: online\nalice@example\.org: (online|connecting)$/)],
      ],
    });
    const steps = [{ address: "bob@example.test", name: "Bob" }];
    expect(await alice.tell({ do: "command", jid: gateway, node: "viaduct/add", steps })).toMatchObject({
      forms: [{ title: "Add a contact", fields: [{ var: "address" }, { var: "name" }] }],
      status: "completed",
      notes: [["info", "Bob is in your contacts now."]],
    });
  });

  it("sees the contact online under its name", async () => {
    await alice.tell({ do: "add", jid: bob });
    const presence = await alice.event("presence", (line) => line["frm"] === `${bob}/viaduct`);
    expect(presence).toMatchObject({ show: "", nick: "Bob" });
    expect(await alice.tell({ do: "card", jid: bob })).toEqual({ name: "Bob", mail: ["bob@example.test"] });
    expect(presence["caps"]).toBe(await alice.tell({ do: "caps", jid: `${bob}/viaduct` }));
    expect(await alice.tell({ do: "roster" })).toMatchObject({
      [bob]: { subscription: expect.stringMatching(/both|to/) },
    });
  });

  it("sends, gets the receipt, and reads the answer as a reply to its own message", async () => {
    const id = await alice.tell({ do: "send", to: bob, body: "Grüße aus Python 🐍", subject: "Hello" });
    const receipt = await alice.event("receipt", (line) => line["id"] === id);
    expect(receipt["frm"]).toBe(bob);
    const mail = await stage.mailWith("bob@example.test", "aus Python");
    expect([mail.subject, mail.text.trim()]).toEqual(["Hello", "Grüße aus Python 🐍"]);

    const earlier = new Date(Date.now() - 3_600_000);
    earlier.setMilliseconds(0);
    await stage.post({
      from: "Bob Builder <bob@example.test>",
      to: "alice@example.org",
      subject: "Re: Hello",
      text: "Danke & <schöne> Grüße",
      answers: mail,
      headers: { Date: earlier.toUTCString() },
    });
    const answer = await alice.event("message", (line) => line["frm"] === bob);
    expect(answer).toMatchObject({
      type: "chat",
      body: "Danke & <schöne> Grüße",
      nick: "Bob Builder",
      replyId: id,
      replyTo: "alice@localhost",
      delay: earlier.toISOString().replace(".000Z", "+00:00"),
      markable: true,
    });
    expect(answer["originId"]).toBe(answer["id"]);
    expect(answer["thread"]).not.toBe("");

    await alice.tell({ do: "displayed", to: bob, id: answer["id"] });
    await until("the mail is seen", async () =>
      (await stage.mailWith("alice@example.org", "Danke")).flags.includes("\\Seen"),
    );
    await alice.tell({ do: "send", to: bob, body: "Noch etwas", reply: answer["id"] });
    const next = await stage.mailWith("bob@example.test", "Noch etwas");
    expect(next.headers.get("references")?.split(/\s+/)[0]).toBe(mail.messageId);
  });

  it("reads the error on its own message", async () => {
    const to = "nobody\\40example.test@email.localhost";
    const id = await alice.tell({ do: "send", to, body: "anybody?" });
    expect(await alice.event("error", (line) => line["id"] === id)).toMatchObject({
      frm: to,
      condition: "item-not-found",
      text: "There is no mailbox nobody@example.test (550 5.1.1).",
    });
  });

  it("asks for version, card, time, uptime and a ping", async () => {
    expect(await alice.tell({ do: "facts", jid: gateway })).toEqual({
      name: "Viaduct",
      version: "0.1.0",
      card: "Email gateway",
      utc: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      offset: "+00:00",
      uptime: expect.any(Number),
    });
  });

  it("leaves the word to go-sendxmpp, over TLS, from an address of the mail domain", async () => {
    const { c2sPort } = stage.xmpp;
    const args = ["-u", "gosend@localhost", "-p", "pw", "-j", `127.0.0.1:${c2sPort}`, "-n", bob];
    const running = promisify(execFile)("/usr/bin/go-sendxmpp", args, { timeout: 20_000 });
    running.child.stdin?.end("Hello from Go\n");
    await running;
    const mail = await stage.mailWith("bob@example.test", "Hello from Go");
    expect(mail.headers.get("from")).toBe("gosend@mail.localhost");
  });
});
