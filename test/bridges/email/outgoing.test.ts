// Sending, against an SMTP server that breaks off where the test says: what is known of a mail's fate, and that the
// same bytes go out again.
import { afterEach, expect, test } from "vitest";
import { createGate } from "../../../bridges/email/gate.ts";
import { createOutgoing } from "../../../bridges/email/outgoing.ts";
import { openSmtp } from "../../../bridges/email/smtp-client.ts";
import { SmtpPool } from "../../../bridges/email/smtp-pool.ts";
import { outgoingMessage } from "./outgoing-message.ts";
import { silentLog } from "./recording-host.ts";
import { type Script, type ScriptedServer, scriptedServer, smtpScript } from "./scripted-server.ts";

/** No message here has a file: outgoing-file.test.ts. */
const noFiles = {
  fetch: async () => new Response(null, { status: 404 }),
  signal: new AbortController().signal,
  log: silentLog,
  mostBytes: 0,
  gate: createGate(1),
};

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function setUp(script: Script, security: "none" | "starttls" = "none") {
  const server = await scriptedServer(script);
  // The name does not exist: only the checked addresses lead to the server.
  const endpoint = { host: "mail.invalid", port: server.port, security, addresses: ["127.0.0.1"], insecure: true };
  const pool = new SmtpPool({
    maxConnections: 2,
    idle: 5000,
    open: (signal) => openSmtp({ server: endpoint, name: "gw.test" }, signal),
  });
  cleanups.push(
    () => pool.close(),
    () => server.close(),
  );
  return { server, pool, outgoing: createOutgoing({ address: "alice@home.test", pool, files: noFiles }) };
}

/** The mails that reached the server: the lines between DATA and the dot. */
function mailsAt(server: ScriptedServer): string[] {
  const mails: string[] = [];
  let mail: string[] | undefined;
  for (const line of server.lines) {
    if (mail === undefined) {
      if (line === "DATA") mail = [];
    } else if (line === ".") {
      mails.push(mail.join("\n"));
      mail = undefined;
    } else mail.push(line);
  }
  return mails;
}

const message = outgoingMessage("bob@example.test", "Hello");

test("E10: sends the frozen bytes with the account's address as the only sender", async () => {
  const { server, outgoing } = await setUp(smtpScript());
  const sent = await outgoing.send(message, await outgoing.prepare(message));
  expect(server.lines.filter((line) => /^(?:EHLO|MAIL|RCPT)/.test(line))).toEqual([
    "EHLO gw.test",
    "MAIL FROM:<alice@home.test>",
    "RCPT TO:<bob@example.test>",
  ]);
  expect(sent).toMatchObject({
    id: "<0123456789abcdefghijklmnop@home.test>",
    context: { messageId: "<0123456789abcdefghijklmnop@home.test>", subject: "Hello", address: "bob@example.test" },
  });
});

test("E10: sends no bytes that were frozen for another account, and nobody's address under a nick", async () => {
  const { server, pool, outgoing } = await setUp(smtpScript());
  const other = createOutgoing({ address: "mallory@home.test", pool, files: noFiles });
  const posing = {
    ...message,
    senderName: "ceo@bank.test",
    subject: "x\r\nFrom: ceo@bank.test\r\nSender: ceo@bank.test",
  };
  await outgoing.send(posing, await other.prepare(posing));
  const [mail = ""] = mailsAt(server);
  expect(mail.split("\n").filter((line) => /^(?:from|sender|reply-to|return-path|resent-\S+):/i.test(line))).toEqual([
    "From: alice <alice@home.test>",
  ]);
  expect(server.lines.filter((line) => line.startsWith("MAIL FROM"))).toEqual(["MAIL FROM:<alice@home.test>"]);
});

test("takes the id that the server says it gave the mail instead", async () => {
  const reply =
    "250 2.0.0 OK <ABC123@AM0PR01MB1234.eurprd01.prod.outlook.com> [Hostname=AM0PR01MB1234.eurprd01.prod.outlook.com]";
  const { outgoing } = await setUp(smtpScript((line, client) => (client.data && line === "." ? reply : undefined)));
  const sent = await outgoing.send(message);
  expect(sent.id).toBe("<ABC123@AM0PR01MB1234.eurprd01.prod.outlook.com>");
  expect(sent.context).toMatchObject({ messageId: sent.id });
});

test("calls the fate uncertain when the server breaks off after the dot, and sends the same bytes again", async () => {
  let broken = false;
  const { server, outgoing } = await setUp(
    smtpScript((line, client) => {
      if (!client.data || line !== "." || broken) return undefined;
      broken = true;
      client.socket.destroy();
      return "silence";
    }),
  );
  const frozen = await outgoing.prepare(message);
  await expect(outgoing.send(message, frozen)).rejects.toMatchObject({ kind: "retry", uncertain: true });
  expect(server.connections()).toBe(1);
  await outgoing.send({ ...message, uncertain: true }, frozen);
  const [first, second, ...more] = mailsAt(server);
  expect(second).toBe(first);
  expect(more).toEqual([]);
});

