// The suite that every bridge passes, for domain mode: a real Postfix brings the mail and is the smarthost, a real
// Dovecot has the other person's mailbox.
import { afterAll, beforeAll, beforeEach } from "vitest";
import { createEmailBridge } from "../../../bridges/email/index.ts";
import { emailOptions } from "../../../bridges/email/options.ts";
import { connectDomain, type Harness } from "../../../src/bridge/test-kit.ts";
import { describeConformance } from "../../kit/conformance.ts";
import { readMailbox, sendMail } from "../../kit/mail-client.ts";
import { type Dovecot, startDovecot } from "../../lab/dovecot.ts";
import { freePorts } from "../../lab/ports.ts";
import { type PostfixPolicy, startPostfixPolicy } from "../../lab/postfix-policy.ts";
import { type Postfix, startPostfix } from "../../lab/postfix.ts";
import { loopbackResolver } from "./resolver.ts";

const bridge = createEmailBridge({ resolver: loopbackResolver });
let dovecot: Dovecot;
let policy: PostfixPolicy;
let postfix: Postfix;
let listenPort: number;
let users = 0;

beforeAll(async () => {
  [listenPort = 0] = await freePorts(1);
  dovecot = await startDovecot({ connections: 20 });
  policy = await startPostfixPolicy();
  postfix = await startPostfix({
    lmtpPort: dovecot.lmtpPort,
    saslPort: dovecot.saslPort,
    policyPort: policy.port,
    gateway: { "mail.test": `lmtp:inet:127.0.0.1:${listenPort}` },
  });
});
afterAll(async () => {
  await bridge.close?.();
  await postfix.stop();
  await policy.stop();
  await dovecot.stop();
});
beforeEach(() => {
  users += 1;
});

async function createHarness(): Promise<Harness> {
  const self = `alice${users}@mail.test`;
  const peer = `bob${users}@home.test`;
  const options = emailOptions.parse({
    accounts: { enabled: false },
    domain: {
      name: "mail.test",
      users: "xmpp.test",
      lmtp: `127.0.0.1:${listenPort}`,
      smarthost: { host: "127.0.0.1", port: postfix.smtpPort, security: "none" },
    },
  });
  const alice = { bridge, options, self };
  return {
    ...alice,
    peer,
    async connect(host) {
      const session = await connectDomain(alice, `alice${users}@xmpp.test`, host);
      // What came meanwhile is tried again in some seconds, or now.
      await postfix.flushQueue();
      return session;
    },
    async received() {
      const mails = await readMailbox({ imapPort: dovecot.imapPort, user: peer, password: dovecot.password });
      // Postfix delivers side by side: the order in which it took the mails is for its log to say.
      const log = await postfix.logText();
      const taken = (messageId: string) => log.indexOf(`message-id=${messageId}`);
      return mails.toSorted((a, b) => taken(a.messageId) - taken(b.messageId)).map((mail) => mail.text);
    },
    async write(text) {
      await sendMail({ port: postfix.smtpPort, from: peer, to: self, subject: "Letter", text });
    },
    async trouble(kind) {
      if (kind === "login-required") throw new Error("nobody signs in here");
      const answers = { retry: "451 4.3.0 try again later", reject: "550 5.7.1 not from you" };
      policy.answer = kind && answers[kind];
    },
    async close() {
      policy.answer = undefined;
    },
  };
}

describeConformance("domain mode", ["cursor", "credentials", "pictures"], createHarness);
