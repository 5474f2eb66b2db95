// Domain mode's listener, spoken to byte by byte and by a real Postfix.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { makeCertificate } from "../../lab/certificate.ts";
import { startDovecot } from "../../lab/dovecot.ts";
import { startPostfix } from "../../lab/postfix.ts";
import { mailText, submitRaw } from "./lab-mail.ts";
import { type RunningService, runService } from "./service-kit.ts";
import { type Talk, talkTo } from "./talk.ts";
import { until } from "./wait.ts";

const running: RunningService[] = [];
const talks: Talk[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const talk of talks.splice(0)) talk.end();
  for (const service of running.splice(0)) await service.close();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function run(...given: Parameters<typeof runService>): Promise<RunningService> {
  const service = await runService(...given);
  running.push(service);
  return service;
}

async function talk(port: number): Promise<Talk> {
  const opened = await talkTo(port);
  talks.push(opened);
  return opened;
}

/** LHLO or EHLO, MAIL, RCPT for each; returns the replies to RCPT. */
async function envelope(client: Talk, hello: "LHLO" | "EHLO", recipients: readonly string[]): Promise<string[]> {
  await client.say(`${hello} client.test`);
  await client.say("MAIL FROM:<bob@example.test>");
  const replies: string[] = [];
  for (const recipient of recipients) replies.push(await client.say(`RCPT TO:<${recipient}>`));
  return replies;
}

/** After DATA: sends the bytes and waits for `count` replies. */
async function data(client: Talk, bytes: string, count = 1): Promise<string[]> {
  await client.say("DATA");
  const before = client.heard().length;
  client.send(bytes);
  const lines = (): string[] => client.heard().slice(before).split("\r\n").slice(0, -1);
  await until("the replies", () => lines().length >= count || client.closed());
  return lines();
}

const body = "From: <bob@example.test>\r\nMessage-ID: <1@example.test>\r\nSubject: hi\r\n\r\nHello\r\n.\r\n";

test("stores a mail and only then says 250", async () => {
  const service = await run();
  let release: () => void = () => undefined;
  service.interrupt = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  const client = await talk(service.lmtpPort);
  expect(await envelope(client, "LHLO", ["alice@mail.test"])).toEqual(["250 Accepted\r\n"]);
  await client.say("DATA");
  const before = client.heard();
  client.send(body);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(client.heard()).toBe(before);
  service.interrupt = undefined;
  release();
  await until("the reply", () => client.heard() !== before);
  expect(client.heard().slice(before.length)).toBe("250 2.0.0 Stored\r\n");
  const [mail] = service.stored("alice@mail.test");
  expect(Buffer.from(mail?.raw ?? []).toString()).toBe(body.slice(0, -3));
  expect(mail?.about).toMatchObject({ source: "lmtp", mailFrom: "bob@example.test", rcptTo: "alice@mail.test" });
});

test("answers LMTP for each recipient, and SMTP once for all", async () => {
  const service = await run();
  service.interrupt = async (account) => {
    if (account === 1) throw new Error("disk full");
  };
  const lmtp = await talk(service.lmtpPort);
  await envelope(lmtp, "LHLO", ["alice@mail.test", "bob@mail.test"]);
  expect(await data(lmtp, body, 2)).toEqual(["250 2.0.0 Stored", "451 4.3.0 Temporary local problem, try again"]);
  const smtp = await talk(service.smtpPort);
  await envelope(smtp, "EHLO", ["alice@mail.test", "bob@mail.test"]);
  expect(await data(smtp, body)).toEqual(["451 4.3.0 Temporary local problem, try again"]);
  expect(service.stored("alice@mail.test").length).toBe(1);
  expect(service.stored("bob@mail.test").length).toBe(0);
});

test("takes a lost 250 for what it is: the same mail again is the same mail", async () => {
  const service = await run();
  for (const hop of ["a", "b"]) {
    const client = await talk(service.lmtpPort);
    await envelope(client, "LHLO", ["alice@mail.test"]);
    await data(client, `Received: from ${hop} by mx.test; Sun, 22 Nov 2026 10:00:00 +0000\r\n${body}`);
  }
  expect(service.stored("alice@mail.test").length).toBe(1);
});

test("takes the null sender and keeps the tag of an address", async () => {
  const service = await run();
  const client = await talk(service.lmtpPort);
  await client.say("LHLO client.test");
  expect(await client.say("MAIL FROM:<>")).toBe("250 Accepted\r\n");
  expect(await client.say("RCPT TO:<Alice+News@Mail.Test>")).toBe("250 Accepted\r\n");
  await data(client, body);
  expect(service.stored("alice@mail.test")[0]?.about).toMatchObject({ mailFrom: "", rcptTo: "Alice+News@Mail.Test" });
});

