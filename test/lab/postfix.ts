// Starts a throw-away Postfix (Debian 12, 3.7) on free ports of 127.0.0.1: ready in 0.2 s. Needs root.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeCertificate } from "./certificate.ts";
import { type Lifecycle, makeFolder, requireRoot, startDaemon } from "./daemon.ts";
import { freePorts } from "./ports.ts";
import { mainConfig, masterConfig, refusedRecipients } from "./postfix-config.ts";

export interface PostfixOptions {
  /** Default: a temporary folder, removed by `stop`. A folder given here is never removed. */
  readonly dir?: string;
  /** Dovecot's, where all mail goes that is not for the gateway. */
  readonly lmtpPort: number;
  /** Dovecot's, which checks passwords of submission. */
  readonly saslPort: number;
  /** Transports by domain: `{ "mail.localhost": "lmtp:inet:127.0.0.1:2525", "other.test": "smtp:[127.0.0.1]:2526" }`. */
  readonly gateway?: Readonly<Record<string, string>>;
  /** More addresses (or local parts) to refuse with 550 at RCPT. */
  readonly reject?: readonly string[];
  /** Where a policy service listens (see postfix-policy.ts) that is asked at every RCPT first. */
  readonly policyPort?: number;
}

/**
 * At RCPT, on both ports: nobody@ gets 550 5.1.1, full@ 452 4.2.2, big@ 552 5.3.4, in any domain. A 4xx of the
 * gateway is retried after 5 s.
 */
export interface Postfix extends Lifecycle {
  /** Open to this machine, like a mail exchanger. */
  readonly smtpPort: number;
  /** Wants AUTH (any user@any.domain, Dovecot's password). STARTTLS on offer. */
  readonly submissionPort: number;
  readonly certFile: string;
  logText(): Promise<string>;
  /** Tries everything in the queue now, instead of when its time has come. */
  flushQueue(): Promise<void>;
}

export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  requireRoot("Postfix");
  if (options.dir !== undefined && existsSync(join(options.dir, "dovecot.conf"))) {
    throw new Error("that is Dovecot's folder: pass lmtpPort and saslPort, not the whole server");
  }
  const folder = await makeFolder("postfix", options.dir);
  const dir = folder.path;
  const conf = join(dir, "conf");
  await mkdir(conf, { recursive: true });
  await makeQueue(dir);
  const [smtpPort = 0, submissionPort = 0] = await freePorts(2);
  const { lmtpPort, saslPort, gateway = {}, reject = [], policyPort } = options;
  const certificate = await makeCertificate(dir);
  const config = { dir, smtpPort, submissionPort, lmtpPort, saslPort, gateway, policyPort, ...certificate };
  await writeFile(join(dir, "refused"), refusedRecipients(reject));
  // Postfix waits for two seconds while its configuration is younger than that.
  const minuteAgo = new Date(Date.now() - 60_000);
  for (const [name, text] of [
    ["main.cf", mainConfig(config)],
    ["master.cf", masterConfig(config)],
  ] as const) {
    await writeFile(join(conf, name), text);
    await utimes(join(conf, name), minuteAgo, minuteAgo);
  }

  const logFile = join(dir, "postfix.log");
  const daemon = await startDaemon({
    name: "Postfix",
    folder,
    // `postfix start` would add a second of checks and detach.
    command: "/usr/lib/postfix/sbin/master",
    args: ["-c", conf, "-d"],
    env: { MAIL_CONFIG: conf },
    ports: [smtpPort, submissionPort],
    logs: [logFile],
  });
  const flushQueue = async (): Promise<void> => {
    await promisify(execFile)("/usr/sbin/postqueue", ["-c", conf, "-f"], { timeout: 10_000 });
  };
  const logText = (): Promise<string> => readFile(logFile, "utf8").catch(() => "");
  return Object.assign(daemon, { smtpPort, submissionPort, certFile: certificate.certFile, logText, flushQueue });
}

/** The folders that post-install would make, with the owners that Postfix insists on. */
async function makeQueue(dir: string): Promise<void> {
  const uid = await idOf("/etc/passwd", "postfix");
  const gid = await idOf("/etc/group", "postdrop");
  const make = async (name: string, owner: number, group: number, mode: number): Promise<void> => {
    const path = join(dir, name);
    await mkdir(path, { recursive: true });
    await chown(path, owner, group);
    await chmod(path, mode);
  };
  await make("data", uid, 0, 0o700);
  await make("queue", 0, 0, 0o755);
  await make("queue/pid", 0, 0, 0o755);
  const own = [
    "active",
    "bounce",
    "corrupt",
    "defer",
    "deferred",
    "flush",
    "hold",
    "incoming",
    "private",
    "saved",
    "trace",
  ];
  for (const name of own) await make(`queue/${name}`, uid, 0, 0o700);
  await make("queue/maildrop", uid, gid, 0o730);
  await make("queue/public", uid, gid, 0o710);
}

async function idOf(file: string, name: string): Promise<number> {
  const line = (await readFile(file, "utf8")).split("\n").find((entry) => entry.startsWith(`${name}:`));
  const id = Number(line?.split(":")[2]);
  if (!Number.isInteger(id)) throw new Error(`${file} has no ${name}: is Postfix installed?`);
  return id;
}
