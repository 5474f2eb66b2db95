// Each server of the lab does what the other tests rely on.
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { ImapFlow } from "imapflow";
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFakeSmtp } from "../kit/fake-smtp.ts";
import { MailRefused, readMailbox, sendMail, waitForMail } from "../kit/mail-client.ts";
import { RawComponent } from "../kit/raw-component.ts";
import { messageXml, XmppClient } from "../kit/xmpp-client.ts";
import { type Dovecot, startDovecot } from "../lab/dovecot.ts";
import { ensureInstalled } from "../lab/install.ts";
import { type Postfix, startPostfix } from "../lab/postfix.ts";
import { startXmppServer, type XmppServer } from "../lab/xmpp-server.ts";

beforeAll(async () => {
  await ensureInstalled(["prosody", "ejabberd", "dovecot", "postfix", "clients"]);
}, 300_000);

const withBody =
  (body: string) =>
  (stanza: Element): boolean =>
    stanza.getChildText("body") === body;

describe.each(["prosody", "ejabberd"] as const)("%s", (name) => {
  let server: XmppServer;
  const email = { jid: "email.localhost", secret: "s3cret" };

  beforeAll(async () => {
    server = await startXmppServer(name, { users: { alice: "pw" }, components: [email], tls: true });
  }, 60_000);
  afterAll(() => server.stop());

  const alice = (): Promise<XmppClient> => XmppClient.connect({ port: server.c2sPort, user: "alice", password: "pw" });
  const component = (): Promise<RawComponent> => RawComponent.connect({ port: server.componentPort, ...email });

  test("carries a message from a client to the component and back", async () => {
    const [client, gateway] = [await alice(), await component()];
    const id = client.message({ to: "bob%example.org@email.localhost", body: "grüße 👋 <&>" });
    const arrived = await gateway.next(withBody("grüße 👋 <&>"));
    expect(arrived.attrs).toMatchObject({ from: "alice@localhost/test", to: "bob%example.org@email.localhost", id });
    gateway.send(
      messageXml({ from: "bob%example.org@email.localhost", to: "alice@localhost", id: "back", body: "ça va" }),
    );
    const answer = await client.next(withBody("ça va"));
    expect(answer.attrs).toMatchObject({ from: "bob%example.org@email.localhost", id: "back", type: "chat" });
    await Promise.all([client.close(), gateway.close()]);
  });

  test("answers an iq, and an error for nobody comes as an answer too", async () => {
    const client = await alice();
    const result = await client.request("<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
    expect(result.attrs["type"]).toBe("result");
    const error = await client.request("<iq type='get' to='localhost'><query xmlns='urn:nobody'/></iq>");
    expect(error.attrs["type"]).toBe("error");
    await client.close();
  });

  test("refuses a wrong password and a wrong component secret in words", async () => {
    const wrong = { port: server.c2sPort, user: "alice", password: "nonsense" };
    await expect(XmppClient.connect(wrong)).rejects.toThrow("not-authorized");
    const stranger = { port: server.componentPort, jid: "email.localhost", secret: "nonsense" };
    await expect(RawComponent.connect(stranger)).rejects.toThrow("not-authorized");
  });

  test("lets in a user who is added while it runs", async () => {
    await server.addUser("carol", 'pa"ss');
    const carol = await XmppClient.connect({ port: server.c2sPort, user: "carol", password: 'pa"ss', resource: "r" });
    expect(carol.jid).toBe("carol@localhost/r");
    await carol.close();
  });

  test("answers nothing while paused, and everything afterwards", async () => {
    const client = await alice();
    server.pause();
    const answer = client.request("<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
    const state = await Promise.race([answer.then(() => "answered"), sleep(300, "silence")]);
    server.resume();
    expect(state).toBe("silence");
    expect((await answer).attrs["type"]).toBe("result");
    await client.close();
  });

  test("is the same server after a crash: ports, users, offline messages", async () => {
    const [gateway, before] = [await component(), server.pid];
    gateway.send(messageXml({ from: "x@email.localhost", to: "alice@localhost", id: "o", body: "while you were out" }));
    gateway.send("<iq type='get' id='p' from='email.localhost' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
    await gateway.next((stanza) => stanza.attrs["id"] === "p");
    await sleep(name === "ejabberd" ? 2500 : 0); // Mnesia writes its log some seconds late
    await server.kill();
    await gateway.closed;
    await server.start();
    expect(server.pid).not.toBe(before);
    const client = await alice();
    await client.next(withBody("while you were out"));
    await client.close();
  }, 30_000);

  test("talks to a client that is not ours, over TLS", async () => {
    const [client, home] = [await alice(), { HOME: server.dir, PATH: "/usr/bin:/bin" }];
    await server.addUser("dave", "pw");
    const address = `127.0.0.1:${server.c2sPort}`;
    const args = ["-u", "dave@localhost", "-p", "pw", "-j", address, "-n", "alice@localhost"];
    const sending = promisify(execFile)("go-sendxmpp", args, { env: home, timeout: 10_000 });
    sending.child.stdin?.end("from go\n");
    await sending;
    const message = await client.next((stanza) => stanza.getChildText("body")?.trim() === "from go");
    expect(message.attrs["from"]).toMatch(/^dave@localhost\//);
    await client.close();
  });
});

describe("Prosody's component conflict", () => {
  test("refuses a second stream by default and replaces the first on request", async () => {
    const email = { jid: "email.localhost", secret: "secret" };
    const strict = await startXmppServer("prosody", { components: [email] });
    const kicking = await startXmppServer("prosody", { components: [email], conflict: "kick_old" });
    try {
      const first = await RawComponent.connect({ port: strict.componentPort, ...email });
      await expect(RawComponent.connect({ port: strict.componentPort, ...email })).rejects.toThrow("conflict");
      await first.close();
      const old = await RawComponent.connect({ port: kicking.componentPort, ...email });
      const fresh = await RawComponent.connect({ port: kicking.componentPort, ...email });
      await old.closed;
      await fresh.close();
    } finally {
      await Promise.all([strict.stop(), kicking.stop()]);
    }
  });
});

describe("mail", () => {
  let dovecot: Dovecot;
  let postfix: Postfix;
  let gateway: Awaited<ReturnType<typeof startFakeSmtp>>;

  beforeAll(async () => {
    dovecot = await startDovecot();
    gateway = await startFakeSmtp({ lmtp: true });
    postfix = await startPostfix({
      lmtpPort: dovecot.lmtpPort,
      saslPort: dovecot.saslPort,
      gateway: { "mail.localhost": `lmtp:inet:127.0.0.1:${gateway.port}` },
      reject: ["gone@example.test"],
    });
  }, 60_000);
  afterAll(() => Promise.all([postfix.stop(), dovecot.stop(), gateway.stop()]));

  const mailboxOf = (user: string) => ({ imapPort: dovecot.imapPort, user, password: "pw" });
  const ann = { user: "ann@example.org", password: "pw" };

  test("an IDLE client is told of an LMTP delivery", async () => {
    const user = "idle@example.test";
    const server = { host: "127.0.0.1", port: dovecot.imapsPort, secure: true, tls: { rejectUnauthorized: false } };
    const client = new ImapFlow({ ...server, auth: { user, pass: "pw" }, logger: false });
    await client.connect();
    await client.mailboxOpen("INBOX");
    void client.idle();
    const told = new Promise((resolve) => client.once("exists", resolve));
    await sendMail({ port: dovecot.lmtpPort, lmtp: true, from: "a@b.test", to: user, subject: "ding", text: "dong" });
    await expect(told).resolves.toMatchObject({ count: 1 });
    await client.logout();
  });

  test("submission takes a mail with AUTH, and it lies in the mailbox byte for byte", async () => {
    const raw =
      "From: ann@example.org\r\nTo: bob@example.test\r\nMessage-ID: <sub@x>\r\nDate: Sun, 1 Nov 2026 12:00:00 +0000\r\nSubject: hi\r\n\r\n.dot\r\n\r\nbye\r\n";
    await sendMail({ port: postfix.submissionPort, from: ann.user, to: "bob@example.test", raw, auth: ann });
    const mail = await waitForMail(mailboxOf("bob@example.test"), ({ messageId }) => messageId === "<sub@x>");
    expect(mail.raw.slice(mail.raw.indexOf("Message-ID:"))).toBe(
      "Message-ID: <sub@x>\r\nDate: Sun, 1 Nov 2026 12:00:00 +0000\r\nSubject: hi\r\n\r\n.dot\r\n\r\nbye\r\n",
    );
    expect(mail.flags).toEqual([]);
    expect(await postfix.logText()).toContain("to=<bob@example.test>");
  });

  test("submission refuses a wrong password and anyone without one", async () => {
    const mail = { port: postfix.submissionPort, from: ann.user, to: "bob@example.test", text: "x" };
    const wrong = sendMail({ ...mail, auth: { ...ann, password: "nonsense" } });
    await expect(wrong).rejects.toMatchObject({ stage: "AUTH", reply: { code: 535 } });
    await expect(sendMail(mail)).rejects.toBeInstanceOf(MailRefused);
  });

  test.each([
    ["nobody@example.test", 550, "5.1.1"],
    ["full@example.test", 452, "4.2.2"],
    ["big@other.test", 552, "5.3.4"],
    ["gone@example.test", 550, "5.1.1"],
    ["nobody@mail.localhost", 550, "5.1.1"],
  ])("%s is refused at RCPT with %i %s on both ports", async (to, code, enhanced) => {
    const submission = { port: postfix.submissionPort, auth: ann };
    for (const way of [{ port: postfix.smtpPort }, submission]) {
      const sent = sendMail({ ...way, from: ann.user, to, text: "x" });
      await expect(sent).rejects.toMatchObject({ stage: "RCPT TO", reply: { code } });
      await expect(sent).rejects.toThrow(enhanced);
    }
  });

  test("mail for the gateway's domain goes to the gateway, again when it said 451", async () => {
    gateway.setScript(({ stage, messages }) => (stage === "dot" && messages === 1 ? "451 4.3.0 later" : undefined));
    await sendMail({ port: postfix.smtpPort, from: ann.user, to: "alice@mail.localhost", subject: "in", text: "x" });
    for (const deadline = Date.now() + 5000; gateway.mails.length < 1 && Date.now() < deadline; ) await sleep(20);
    expect(gateway.mails.map((mail) => mail.accepted)).toEqual([false]);
    for (const deadline = Date.now() + 10_000; gateway.mails.length < 2 && Date.now() < deadline; await sleep(100)) {
      await postfix.flushQueue();
    }
    expect(gateway.mails.map((mail) => mail.accepted)).toEqual([false, true]);
    expect(gateway.mails[1]?.to).toEqual(["alice@mail.localhost"]);
  }, 20_000);

  test("a mailbox can be given another UIDVALIDITY; its mails and UIDs stay", async () => {
    const user = "valid@example.test";
    const deliver = (subject: string) =>
      sendMail({ port: dovecot.lmtpPort, lmtp: true, from: "a@b.test", to: user, subject, text: "x" });
    await deliver("one");
    await deliver("two");
    await dovecot.setUidValidity(user, 4711);
    const server = { host: "127.0.0.1", port: dovecot.imapPort, secure: false, doSTARTTLS: false };
    const client = new ImapFlow({ ...server, auth: { user, pass: "pw" }, logger: false });
    await client.connect();
    expect((await client.mailboxOpen("INBOX")).uidValidity).toBe(4711n);
    await client.logout();
    const mails = await readMailbox(mailboxOf(user));
    expect(mails.map(({ uid, subject }) => `${uid} ${subject}`)).toEqual(["1 one", "2 two"]);
  });

  test("Dovecot and Postfix are the same servers after a crash, and mail in between is delivered", async () => {
    await dovecot.kill();
    await sendMail({ port: postfix.smtpPort, from: ann.user, to: "wait@example.test", subject: "queued", text: "x" });
    await postfix.kill();
    await dovecot.start();
    await postfix.start();
    await postfix.flushQueue();
    const mail = await waitForMail(mailboxOf("wait@example.test"), ({ subject }) => subject === "queued", 15_000);
    expect(mail.text).toBe("x\n");
  }, 30_000);
});