test("E11: refuses unknown recipients while the sender listens, and nobody is written to because of it", async () => {
  const service = await run();
  const client = await talk(service.smtpPort);
  expect(await envelope(client, "EHLO", ["nobody@mail.test", "alice@mail.test"])).toEqual([
    "550 5.1.1 No such address here\r\n",
    "250 Accepted\r\n",
  ]);
});

// E08: what an open relay would take. The same for LMTP and SMTP, since both listen to everybody who may connect.
const relayAttempts = [
  "victim@elsewhere.test",
  "victim%elsewhere.test@mail.test",
  "elsewhere.test!victim@mail.test",
  "@mail.test:victim@elsewhere.test",
  '"victim@elsewhere.test"@mail.test',
  '"victim%elsewhere.test"@mail.test',
  "victim@elsewhere.test@mail.test",
  "alice@mail.test@elsewhere.test",
  "victim@[127.0.0.1]",
  "victim",
  "victim@mail.test.elsewhere.test",
  "victim@elsewhere.test (@mail.test)",
  "postmaster",
];
for (const hello of ["LHLO", "EHLO"] as const) {
  test(`E08: relays nothing (${hello})`, async () => {
    const service = await run();
    for (const attempt of relayAttempts) {
      const client = await talk(hello === "LHLO" ? service.lmtpPort : service.smtpPort);
      const [reply = ""] = await envelope(client, hello, [attempt]);
      expect(`${attempt}: ${reply}`).toMatch(/: 5(?:50|01|53) /);
      client.end();
    }
  });
}

test("lets nobody in from outside the trusted networks", async () => {
  const service = await run({ trusted: ["192.0.2.0/24"] });
  const client = await talkTo(service.smtpPort, /^554 .*\r\n/);
  expect(client.heard()).toBe("554 5.7.1 This host may not deliver mail here\r\n");
});

test("refuses a mail above the size limit, told in advance or not, and keeps nothing of it", async () => {
  const service = await run({ maxSize: 65_536 });
  const client = await talk(service.lmtpPort);
  await client.say("LHLO client.test");
  expect(await client.say("MAIL FROM:<bob@example.test> SIZE=70000")).toMatch(/^552 /);
  expect(await client.say("MAIL FROM:<bob@example.test>")).toBe("250 Accepted\r\n");
  await client.say("RCPT TO:<alice@mail.test>");
  expect(await data(client, `Subject: x\r\n\r\n${"y".repeat(98).concat("\r\n").repeat(700)}.\r\n`)).toEqual([
    "552 5.3.4 The mail is larger than this server takes",
  ]);
  expect(service.stored("alice@mail.test").length).toBe(0);
});

test("puts mail off while too much is on its way in, and takes it afterwards", async () => {
  const service = await run({ maxBufferedBytes: 1_048_576 });
  const big = `Subject: x\r\n\r\n${"y".repeat(98).concat("\r\n").repeat(7000)}`;
  const slow = await talk(service.lmtpPort);
  await envelope(slow, "LHLO", ["alice@mail.test"]);
  await slow.say("DATA");
  slow.send(big);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const other = await talk(service.lmtpPort);
  await envelope(other, "LHLO", ["bob@mail.test"]);
  expect(await data(other, `${big}.\r\n`)).toEqual(["452 4.3.1 Too much mail at the moment, try again"]);
  slow.send(".\r\n");
  await until("the first one", () => service.stored("alice@mail.test").length === 1);
  await other.say("MAIL FROM:<bob@example.test>");
  await other.say("RCPT TO:<bob@mail.test>");
  expect(await data(other, `${big}.\r\n`)).toEqual(["250 2.0.0 Stored"]);
});

test("E13: refuses a mail that goes in circles", async () => {
  const service = await run();
  const client = await talk(service.lmtpPort);
  const hop = "Received: from a by b; Sun, 22 Nov 2026 10:00:00 +0000\r\n";
  await envelope(client, "LHLO", ["alice@mail.test"]);
  expect(await data(client, hop.repeat(100) + body)).toEqual(["250 2.0.0 Stored"]);
  await client.say("MAIL FROM:<>");
  await client.say("RCPT TO:<alice@mail.test>");
  expect(await data(client, hop.repeat(101) + body)).toEqual(["554 5.4.6 This mail goes in circles"]);
  expect(service.stored("alice@mail.test").length).toBe(1);
});

