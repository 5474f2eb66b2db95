// Prosody, Dovecot, Postfix and Viaduct, on free ports of this machine.
import { join } from "node:path";
import { loadConfig } from "../src/config.ts";
import { formatProblems } from "../src/config-problems.ts";
import { loadBridges } from "../src/load-bridges.ts";
import { createLogger } from "../src/log.ts";
import { run } from "../src/main.ts";
import { type Dovecot, startDovecot } from "../test/lab/dovecot.ts";
import { freePorts } from "../test/lab/ports.ts";
import { type Postfix, startPostfix } from "../test/lab/postfix.ts";
import { startProsody } from "../test/lab/prosody.ts";
import type { XmppServer } from "../test/lab/xmpp-server.ts";
import { mkdirSync, writeFileSync } from "node:fs";
import { say, title } from "./words.ts";

export interface Servers {
  readonly xmpp: XmppServer;
  readonly dovecot: Dovecot;
  readonly postfix: Postfix;
  stop(): Promise<void>;
}

export async function startServers(dir: string): Promise<Servers> {
  const [lmtpPort = 0] = await freePorts(1);
  const [xmpp, dovecot] = await Promise.all([
    startProsody({
      users: { alice: "pw", carol: "pw" },
      components: [{ jid: "email.localhost", secret: "secret" }],
      tls: true,
    }),
    startDovecot(),
  ]);
  const postfix = await startPostfix({
    lmtpPort: dovecot.lmtpPort,
    saslPort: dovecot.saslPort,
    gateway: { "mail.localhost": `lmtp:inet:127.0.0.1:${lmtpPort}` },
  });
  say(`Prosody on ${xmpp.c2sPort}, Dovecot on ${dovecot.imapPort}, Postfix on ${postfix.smtpPort}: up`);
  const text = configuration(xmpp.componentPort, dovecot.imapPort, postfix, lmtpPort);
  title("The configuration of Viaduct, whole");
  say(text);
  const viaduct = await startViaduct(dir, text);
  return {
    xmpp,
    dovecot,
    postfix,
    async stop() {
      await viaduct.stop();
      await Promise.all([xmpp.stop(), postfix.stop(), dovecot.stop()]);
    },
  };
}

/** Account mode needs nothing; the two server lines stand for DNS, which this machine does not have. */
function configuration(component: number, imap: number, postfix: Postfix, lmtp: number): string {
  return `xmpp: { server: "127.0.0.1:${component}", domain: localhost }
bridges:
  email:
    jid: email.localhost
    secret: secret
    accounts:
      servers:
        example.org: { imap: { host: 127.0.0.1, port: ${imap}, security: none }, smtp: { host: 127.0.0.1, port: ${postfix.submissionPort}, security: none } }
    domain:
      name: mail.localhost
      users: localhost
      lmtp: "127.0.0.1:${lmtp}"
      smarthost: { host: 127.0.0.1, port: ${postfix.smtpPort}, security: none }
`;
}

async function startViaduct(dir: string, text: string) {
  const home = join(dir, "viaduct");
  mkdirSync(home, { mode: 0o700 });
  const file = join(home, "viaduct.yaml");
  writeFileSync(file, text, { mode: 0o600 });
  const bridges = await loadBridges();
  const loaded = await loadConfig(file, {}, bridges);
  if ("problems" in loaded) throw new Error(formatProblems(loaded.problems));
  const running = await run(loaded.config, createLogger({ level: "warn" }), { bridges });
  const deadline = Date.now() + 15_000;
  while (!running.components.every((component) => component.link.state === "up")) {
    if (Date.now() > deadline) throw new Error("the component did not come up");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  say("Viaduct: up");
  return running;
}
