// Account mode against a real Dovecot (test/lab).
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Session } from "#bridge";
import { createGate } from "../../../bridges/email/gate.ts";
import { createHostPolicy } from "../../../bridges/email/host-policy.ts";
import { mailboxTimes } from "../../../bridges/email/mailbox-session.ts";
import { emailOptions } from "../../../bridges/email/options.ts";
import { startAccountSession } from "../../../bridges/email/session.ts";
import { type Dovecot, startDovecot } from "../../lab/dovecot.ts";
import { startPostfix, type Postfix } from "../../lab/postfix.ts";
import { cuttingProxy, type CuttingProxy } from "./cutting-proxy.ts";
import { drop, imapOf, listMailbox } from "./lab-mail.ts";
import { outgoingMessage } from "./outgoing-message.ts";
import { RecordingHost } from "./recording-host.ts";
import { loopbackResolver } from "./resolver.ts";
import { until } from "./wait.ts";

let dovecot: Dovecot;
let postfix: Postfix;
const open: Session<"markRead">[] = [];
const proxies: CuttingProxy[] = [];
let users = 0;

beforeAll(async () => {
  dovecot = await startDovecot({ connections: 200 });
  postfix = await startPostfix({ lmtpPort: dovecot.lmtpPort, saslPort: dovecot.saslPort });
}, 60_000);
afterEach(async () => {
  for (const session of open.splice(0)) await session.close();
  for (const proxy of proxies.splice(0)) await proxy.close();
});
afterAll(async () => {
  await postfix.stop();
  await dovecot.stop();
});

function newUser(): string {
  users += 1;
  return `alice${users}@home.test`;
}

interface Start {
  readonly host?: RecordingHost;
  readonly password?: string;
  readonly imapPort?: number;
  readonly maxMailBytes?: number;
}

function start(self: string, given: Start = {}): { host: RecordingHost; session: Session<"markRead"> } {
  const host = given.host ?? new RecordingHost();
  const imap = { host: "localhost", port: given.imapPort ?? dovecot.imapPort, security: "none" } as const;
  const smtp = { host: "localhost", port: postfix.submissionPort, security: "starttls" } as const;
  const servers = { "home.test": { imap, smtp: { ...smtp, insecure: true } } };
  const accounts = { servers, ...(given.maxMailBytes === undefined ? {} : { maxMailBytes: given.maxMailBytes }) };
  const options = emailOptions.parse({ accounts });
  const session = startAccountSession(
    {
      self,
      credentials: { imap, smtp, address: self, user: self, password: given.password ?? dovecot.password },
      options,
      policy: createHostPolicy(options.accounts, loopbackResolver),
      gate: createGate(1),
      times: { ...mailboxTimes, first: 50, most: 400, confirmRefusal: [50], jobWait: 2000 },
    },
    host,
  );
  open.push(session);
  return { host, session };
}

const online = (host: RecordingHost): Promise<void> => until("online", () => host.states.at(-1) === "online");

test("delivers nothing that was in the mailbox before the first sign-in", async () => {
  const alice = newUser();
  await drop(dovecot, alice, [{ subject: "old" }]);
  const { host } = start(alice);
  await online(host);
  await drop(dovecot, alice, [{ subject: "new" }]);
  await until("the new mail", () => host.mails.length > 0);
  expect(host.subjects).toEqual(["new"]);
});

test("delivers a mail within a second of its arrival while idling, and leaves it unseen", async () => {
  const alice = newUser();
  const { host } = start(alice);
  await online(host);
  await drop(dovecot, alice, [{ subject: "ding" }]);
  const arrived = Date.now();
  await until("the mail", () => host.mails.length === 1);
  expect(Date.now() - arrived).toBeLessThan(1000);
  expect(await listMailbox(dovecot, alice, "INBOX")).toEqual([
    { id: "<ding@example.test>", subject: "ding", flags: [] },
  ]);
});

