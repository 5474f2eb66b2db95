// The mail side of the lanes: Postfix and Dovecot carry the mails, the driver writes them.
import { setTimeout as sleep } from "node:timers/promises";
import { MailRefused, sendMail } from "../../kit/mail-client.ts";
import type { Dovecot } from "../../lab/dovecot.ts";
import type { Postfix } from "../../lab/postfix.ts";
import { maildirs, uidOrder } from "./far-end.ts";
import { intakeOrder } from "./gateway-ledger.ts";
import type { Marker } from "./marker.ts";
import type { Conversation, Network } from "./network.ts";

export const secrets = { component: "plugh-component-secret", mail: "plover-mail-password" } as const;
export const mailDomain = "mail.localhost";
/** alice's own mail account. */
const aliceMail = "alice@example.test";

export interface MailNetworkOptions {
  /** Undefined: the world has no mail servers. */
  readonly dovecot: Dovecot | undefined;
  readonly postfix: Postfix | undefined;
  /** Where the gateway listens. */
  readonly lmtp: number;
  readonly database: string;
}

export function mailNetwork({ dovecot, postfix, lmtp, database }: MailNetworkOptions): Network {
  const component = "email.localhost";
  return {
    component,
    secrets,
    farEnd: dovecot && postfix ? maildirs(dovecot, postfix) : undefined,
    async signIn(alice) {
      await alice.ask("login", /Mail address\?/);
      await alice.ask(aliceMail, /Password\?/);
      await alice.ask(secrets.mail, /Signed in as alice@example\.test/);
      // Until it is read, what comes to the mailbox is history.
      for (const deadline = Date.now() + 15_000; ; await sleep(50)) {
        const state = await alice.ask("accounts", /^alice@example\.test: /);
        if (state.includes("online")) return;
        if (Date.now() > deadline) throw new Error(`alice's mailbox is not read: ${state}`);
      }
    },
    enrol: async (dora) => void (await dora.ask("join", /Your address is dora@mail\.localhost/)),
    peerOf: (run, lane) => `${run}-${lane}@example.test`,
    jidOf: ({ peer }) => `${peer.replace("@", "\\40")}@${component}`,
    // Anybody can write a mail to anybody.
    meet: () => Promise.resolve(),
    async say(conversation, marker, text) {
      const mail = mailOf(conversation, marker, text);
      try {
        const { reply } = await sendMail(mail);
        return { outcome: "ok", detail: `${reply.code} ${reply.text}` };
      } catch (error) {
        // Refused is an answer; a broken connection is none.
        return error instanceof MailRefused ? { outcome: "error", detail: error.message } : undefined;
      }
    },
    // Dovecot gives UIDs in the order of the lane; Postfix delivers side by side.
    keepsOrder: (mode) => mode === "account",
    places: async (run, modes) =>
      new Map([
        ...(dovecot && modes.has("account") ? await uidOrder(dovecot, aliceMail) : []),
        ...(modes.has("domain") ? intakeOrder(database, run) : []),
      ]),
    // Postfix puts off what a dead gateway did not take; its own next try would be five seconds away.
    async hurry() {
      await postfix?.flushQueue().catch(() => {});
    },
  };

  /**
   * Account mode: straight into Dovecot, so that the UIDs have the order of the lane. Domain mode: to Postfix, which hands
   * it to the gateway and keeps it until the gateway has said 250.
   */
  function mailOf({ mode, peer }: Conversation, marker: Marker, text: string) {
    const to = mode === "account" ? aliceMail : `dora@${mailDomain}`;
    const ports: Partial<Record<typeof mode, number | undefined>> = {
      account: dovecot?.lmtpPort,
      domain: postfix?.smtpPort,
      lmtp,
    };
    const port = ports[mode];
    if (port === undefined) throw new Error(`nothing in this world takes a mail of the lane's mode: ${mode}`);
    return { port, from: peer, to, lmtp: mode !== "domain", raw: mailText(peer, to, marker, text), timeoutMs: 10_000 };
  }
}

/** As another mail program would write it: 8bit for every second message, base64 for the others. */
function mailText(from: string, to: string, marker: Marker, text: string): Buffer {
  const eight = marker.seq % 2 === 0;
  const body = text.replace(/\r?\n/g, "\r\n");
  return Buffer.from(
    [
      `From: ${from}`,
      `To: ${to}`,
      `Subject: ${marker.text.slice(0, -9)}`,
      `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
      `Message-ID: <${marker.text}@example.test>`,
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8",
      `Content-Transfer-Encoding: ${eight ? "8bit" : "base64"}`,
      "",
      eight ? body : Buffer.from(body).toString("base64").replace(/.{76}/g, "$&\r\n"),
      "",
    ].join("\r\n"),
  );
}
