// Starts a throw-away Dovecot (Debian 12, 2.3.19) on free ports of 127.0.0.1: ready in 0.1 s. Needs root.
import { execFile } from "node:child_process";
import { chown, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { makeCertificate } from "./certificate.ts";
import { type Lifecycle, makeFolder, requireRoot, startDaemon } from "./daemon.ts";
import { dovecotConfig } from "./dovecot-config.ts";
import { freePorts } from "./ports.ts";

export interface DovecotOptions {
  /** Default: a temporary folder, removed by `stop`. A folder given here is never removed. */
  readonly dir?: string;
  /** Of every user. Default "pw". */
  readonly password?: string;
  /**
   * IMAP connections at the same time. Default 1,500. Raises the machine's fs.inotify.max_user_instances to it where it
   * may: IDLE takes an instance a connection.
   */
  readonly connections?: number;
}

/** Accepts any user@any.domain with one password. */
export interface Dovecot extends Lifecycle {
  /** Plain, with STARTTLS on offer. */
  readonly imapPort: number;
  /** Self-signed certificate. */
  readonly imapsPort: number;
  readonly lmtpPort: number;
  /** Dovecot's SASL protocol, for Postfix. */
  readonly saslPort: number;
  readonly password: string;
  readonly certFile: string;
  readonly logFile: string;
  /** The user's Maildir folder; it exists after the first delivery or login. */
  maildir(user: string): string;
  /**
   * Gives a mailbox another UIDVALIDITY, as a restored or rebuilt mailbox has (RFC 3501 section 2.3.1.1). UIDs stay.
   * Open sessions on it are disconnected by Dovecot.
   */
  setUidValidity(user: string, uidValidity: number, mailbox?: string): Promise<void>;
}

export async function startDovecot(options: DovecotOptions = {}): Promise<Dovecot> {
  requireRoot("Dovecot");
  const { password = "pw", connections = 1500 } = options;
  const folder = await makeFolder("dovecot", options.dir);
  const dir = folder.path;
  for (const name of ["mail", "state", "run"]) await mkdir(join(dir, name), { recursive: true });
  await giveToMail(join(dir, "mail"));
  await raiseInotifyInstances(connections);
  const [imapPort = 0, imapsPort = 0, lmtpPort = 0, saslPort = 0] = await freePorts(4);
  const ports = { imapPort, imapsPort, lmtpPort, saslPort };
  const { certFile, keyFile } = await makeCertificate(dir);
  const configFile = join(dir, "dovecot.conf");
  const name = basename(dir).replace(/[^A-Za-z0-9]/g, "");
  await writeFile(configFile, dovecotConfig({ dir, name, ...ports, password, certFile, keyFile, connections }));

  const logFile = join(dir, "dovecot.log");
  const daemon = await startDaemon({
    name: "Dovecot",
    folder,
    command: "dovecot",
    args: ["-F", "-c", configFile],
    ports: Object.values(ports),
    logs: [logFile],
  });
  const setUidValidity = async (user: string, uidValidity: number, mailbox = "INBOX"): Promise<void> => {
    const args = ["-c", configFile, "mailbox", "update", "-u", user, "--uid-validity", String(uidValidity), mailbox];
    await promisify(execFile)("/usr/bin/doveadm", args, { timeout: 10_000 });
  };
  const maildir = (user: string): string => join(dir, "mail", user.toLowerCase(), "Maildir");
  return Object.assign(daemon, { ...ports, password, certFile, logFile, maildir, setUidValidity });
}

/** Mail is written by the user and group "mail". */
async function giveToMail(path: string): Promise<void> {
  const id = async (file: string): Promise<number> => {
    const line = (await readFile(file, "utf8")).split("\n").find((entry) => entry.startsWith("mail:"));
    return Number(line?.split(":")[2]);
  };
  await chown(path, await id("/etc/passwd"), await id("/etc/group"));
}

/** The default of 128 is shared by all that runs as "mail". A machine that forbids it only notices mail late. */
async function raiseInotifyInstances(wanted: number): Promise<void> {
  const file = "/proc/sys/fs/inotify/max_user_instances";
  if (Number(await readFile(file, "utf8")) >= wanted) return;
  await writeFile(file, String(wanted)).catch(() => {});
}
