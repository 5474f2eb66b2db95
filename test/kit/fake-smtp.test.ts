import { createTransport } from "nodemailer";
import { afterEach, expect, test } from "vitest";
import { type FakeSmtp, type FakeSmtpOptions, startFakeSmtp } from "./fake-smtp.ts";
import { MailRefused, sendMail } from "./mail-client.ts";

let server: FakeSmtp | undefined;
afterEach(() => server?.stop());

async function start(options: FakeSmtpOptions = {}): Promise<FakeSmtp> {
  server = await startFakeSmtp(options);
  return server;
}

const mail = { from: "ann@example.org", to: "bob@example.test", raw: "Message-ID: <1@example.org>\r\n\r\nhello\r\n" };

test("takes a mail from nodemailer and remembers it with its Message-ID", async () => {
  const { port, mails } = await start();
  const transport = createTransport({ host: "127.0.0.1", port, auth: { user: "ann", pass: "pw" } });
  await transport.sendMail({ from: mail.from, to: mail.to, messageId: "<n@example.org>", text: ".\n..two dots" });
  expect(mails).toHaveLength(1);
  expect(mails[0]).toMatchObject({ from: "ann@example.org", to: ["bob@example.test"], messageId: "<n@example.org>" });
  expect(mails[0]?.accepted).toBe(true);
  expect(mails[0]?.raw.toString()).toMatch(/\r\n\r\n\.\r\n\.\.two dots\r\n$/);
});

test("keeps the bytes exactly, lines that begin with dots and bytes above 127 included", async () => {
  const { port, mails } = await start();
  const raw = Buffer.from("Subject: x\r\n\r\n.\r\n..a\r\n\xff\xfe bare \n.lf\r\n.", "latin1");
  await sendMail({ ...mail, port, raw });
  expect(mails[0]?.raw.toString("latin1")).toBe("Subject: x\r\n\r\n.\r\n..a\r\n\xff\xfe bare \n.lf\r\n.\r\n");
});

test("drops the connection before the dot: nothing is recorded", async () => {
  const { port, mails } = await start({ script: ({ stage }) => (stage === "content" ? { drop: true } : undefined) });
  await expect(sendMail({ ...mail, port })).rejects.toThrow(/ECONNRESET|closed/);
  expect(mails).toHaveLength(0);
});

test("drops the connection after the dot: recorded as not accepted", async () => {
  const { port, mails } = await start({ script: ({ stage }) => (stage === "dot" ? { drop: true } : undefined) });
  await expect(sendMail({ ...mail, port })).rejects.toThrow(/ECONNRESET|closed/);
  expect(mails).toMatchObject([{ messageId: "<1@example.org>", accepted: false }]);
});

test("closes right after its 250: the client has its answer", async () => {
  const lost = { thenDrop: "250 2.0.0 taken" };
  const { port, mails } = await start({ script: ({ stage }) => (stage === "dot" ? lost : undefined) });
  await expect(sendMail({ ...mail, port })).resolves.toMatchObject({ reply: { code: 250, text: "2.0.0 taken" } });
  expect(mails[0]?.accepted).toBe(true);
});

test("refuses one recipient of two", async () => {
  const { port, mails } = await start({
    script: ({ stage, line }) => (stage === "rcpt" && line.includes("eve@") ? "550 5.1.1 no" : undefined),
  });
  const sent = await sendMail({ ...mail, port, to: ["bob@example.test", "eve@example.test"] });
  expect(sent.accepted).toEqual(["bob@example.test"]);
  expect(sent.rejected).toEqual([{ address: "eve@example.test", reply: { code: 550, text: "5.1.1 no" } }]);
  expect(mails[0]?.to).toEqual(["bob@example.test"]);
});

test("answers 451 to the first message and takes the second", async () => {
  const { port, mails } = await start({
    script: ({ stage, messages }) => (stage === "dot" && messages === 1 ? "451 4.3.0 later" : undefined),
  });
  await expect(sendMail({ ...mail, port })).rejects.toBeInstanceOf(MailRefused);
  await sendMail({ ...mail, port });
  expect(mails.map((taken) => taken.accepted)).toEqual([false, true]);
});

test("stalls until the client gives up", async () => {
  const { port } = await start({ script: ({ stage }) => (stage === "mail" ? { stall: true } : undefined) });
  await expect(sendMail({ ...mail, port, timeoutMs: 100 })).rejects.toThrow("no answer within 100 ms");
});

test("talks without end and survives the client's leaving", async () => {
  const { port } = await start({ script: ({ stage }) => (stage === "ehlo" ? { endless: "250-more" } : undefined) });
  const sending = sendMail({ ...mail, port, timeoutMs: 60_000 });
  const outcome = await Promise.race([
    sending.then(() => "sent"),
    new Promise((r) => setTimeout(r, 200, "still listening")),
  ]);
  expect(outcome).toBe("still listening");
  await server?.stop();
  await expect(sending).rejects.toThrow();
});

test("speaks LMTP: a reply for each recipient after the dot", async () => {
  const { port, mails } = await start({
    lmtp: true,
    script: ({ stage, line }) => (stage === "dot" && line === "full@a.test" ? "452 4.2.2 full" : undefined),
  });
  const sent = await sendMail({ ...mail, port, lmtp: true, to: ["bob@a.test", "full@a.test"] });
  expect(sent.accepted).toEqual(["bob@a.test"]);
  expect(sent.rejected).toEqual([{ address: "full@a.test", reply: { code: 452, text: "4.2.2 full" } }]);
  expect(mails).toHaveLength(1);
});
