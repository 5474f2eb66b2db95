// Domain mode, outwards: through a real Postfix as the smarthost into a real Dovecot.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Dovecot, startDovecot } from "../../lab/dovecot.ts";
import { type Postfix, startPostfix } from "../../lab/postfix.ts";
import { imapOf, listMailbox } from "./lab-mail.ts";
import { outgoingMessage } from "./outgoing-message.ts";
import { RecordingHost } from "./recording-host.ts";
import { type RunningService, runService } from "./service-kit.ts";
import { until } from "./wait.ts";

let dovecot: Dovecot;
let postfix: Postfix;
let running: RunningService;

beforeAll(async () => {
  dovecot = await startDovecot({ connections: 20 });
  postfix = await startPostfix({ lmtpPort: dovecot.lmtpPort, saslPort: dovecot.saslPort });
  running = await runService({}, postfix.smtpPort);
});
afterAll(async () => {
  await running.close();
  await postfix.stop();
  await dovecot.stop();
});

for (const [user, address] of [
  ["alice@xmpp.test", "alice@mail.test"],
  ["Alice.B@XMPP.test", "alice.b@mail.test"],
  ["alice@elsewhere.test", undefined],
  ["xmpp.test", undefined],
  ["d\\27artagnan@xmpp.test", undefined],
  ["alice+tag@xmpp.test", undefined],
] as const) {
  test(`${user} has ${address ?? "no address"}`, () => {
    expect(running.service.addressOf(user)).toBe(address);
  });
}

test("E10: sends through the smarthost in the name of the account and nobody else", async () => {
  const host = new RecordingHost();
  const session = await running.service.connect({ id: 0, user: "alice@xmpp.test", self: "alice@mail.test" }, host);
  expect(host.states).toEqual(["online"]);
  const message = outgoingMessage("bob@home.test", "Hello", { senderName: "Alice <ceo@bank.test>" });
  const frozen = await session.prepare?.(message);
  const sent = await session.send(message, frozen);
  expect(sent.id).toBe("<0123456789abcdefghijklmnop@mail.test>");
  await until("it arrives", async () => (await listMailbox(dovecot, "bob@home.test", "INBOX")).length === 1);
  const client = await imapOf(dovecot, "bob@home.test");
  await client.mailboxOpen("INBOX");
  const mail = await client.fetchOne("1", { source: true, envelope: true });
  await client.logout();
  if (!mail) throw new Error("no mail");
  expect(mail.envelope?.from?.map((entry) => entry.address)).toEqual(["alice@mail.test"]);
  expect(mail.source?.toString()).toMatch(/^Return-Path: <alice@mail\.test>\r\n/);
  await session.close();
});

test("tells the wrong address apart", async () => {
  const session = await running.service.connect(
    { id: 0, user: "alice@xmpp.test", self: "alice@mail.test" },
    new RecordingHost(),
  );
  await expect(session.send(outgoingMessage("nobody@home.test", "hi"))).rejects.toMatchObject({
    kind: "reject",
    condition: "item-not-found",
  });
});

test("waits, and loses nothing, while the smarthost is away", async () => {
  const away = await runService({}, 9);
  const session = await away.service.connect(
    { id: 0, user: "alice@xmpp.test", self: "alice@mail.test" },
    new RecordingHost(),
  );
  await expect(session.send(outgoingMessage("bob@home.test", "hi"))).rejects.toMatchObject({
    kind: "retry",
    uncertain: false,
  });
  await away.close();
});
