// `node test/lab/main.ts`: starts every server of the lab and prints where it listens, until Ctrl-C.
import type { Lifecycle } from "./daemon.ts";
import { startDovecot } from "./dovecot.ts";
import { startEjabberd } from "./ejabberd.ts";
import { ensureInstalled } from "./install.ts";
import { startPostfix } from "./postfix.ts";
import { startProsody } from "./prosody.ts";
import { startSynapse } from "./synapse.ts";

const say = (line: string): void => console.log(line);
const users = { alice: "pw", bob: "pw" };

await ensureInstalled(["prosody", "ejabberd", "dovecot", "postfix", "synapse"], say);
const prosody = await startProsody({ users, tls: true, conflict: "kick_old" });
const ejabberd = await startEjabberd({ users, tls: true });
const dovecot = await startDovecot();
const gateway = { "mail.localhost": "lmtp:inet:127.0.0.1:2525" };
const postfix = await startPostfix({ lmtpPort: dovecot.lmtpPort, saslPort: dovecot.saslPort, gateway });
const synapse = await startSynapse({ users });
const servers: readonly Lifecycle[] = [synapse, postfix, dovecot, ejabberd, prosody];

for (const { name, c2sPort, componentPort, httpPort, logFile } of [prosody, ejabberd]) {
  say(`${name.padEnd(9)} clients ${c2sPort}  component ${componentPort}  http ${httpPort}  log ${logFile}`);
}
say("          users alice and bob with password pw; component email.localhost with secret secret");
say(
  `dovecot   imap ${dovecot.imapPort}  imaps ${dovecot.imapsPort}  lmtp ${dovecot.lmtpPort}  mail ${dovecot.dir}/mail`,
);
say("          any user@any.domain with password pw");
say(`postfix   smtp ${postfix.smtpPort}  submission ${postfix.submissionPort}  log ${postfix.dir}/postfix.log`);
say("          mail.localhost goes to the gateway's LMTP on 2525; nobody@, full@ and big@ are refused");
say(`synapse   ${synapse.baseUrl}  server name ${synapse.serverName}  log ${synapse.logFile}`);
say("          users alice and bob with password pw");
say("Ctrl-C stops them all.");

const end = async (): Promise<void> => {
  say("stopping");
  await Promise.all(servers.map((server) => server.stop()));
  process.exit(0);
};
process.once("SIGINT", () => void end());
process.once("SIGTERM", () => void end());