for (const [stage, matches] of [
  ["MAIL", (line: string) => line.startsWith("MAIL")],
  ["RCPT", (line: string) => line.startsWith("RCPT")],
  ["DATA", (line: string) => line === "DATA"],
] as const) {
  test(`calls the fate certain when the server breaks off at ${stage}`, async () => {
    const { outgoing } = await setUp(
      smtpScript((line, client) => {
        if (!matches(line)) return undefined;
        client.socket.destroy();
        return "silence";
      }),
    );
    await expect(outgoing.send(message)).rejects.toMatchObject({ kind: "retry", uncertain: false });
  });
}

for (const [reply, expected] of [
  ["451 4.3.0 try later", { kind: "retry", uncertain: false }],
  ["421 4.3.2 going down", { kind: "retry", uncertain: false }],
  ["552 5.3.4 too big", { kind: "reject", condition: "policy-violation" }],
  ["550 5.7.1 spam", { kind: "reject", condition: "forbidden" }],
] as const) {
  test(`takes "${reply}" to the dot for what it says`, async () => {
    const { outgoing } = await setUp(smtpScript((line, client) => (client.data && line === "." ? reply : undefined)));
    await expect(outgoing.send(message)).rejects.toMatchObject(expected);
  });
}

test("goes on over the same connection after a refused recipient", async () => {
  const { server, outgoing } = await setUp(
    smtpScript((line) => (line === "RCPT TO:<ghost@example.test>" ? "550 5.1.1 no such user" : undefined), []),
  );
  await expect(outgoing.send(outgoingMessage("ghost@example.test", "hi"))).rejects.toMatchObject({
    condition: "item-not-found",
  });
  await outgoing.send(message);
  expect(server.connections()).toBe(1);
});

test("tries a kept connection that breaks before the mail's first byte once more, on a new one", async () => {
  const used = new WeakSet<object>();
  const { server, outgoing } = await setUp(
    smtpScript((line, client) => {
      if (!line.startsWith("MAIL")) return undefined;
      if (!used.has(client.socket)) {
        used.add(client.socket);
        return undefined;
      }
      client.socket.destroy();
      return "silence";
    }),
  );
  await outgoing.send(message);
  await outgoing.send(outgoingMessage("carol@example.test", "Hi Carol"));
  expect(server.connections()).toBe(2);
  expect(mailsAt(server).length).toBe(2);
});

test("refuses a message above the server's SIZE without sending it", async () => {
  const { server, outgoing } = await setUp(smtpScript(() => undefined, ["SIZE 2000"]));
  await expect(outgoing.send(outgoingMessage("bob@example.test", "long ".repeat(1000)))).rejects.toMatchObject({
    kind: "reject",
    condition: "policy-violation",
  });
  expect(server.lines.some((line) => line.startsWith("MAIL"))).toBe(false);
});

test("refuses an international address where the server has no SMTPUTF8, and uses it where it has", async () => {
  const to = outgoingMessage("jürgen@example.test", "Hallo");
  const plain = await setUp(smtpScript());
  await expect(plain.outgoing.send(to)).rejects.toMatchObject({
    kind: "reject",
    message: expect.stringContaining("SMTPUTF8"),
  });
  const able = await setUp(smtpScript(() => undefined, ["SMTPUTF8", "8BITMIME"]));
  await able.outgoing.send(to);
  expect(able.server.lines.find((line) => line.startsWith("MAIL"))).toMatch(/ SMTPUTF8/);
});

test("E26: does not send where STARTTLS was stripped", async () => {
  const { server, outgoing } = await setUp(
    smtpScript((line) => (line === "STARTTLS" ? "454 4.7.0 not now" : undefined)),
    "starttls",
  );
  await expect(outgoing.send(message)).rejects.toMatchObject({ kind: "retry", uncertain: false });
  expect(server.lines.some((line) => line.startsWith("MAIL"))).toBe(false);
});

test("fails what waits when the pool is closed", async () => {
  const { outgoing, pool } = await setUp(smtpScript((line) => (line.startsWith("MAIL") ? "silence" : undefined)));
  const sends = [1, 2, 3].map(() => outgoing.send(message).catch((error: unknown) => error));
  await new Promise((resolve) => setTimeout(resolve, 100));
  await pool.close();
  for (const outcome of await Promise.all(sends)) expect(outcome).toMatchObject({ kind: "retry", uncertain: false });
});
