import { ImapFlow } from "imapflow";
import { afterEach, expect, test } from "vitest";
import { type FakeImap, type FakeImapOptions, startFakeImap } from "./fake-imap.ts";
import { readMailbox, waitForMail } from "./mail-client.ts";

let server: FakeImap | undefined;
afterEach(() => server?.stop());

async function start(options: FakeImapOptions = {}): Promise<FakeImap> {
  server = await startFakeImap(options);
  return server;
}

const account = { user: "ann@example.org", password: "pw" };
const raw = "Message-ID: <1@x>\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n\r\nhello\r\n";

test("shows its mails to imapflow", async () => {
  const { port } = await start({
    mails: [
      { uid: 7, raw, flags: ["\\Seen"] },
      { uid: 9, raw: "\r\nplain\r\n" },
    ],
  });
  const mails = await readMailbox({ imapPort: port, ...account });
  expect(mails.map(({ uid, flags, subject, messageId, text }) => ({ uid, flags, subject, messageId, text }))).toEqual([
    { uid: 7, flags: ["\\Seen"], subject: "grüße", messageId: "<1@x>", text: "hello\n" },
    { uid: 9, flags: [], subject: "", messageId: "", text: "plain\n" },
  ]);
  expect(mails[0]?.raw).toBe(raw);
});

test("wakes a client in IDLE when a mail is delivered", async () => {
  const { port, deliver, commands } = await start({ uidValidity: 42 });
  const client = new ImapFlow({
    host: "127.0.0.1",
    port,
    secure: false,
    auth: { user: "a", pass: "b" },
    logger: false,
  });
  await client.connect();
  const mailbox = await client.mailboxOpen("INBOX");
  expect(mailbox.uidValidity).toBe(42n);
  void client.idle();
  while (!commands.some((command) => command.name === "IDLE")) await new Promise((resolve) => setTimeout(resolve, 5));
  const told = new Promise((resolve) => client.once("exists", resolve));
  deliver(raw);
  await expect(told).resolves.toMatchObject({ count: 1, prevCount: 0 });
  await client.logout();
});

test("a mail that comes later is found by waitForMail", async () => {
  const { port, deliver } = await start({ mails: [{ uid: 1, raw: "Subject: old\r\n\r\n" }] });
  const found = waitForMail({ imapPort: port, ...account }, (mail) => mail.subject === "grüße");
  setTimeout(() => deliver(raw), 50);
  await expect(found).resolves.toMatchObject({ uid: 2 });
});

test("waitForMail says what is there when the mail does not come", async () => {
  const { port } = await start({ mails: [{ uid: 1, raw: "Subject: old\r\n\r\n" }] });
  const missing = waitForMail({ imapPort: port, ...account }, (mail) => mail.subject === "new", 150);
  await expect(missing).rejects.toThrow(/There are 1:\n {2}1 {2}"old"/);
});

test("cuts a literal in the middle", async () => {
  const { port } = await start({
    mails: [{ uid: 1, raw: `Subject: big\r\n\r\n${"x".repeat(10_000)}` }],
    script: ({ name }) => (name === "UID FETCH" ? { cutAfter: 500 } : undefined),
  });
  await expect(readMailbox({ imapPort: port, ...account })).rejects.toThrow();
});

test.each([
  ["a refused login", "LOGIN", { no: "[AUTHENTICATIONFAILED] wrong password" }],
  ["a refused AUTHENTICATE", "AUTHENTICATE", { no: "[AUTHENTICATIONFAILED] wrong password" }],
  ["BAD to SELECT", "EXAMINE", { bad: "syntax" }],
  ["BYE instead of a mailbox", "EXAMINE", { bye: "shutting down" }],
  ["a reset during the fetch", "UID FETCH", { drop: true as const }],
])("the client's call fails after %s", async (_what, name, action) => {
  const { port } = await start({
    mails: [{ uid: 1, raw }],
    capabilities: name === "LOGIN" ? ["IMAP4rev1"] : ["IMAP4rev1", "AUTH=PLAIN", "SASL-IR"],
    script: (command) => (command.name === name ? action : undefined),
  });
  await expect(readMailbox({ imapPort: port, ...account })).rejects.toThrow();
  expect(server?.commands.map((command) => command.name)).toContain(name);
});

test("lies about EXISTS when told to", async () => {
  const { port, push, commands } = await start({ mails: [{ uid: 1, raw }] });
  const client = new ImapFlow({
    host: "127.0.0.1",
    port,
    secure: false,
    auth: { user: "a", pass: "b" },
    logger: false,
  });
  await client.connect();
  await client.mailboxOpen("INBOX");
  void client.idle();
  while (!commands.some((command) => command.name === "IDLE")) await new Promise((resolve) => setTimeout(resolve, 5));
  const told = new Promise((resolve) => client.once("exists", resolve));
  push("* 99 EXISTS");
  await expect(told).resolves.toMatchObject({ count: 99 });
  await client.logout();
});