test("delivers a hundred mails that come in groups of five every 250 ms, each once and in order", async () => {
  const alice = newUser();
  const { host } = start(alice);
  await online(host);
  const client = await imapOf(dovecot, alice);
  const expected: string[] = [];
  for (let group = 0; group < 20; group++) {
    for (let index = 0; index < 5; index++) {
      const subject = `mail ${group * 5 + index}`;
      expected.push(subject);
      await client.append("INBOX", `From: <b@x.test>\r\nSubject: ${subject}\r\n\r\n.\r\n`);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  await client.logout();
  await until("all mails", () => host.mails.length >= 100);
  expect(host.subjects).toEqual(expected);
  expect(host.repeats).toBe(0);
}, 20_000);

test("resumes from the stored cursor after a restart of its own", async () => {
  const alice = newUser();
  const first = start(alice);
  await online(first.host);
  await first.session.close();
  open.splice(0);
  await drop(dovecot, alice, [{ subject: "while away" }]);
  const second = start(alice, { host: new RecordingHost(first.host.cursor) });
  await until("the mail", () => second.host.mails.length > 0);
  expect(second.host.subjects).toEqual(["while away"]);
});

test("replays nothing old and loses nothing new when UIDVALIDITY changes", async () => {
  const alice = newUser();
  await drop(dovecot, alice, [{ subject: "history" }], new Date(Date.now() - 2 * 3600 * 1000));
  const first = start(alice);
  await online(first.host);
  await drop(dovecot, alice, [{ subject: "known" }]);
  await until("the mail", () => first.host.mails.length === 1);
  await dovecot.setUidValidity(alice, 4711);
  await drop(dovecot, alice, [{ subject: "unknown" }]);
  await until("the new mail", () => first.host.mails.length > 1);
  await until("the new cursor", () => JSON.stringify(first.host.cursor).includes('"4711"'));
  expect(first.host.subjects).toEqual(["known", "unknown"]);
  await drop(dovecot, alice, [{ subject: "later" }]);
  await until("the later mail", () => first.host.mails.length > 2);
  expect(first.host.subjects).toEqual(["known", "unknown", "later"]);
}, 20_000);

test("leaves the cursor where it was while the store fails, and delivers once it works", async () => {
  const alice = newUser();
  const { host } = start(alice);
  await online(host);
  const before = host.cursor;
  host.storeFails = true;
  await drop(dovecot, alice, [{ subject: "patience" }]);
  await until("it fails", () => host.states.at(-1)?.startsWith("retrying") === true);
  expect(host.cursor).toEqual(before);
  host.storeFails = false;
  await until("the mail", () => host.mails.length > 0);
  expect(host.subjects).toEqual(["patience"]);
});

test("reads the beginning of a mail above the limit and says that it is cut", async () => {
  const alice = newUser();
  const { host } = start(alice, { maxMailBytes: 65_536 });
  await online(host);
  await drop(dovecot, alice, [
    { subject: "big", body: "x".repeat(200).concat("\r\n").repeat(1000) },
    { subject: "small" },
  ]);
  await until("both", () => host.mails.length === 2);
  expect(host.subjects).toEqual(["big", "small"]);
  expect(host.mails[0]?.raw.length).toBe(102_400);
  expect(host.mails[0]?.about).toMatchObject({ source: "imap", truncated: true, size: 202_139, mailbox: "INBOX" });
  expect(host.mails[1]?.about).toMatchObject({ truncated: false });
});

test("comes back when the connection is cut in the middle of a mail", async () => {
  const alice = newUser();
  const proxy = await cuttingProxy(dovecot.imapPort);
  proxies.push(proxy);
  const { host } = start(alice, { imapPort: proxy.port });
  await online(host);
  proxy.cutOnce("CUT-HERE");
  await drop(dovecot, alice, [
    { subject: "whole" },
    { subject: "cut", body: `${"y".repeat(20_000)}CUT-HERE${"z".repeat(20_000)}` },
  ]);
  await until("both", () => host.mails.length === 2);
  expect(host.subjects).toEqual(["whole", "cut"]);
  expect(Buffer.from(host.mails[1]?.raw ?? []).toString()).toContain("zCUT-HEREz".slice(1, 9));
  expect(proxy.cuts).toBe(1);
});

test("puts a notice in the place of a mail that breaks every connection, and goes on", async () => {
  const alice = "poison@home.test";
  const proxy = await cuttingProxy(dovecot.imapPort);
  proxies.push(proxy);
  const { host } = start(alice, { imapPort: proxy.port });
  await online(host);
  proxy.cutAlways("POISON");
  await drop(dovecot, alice, [{ subject: "one" }, { subject: "two", body: "POISON" }, { subject: "three" }]);
  await until("all three", () => host.mails.length === 3, 15_000);
  expect(host.subjects).toEqual(["one", "A mail could not be read", "three"]);
  expect(Buffer.from(host.mails[1]?.raw ?? []).toString()).toContain(
    "could not hand over a mail of 145 bytes (number 2)",
  );
}, 20_000);

for (const [name, change] of [
  ["NO to a SEARCH", { command: "UID SEARCH", answer: "NO [SERVERBUG] not now" }],
  ["BAD to a FETCH", { command: "UID FETCH", answer: "BAD what?" }],
  ["NO to a SELECT", { command: "SELECT", answer: "NO [UNAVAILABLE] not now" }],
] as const) {
  test(`comes back after ${name}`, async () => {
    const alice = newUser();
    const proxy = await cuttingProxy(dovecot.imapPort);
    proxies.push(proxy);
    const { host } = start(alice, { imapPort: proxy.port });
    await online(host);
    proxy.refuseOnce(change.command, change.answer);
    if (change.command === "SELECT") proxy.drop();
    await drop(dovecot, alice, [{ subject: "through" }]);
    await until("the mail", () => host.mails.length > 0);
    expect(host.subjects).toEqual(["through"]);
    expect(proxy.refusals).toBe(1);
  });
}

test("comes back after BYE", async () => {
  const alice = newUser();
  const proxy = await cuttingProxy(dovecot.imapPort);
  proxies.push(proxy);
  const { host } = start(alice, { imapPort: proxy.port });
  await online(host);
  proxy.inject("* BYE going down\r\n");
  proxy.drop();
  await until("it notices", () => host.states.filter((state) => state === "online").length === 2);
  await drop(dovecot, alice, [{ subject: "again" }]);
  await until("the mail", () => host.mails.length > 0);
  expect(host.subjects).toEqual(["again"]);
});

test("asks for a new sign-in after a refused password, and stops trying", async () => {
  const { host } = start(newUser(), { password: "wrong" });
  await until("it gives up", () => host.states.at(-1)?.startsWith("login-required") === true);
  expect(host.states).toEqual([
    "connecting",
    "retrying: The mail server refuses the login: sign in again.",
    "login-required: The mail server refuses the login: sign in again.",
  ]);
});

test("sends a message with the frozen Message-ID and keeps a read copy in Sent", async () => {
  const alice = newUser();
  const bob = newUser();
  const { host, session } = start(alice);
  await online(host);
  const message = outgoingMessage(bob, "Hello Bob");
  const frozen = await session.prepare?.(message);
  const sent = await session.send(message, frozen);
  expect(sent.id).toBe("<0123456789abcdefghijklmnop@home.test>");
  await until("it arrives", async () => (await listMailbox(dovecot, bob, "INBOX")).length === 1);
  expect((await listMailbox(dovecot, bob, "INBOX"))[0]?.id).toBe("<0123456789abcdefghijklmnop@home.test>");
  await until("the copy", async () => (await listMailbox(dovecot, alice, "Sent")).length === 1);
  expect(await listMailbox(dovecot, alice, "Sent")).toEqual([
    { id: "<0123456789abcdefghijklmnop@home.test>", subject: "Hello Bob", flags: ["\\Seen"] },
  ]);
});

test("does not send again what is in Sent when an earlier attempt has an uncertain end", async () => {
  const alice = newUser();
  const bob = newUser();
  const { host, session } = start(alice);
  await online(host);
  const message = outgoingMessage(bob, "Only once");
  const frozen = await session.prepare?.(message);
  await session.send(message, frozen);
  await until("the copy", async () => (await listMailbox(dovecot, alice, "Sent")).length === 1);
  const again = await session.send({ ...message, uncertain: true }, frozen);
  expect(again.id).toBe("<0123456789abcdefghijklmnop@home.test>");
  expect((await listMailbox(dovecot, bob, "INBOX")).length).toBe(1);
  await drop(dovecot, alice, [{ subject: "inbox is read again" }]);
  await until("INBOX is selected again", () => host.mails.length === 1);
});

test("sends the same bytes again when an uncertain message is nowhere to be found", async () => {
  const alice = newUser();
  const bob = newUser();
  const { host, session } = start(alice);
  await online(host);
  const message = outgoingMessage(bob, "Twice if need be", { uncertain: true });
  await session.send(message, await session.prepare?.(message));
  await until("it arrives", async () => (await listMailbox(dovecot, bob, "INBOX")).length === 1);
});

test("tells a missing mailbox from a full one", async () => {
  const { host, session } = start(newUser());
  await online(host);
  const send = (to: string): Promise<unknown> => session.send(outgoingMessage(to, "hi"));
  await expect(send("nobody@home.test")).rejects.toMatchObject({ kind: "reject", condition: "item-not-found" });
  await expect(send("full@home.test")).rejects.toMatchObject({
    kind: "retry",
    condition: "resource-constraint",
    uncertain: false,
  });
  await expect(send("big@home.test")).rejects.toMatchObject({ kind: "reject", condition: "policy-violation" });
});

test("marks the displayed mail and the earlier ones of its sender as read, and nobody else's", async () => {
  const alice = newUser();
  await drop(dovecot, alice, [{ subject: "history", from: "ann@example.test" }], new Date("2026-01-01T00:00:00Z"));
  const { host, session } = start(alice);
  await online(host);
  await drop(dovecot, alice, [
    { subject: "a1", from: "ann@example.test" },
    { subject: "j1", from: "joann@example.test" },
    { subject: "a2", from: "ann@example.test" },
    { subject: "a3", from: "ann@example.test" },
  ]);
  await until("all", () => host.mails.length === 4);
  const peer = { kind: "contact", id: "ann@example.test" } as const;
  await session.markRead({ id: "<a2@example.test>", fromSelf: false, sentAt: Date.now() }, peer);
  expect(
    (await listMailbox(dovecot, alice, "INBOX")).map(({ subject, flags }) => `${subject} ${flags.join()}`),
  ).toEqual(["history ", "a1 \\Seen", "j1 ", "a2 \\Seen", "a3 "]);
});

test("ends at once when it is closed in the middle of connecting", async () => {
  const proxy = await cuttingProxy(dovecot.imapPort);
  proxies.push(proxy);
  proxy.mute();
  const { session } = start(newUser(), { imapPort: proxy.port });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const begun = Date.now();
  await session.close();
  open.splice(0);
  expect(Date.now() - begun).toBeLessThan(500);
});

// Last: it breaks Postfix's connection to Dovecot as well.
test("comes back after the IMAP server was killed, with nothing lost and nothing twice", async () => {
  const alice = newUser();
  const { host } = start(alice);
  await online(host);
  await drop(dovecot, alice, [{ subject: "before" }]);
  await until("the first mail", () => host.mails.length === 1);
  await dovecot.kill();
  await until("it notices", () => host.states.at(-1)?.startsWith("retrying") === true);
  await dovecot.start();
  await drop(dovecot, alice, [{ subject: "after" }]);
  await until("the second mail", () => host.mails.length > 1);
  expect(host.subjects).toEqual(["before", "after"]);
  expect(host.repeats).toBe(0);
}, 20_000);