// The sequences of hannob/smtpsmug: each ends the data for some server that is not us.
const smuggled = "MAIL FROM:<evil@evil.test>\r\nRCPT TO:<bob@mail.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx";
for (const end of [
  "\n.\n",
  "\n.\r\n",
  "\r\n.\n",
  "\r.\r",
  "\r.\r\n",
  "\r\n.\r",
  "\n.\r",
  "\r\n\0.\r\n",
  "\r\n.\r\r\n",
]) {
  test(`E06: ${JSON.stringify(end)} does not end the data`, async () => {
    const service = await run();
    const client = await talk(service.smtpPort);
    await envelope(client, "EHLO", ["alice@mail.test"]);
    expect(await data(client, `Subject: outer\r\n\r\nbefore${end}${smuggled}\r\n.\r\n`)).toEqual(["250 2.0.0 Stored"]);
    expect(service.stored("alice@mail.test").length).toBe(1);
    expect(service.stored("bob@mail.test").length).toBe(0);
    const raw = Buffer.from(service.stored("alice@mail.test")[0]?.raw ?? []).toString("latin1");
    expect(raw).toContain("Subject: smuggled");
    expect(raw.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  });
}

test("E24: cuts a client that drips, although it is never silent", async () => {
  const service = await run({}, 1, { silence: 5000, transaction: 400 });
  const client = await talk(service.smtpPort);
  await envelope(client, "EHLO", ["alice@mail.test"]);
  await client.say("DATA");
  const drip = setInterval(() => client.send("x"), 20);
  const begun = Date.now();
  await until("the cut", () => client.closed(), 8000);
  clearInterval(drip);
  expect(Date.now() - begun).toBeLessThan(7000);
  expect(client.heard()).toContain("421 4.4.2 Too slow, closing the connection");
});

test("serves a client for longer than that when it keeps delivering", async () => {
  const service = await run({}, 1, { silence: 5000, transaction: 400 });
  const client = await talk(service.lmtpPort);
  await client.say("LHLO client.test");
  for (let count = 0; count < 8; count++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    await client.say("MAIL FROM:<>");
    await client.say("RCPT TO:<alice@mail.test>");
    expect(await data(client, body.replace("<1@", `<${count}@`))).toEqual(["250 2.0.0 Stored"]);
  }
});

test("E07: forgets what was said before STARTTLS", async () => {
  const service = await run({ tls: await certificate() });
  const client = await talk(service.smtpPort);
  expect(await client.say("EHLO client.test")).toContain("STARTTLS");
  const before = client.heard().length;
  client.send("STARTTLS\r\nMAIL FROM:<evil@evil.test>\r\nRCPT TO:<alice@mail.test>\r\n");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(client.heard().slice(before)).toMatch(/^220 [^\r\n]*\r\n$/);
});

test("says so when its port is taken", async () => {
  const service = await run();
  await expect(runService({ lmtp: `127.0.0.1:${service.lmtpPort}` })).rejects.toThrow(/EADDRINUSE/);
});

test("takes mail from a real Postfix, and Postfix keeps what could not be stored", async () => {
  const dovecot = await startDovecot({ connections: 20 });
  const service = await run();
  const postfix = await startPostfix({
    lmtpPort: dovecot.lmtpPort,
    saslPort: dovecot.saslPort,
    gateway: { "mail.test": `lmtp:inet:127.0.0.1:${service.lmtpPort}` },
  });
  try {
    service.interrupt = async () => {
      throw new Error("disk full");
    };
    await submitRaw(
      postfix.smtpPort,
      "bob@example.test",
      "alice@mail.test",
      mailText("alice@mail.test", { subject: "first" }),
    );
    await until("it is deferred", async () => (await postfix.logText()).includes("status=deferred"));
    service.interrupt = undefined;
    await postfix.flushQueue();
    await until("it arrives", () => service.stored("alice@mail.test").length === 1);
    const [mail] = service.stored("alice@mail.test");
    expect(Buffer.from(mail?.raw ?? []).toString()).toContain("Subject: first\r\n");
    await submitRaw(
      postfix.smtpPort,
      "bob@example.test",
      "stranger@mail.test",
      mailText("stranger@mail.test", { subject: "second" }),
    );
    await until("it bounces", async () => (await postfix.logText()).includes("550 5.1.1 No such address here"));
  } finally {
    await postfix.stop();
    await dovecot.stop();
  }
}, 30_000);

async function certificate(): Promise<{ certFile: string; keyFile: string }> {
  const folder = await mkdtemp(join(tmpdir(), "viaduct-lmtp-"));
  folders.push(folder);
  return makeCertificate(folder);
}
