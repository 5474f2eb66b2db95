// `npm run demo`: real servers, Viaduct in both modes, and a story told as it happens. `--once` ends after it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureInstalled } from "../test/lab/install.ts";
import { tellEmail } from "./email-story.ts";
import { tellMatrix } from "./matrix-story.ts";
import { matrixPassword, startServers } from "./servers.ts";
import { say, title } from "./words.ts";

const once = process.argv.includes("--once");

async function main(): Promise<void> {
  const started = Date.now();
  title("Viaduct: email and Matrix in an XMPP client, on real servers");
  await ensureInstalled(["prosody", "dovecot", "postfix", "synapse"], (line) => say(line));
  const dir = mkdtempSync(join(tmpdir(), "viaduct-demo-"));
  const servers = await startServers(dir);
  try {
    await tellEmail(servers);
    await tellMatrix(servers);
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

function explain({ xmpp, dovecot, postfix, synapse }: Awaited<ReturnType<typeof startServers>>): void {
  say(`
Everything stays up until Ctrl-C. With clients of your own:
  XMPP     alice@localhost, password pw, server 127.0.0.1 port ${xmpp.c2sPort}, without encryption (it never leaves this machine)
           carol@localhost, password pw: is on both networks without signing in
  Write to bob\\40example.test@email.localhost (that is bob@example.test), ann\\3amatrix.test@matrix.localhost (that is @ann:matrix.test)
  Rooms    join #garden\\3amatrix.test@matrix.localhost (that is #garden:matrix.test)
  Commands send "help" to email.localhost or matrix.localhost
  Mail     IMAP 127.0.0.1:${dovecot.imapPort}, user bob@example.test, password pw; SMTP 127.0.0.1:${postfix.submissionPort}
  Matrix   homeserver ${synapse.baseUrl}, users ann, bea and alice, password ${matrixPassword}`);
}

// Both ends leave at once: Ann's client has timers that nobody waits for.
main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(`\nThe demo failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exit(1);
  },
);
