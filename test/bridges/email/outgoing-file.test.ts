// A file that a user sends: in the mail where that can be done, else as a link; and never twice at a time.
import PostalMime from "postal-mime";
import { onTestFinished, expect, test } from "vitest";
import type { OutgoingFile, OutgoingMessage } from "#bridge";
import { createGate } from "../../../bridges/email/gate.ts";
import { createOutgoing } from "../../../bridges/email/outgoing.ts";
import { openSmtp } from "../../../bridges/email/smtp-client.ts";
import { SmtpPool } from "../../../bridges/email/smtp-pool.ts";
import { fetchWith, startServer } from "../../net/web-server.ts";
import { outgoingMessage } from "./outgoing-message.ts";
import { silentLog } from "./recording-host.ts";
import { scriptedServer, smtpScript } from "./scripted-server.ts";

const picture = Buffer.from([...Array(3_000).keys()].map((n) => n % 256));

interface SetUp {
  /** What the server says to EHLO. */
  readonly keywords?: readonly string[];
  /** Lines of a mail of which the mail server takes no more. */
  readonly mostLines?: number;
  readonly mostBytes?: number;
}

/** A mail server, and the upload service that alice's client used: /cat has the picture. */
async function setUp({ keywords = [], mostLines = Number.POSITIVE_INFINITY, mostBytes = 10_000 }: SetUp = {}) {
  let mailLines = 0;
  const script = smtpScript((line, client) => {
    mailLines = client.data ? mailLines + 1 : 0;
    return client.data && line === "." && mailLines > mostLines ? "552 5.3.4 too big" : undefined;
  }, keywords);
  const smtp = await scriptedServer(script);
  const web = await startServer(({ path }, response) =>
    path === "/cat"
      ? response.writeHead(200, { "content-type": "image/png" }).end(picture)
      : response.writeHead(404).end(),
  );
  const server = {
    host: "mail.invalid",
    port: smtp.port,
    security: "none",
    addresses: ["127.0.0.1"],
    insecure: true,
  } as const;
  const pool = new SmtpPool({
    maxConnections: 2,
    idle: 5000,
    open: (signal) => openSmtp({ server, name: "gw.test" }, signal),
  });
  onTestFinished(async () => {
    await pool.close();
    await smtp.close();
  });
  const files = {
    fetch: fetchWith({ allow: ["upload.test"] }),
    signal: new AbortController().signal,
    log: silentLog,
    mostBytes,
    gate: createGate(8),
  };
  const outgoing = createOutgoing({ address: "alice@home.test", pool, files });
  const url = (path: string) => `http://upload.test:${web.port}${path}`;
  return {
    smtp,
    web,
    url,
    message: (text: string, file: Partial<OutgoingFile> & { readonly url: string }): OutgoingMessage =>
      outgoingMessage("bob@example.test", text, { senderName: "Alice", file }),
    send: async (message: OutgoingMessage) => outgoing.send(message, await outgoing.prepare(message)),
    /** The mails that were taken, whole. */
    mails: () => mailsIn(smtp.lines),
    mail: async () => PostalMime.parse(mailsIn(smtp.lines).at(-1) ?? ""),
  };
}

function mailsIn(lines: readonly string[]): string[] {
  return [...lines, ""]
    .join("\r\n")
    .split("\r\nDATA\r\n")
    .slice(1)
    .map((text) => text.slice(0, text.indexOf("\r\n.\r\n")));
}

test("is attached to the mail, with the caption as its text and no link", async () => {
  const { message, send, mail, url } = await setUp();
  const sent = await send(message("My cat", { url: url("/cat"), name: "../Katze mit Hüt.png", type: "image/png" }));
  const { attachments, text, html, subject, from, messageId } = await mail();
  expect(attachments).toMatchObject([
    { filename: "Katze mit Hüt.png", mimeType: "image/png", disposition: "attachment" },
  ]);
  expect(Buffer.from(attachments[0]?.content as ArrayBuffer)).toEqual(picture);
  expect([text?.trim(), subject, from?.name, messageId]).toEqual(["My cat", "My cat", "Alice", sent.id]);
  expect(html).not.toContain("http");
});

test("without a caption gives the mail its name as the subject", async () => {
  const { message, send, mail, url } = await setUp();
  await send(message("", { url: url("/cat") }));
  expect(await mail()).toMatchObject({ attachments: [{ filename: "cat", mimeType: "image/png" }] });
  await send(message("", { url: url("/cat"), name: "cat.png" }));
  expect((await mail()).subject).toBe("cat.png");
});

test("makes the same bytes again on a retry, in the thread of the message that is answered", async () => {
  const { message, send, mails, url } = await setUp();
  const context = {
    messageId: "<1@example.test>",
    references: ["<0@example.test>"],
    subject: "Cats",
    address: "bob@example.test",
  };
  const replyTo = { id: "<1@example.test>", fromSelf: false, sentAt: 1, context };
  const answer = { ...message("Look", { url: url("/cat"), name: "cat.png" }), replyTo };
  await send(answer);
  await send({ ...answer, uncertain: true });
  const [first, second] = mails();
  expect(second).toBe(first);
  expect(first).toContain("In-Reply-To: <1@example.test>\r\nReferences: <0@example.test> <1@example.test>\r\n");
  expect(first).not.toMatch(/nodemailer|_NmP/i);
});

test.each([
  ["that is gone", "/gone", {}, {}],
  ["that its client calls too large", "/cat", {}, { size: 10_001 }],
  ["that is too large", "/cat", { mostBytes: 2_999 }, {}],
  ["that is too large for the mail server, which says so in advance", "/cat", { keywords: ["SIZE 2000"] }, {}],
  ["that is too large for the mail server, which says so at the end", "/cat", { mostLines: 40 }, {}],
] as const)("%s goes as a link", async (_, path, given, facts) => {
  const { message, send, mail, url } = await setUp(given);
  await send(message("My cat", { url: url(path), name: "cat.png", ...facts }));
  const { attachments, text } = await mail();
  expect([attachments, text?.trim()]).toEqual([[], `My cat\n${url(path)}`]);
});

test("on a host that the gateway does not go to goes as a link", async () => {
  const { message, send, mail, web } = await setUp();
  await send(message("", { url: "http://router.lan/config", name: "config" }));
  expect((await mail()).text?.trim()).toBe("http://router.lan/config");
  expect(web.asked).toEqual([]);
});

test("of one account is one at a time", async () => {
  const { message, send, url, smtp } = await setUp();
  await Promise.all([1, 2, 3].map(() => send(message("My cat", { url: url("/cat") }))));
  expect([smtp.connections(), mailsIn(smtp.lines).length]).toEqual([1, 3]);
});
