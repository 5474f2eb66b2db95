// The suite that every bridge passes, for account mode on a real Dovecot.
import { afterAll, beforeAll, beforeEach } from "vitest";
import { createEmailBridge } from "../../../bridges/email/index.ts";
import { emailOptions } from "../../../bridges/email/options.ts";
import { connectAccount, type Harness } from "../../../src/bridge/test-kit.ts";
import { describeConformance } from "../../kit/conformance.ts";
import { startFakeSmtp } from "../../kit/fake-smtp.ts";
import { type Dovecot, startDovecot } from "../../lab/dovecot.ts";
import { drop } from "./lab-mail.ts";
import { loopbackResolver } from "./resolver.ts";

type Trouble = Parameters<Harness["trouble"]>[0];

const peer = "bob@example.test";
const bridge = createEmailBridge({
  resolver: loopbackResolver,
  times: { first: 50, most: 200, confirmRefusal: [50], jobWait: 2000 },
});
let dovecot: Dovecot;
let trouble: Trouble;
let users = 0;

beforeAll(async () => {
  dovecot = await startDovecot({ connections: 50 });
});
afterAll(async () => {
  await bridge.close?.();
  await dovecot.stop();
});
beforeEach(() => {
  trouble = undefined;
  users += 1;
});

async function createHarness(): Promise<Harness> {
  const self = `alice${users}@home.test`;
  const smtp = await startFakeSmtp({
    script: ({ stage }) => {
      if (stage !== "rcpt" || trouble === undefined) return undefined;
      return trouble === "retry" ? "451 4.3.0 try again later" : "550 5.7.1 not from you";
    },
  });
  const imapServer = { host: "localhost", port: dovecot.imapPort, security: "none" };
  const smtpServer = { host: "localhost", port: smtp.port, security: "none" };
  const options = emailOptions.parse({
    accounts: { servers: { "home.test": { imap: imapServer, smtp: smtpServer } } },
  });
  const alice = { bridge, options, self };
  let letters = 0;
  return {
    ...alice,
    peer,
    connect(host) {
      const password = trouble === "login-required" ? "changed" : dovecot.password;
      const credentials = { imap: imapServer, smtp: smtpServer, address: self, user: self, password };
      return connectAccount(alice, credentials, host);
    },
    received: async () => smtp.mails.filter((mail) => mail.accepted).map((mail) => textOf(mail.raw)),
    write: async (text) => {
      letters += 1;
      await drop(dovecot, self, [
        { from: peer, subject: "Letter", id: `<${users}.${letters}@example.test>`, body: text },
      ]);
    },
    trouble: async (kind) => {
      trouble = kind;
    },
    close: async () => smtp.stop(),
  };
}

/** The first part of a mail of ours: quoted-printable text. */
function textOf(raw: Buffer): string {
  const text = raw.toString("latin1").replaceAll("=\r\n", "");
  const bytes = text.replace(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8").replaceAll(/ \r\n/g, " ");
}

describeConformance("account mode", ["pictures"], createHarness);
