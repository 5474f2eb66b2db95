// Prosody, Dovecot, Postfix, Synapse and Viaduct, on free ports of this machine.
import { type Dovecot, startDovecot } from "../test/lab/dovecot.ts";
import { freePorts } from "../test/lab/ports.ts";
import { type Postfix, startPostfix } from "../test/lab/postfix.ts";
import { startProsody } from "../test/lab/prosody.ts";
import { startSynapse, type Synapse } from "../test/lab/synapse.ts";
import type { XmppServer } from "../test/lab/xmpp-server.ts";
import { configuration, startGateway, writeConfiguration, writeRegistration } from "./gateway.ts";
import { say, title } from "./words.ts";

export interface Servers {
  readonly xmpp: XmppServer;
  readonly dovecot: Dovecot;
  readonly postfix: Postfix;
  readonly synapse: Synapse;
  stop(): Promise<void>;
}

/** Of everybody on Matrix. */
export const matrixPassword = "secret";

export async function startServers(dir: string): Promise<Servers> {
  const [lmtp = 0, web = 0, synapsePort = 0] = await freePorts(3);
  const [xmpp, dovecot] = await Promise.all([
    startProsody({
      users: { alice: "pw", carol: "pw" },
      components: [
        { jid: "email.localhost", secret: "secret" },
        { jid: "matrix.localhost", secret: "secret" },
      ],
      tls: true,
    }),
    startDovecot(),
  ]);
  const postfix = await startPostfix({
    lmtpPort: dovecot.lmtpPort,
    saslPort: dovecot.saslPort,
    gateway: { "mail.localhost": `lmtp:inet:127.0.0.1:${lmtp}` },
  });
  const text = configuration({
    component: xmpp.componentPort,
    imap: dovecot.imapPort,
    submission: postfix.submissionPort,
    smtp: postfix.smtpPort,
    lmtp,
    synapse: synapsePort,
    web,
  });
  const file = writeConfiguration(dir, text);
  const people = ["alice", "ann", "bea"];
  const synapse = await startSynapse({
    port: synapsePort,
    users: Object.fromEntries(people.map((name) => [name, matrixPassword])),
    appservice: await writeRegistration(dir, file),
  });
  say(`Prosody on ${xmpp.c2sPort}, Dovecot on ${dovecot.imapPort}, Postfix on ${postfix.smtpPort}: up`);
  say(`Synapse on ${synapse.port}: up, with the registration that "viaduct matrix registration" printed`);
  title("The configuration of Viaduct, whole");
  say(text);
  const gateway = await startGateway(file);
  return {
    xmpp,
    dovecot,
    postfix,
    synapse,
    async stop() {
      await gateway.stop();
      await Promise.all([xmpp.stop(), postfix.stop(), dovecot.stop(), synapse.stop()]);
    },
  };
}
