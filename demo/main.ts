// `npm run demo`: real servers, Viaduct in both modes, and a story told as it happens. `--once` ends after it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureInstalled } from "../test/lab/install.ts";
import { startServers } from "./servers.ts";
import { tell } from "./story.ts";
import { say, title } from "./words.ts";

const once = process.argv.includes("--once");

async function main(): Promise<void> {
  const started = Date.now();
  title("Viaduct: email in an XMPP client, on real servers");
  await ensureInstalled(["prosody", "dovecot", "postfix"], (line) => say(line));
  const dir = mkdtempSync(join(tmpdir(), "viaduct-demo-"));
  const servers = await startServers(dir);
  try {
    await tell(servers);
    title(`The story took ${((Date.now() - started) / 1000).toFixed(1)} s in all, servers included.`);
    if (once) return;
    explain(servers);
    await new Promise<void>((resolve) => {
      process.once("SIGINT", resolve);
      process.once("SIGTERM", resolve);
    });
  } finally {
    await servers.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

function explain({ xmpp, dovecot, postfix }: Awaited<ReturnType<typeof startServers>>): void {
  say(`
Everything stays up until Ctrl-C. With a client of your own:
  XMPP   alice@localhost, password pw, server 127.0.0.1 port ${xmpp.c2sPort}, without encryption (it never leaves this machine)
         carol@localhost, password pw: has the address carol@mail.localhost without signing in
  Write to    bob\\40example.test@email.localhost    (that is bob@example.test)
  Commands    send "help" to email.localhost
  Bob's mail  IMAP 127.0.0.1:${dovecot.imapPort}, user bob@example.test, password pw; SMTP 127.0.0.1:${postfix.submissionPort}`);
}

main().catch((error: unknown) => {
  console.error(`\nThe demo failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(1);
});
