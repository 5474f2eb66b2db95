// `npm run bench [PART ...]`: roundtrip, mail, accounts, start, matrix. All on this machine's loopback, every message fsynced. What runs
// is compiled as the package ships it.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { loadBridges } from "../src/load-bridges.ts";
import { builtFolder } from "../test/kit/built.ts";
import { startChild } from "../test/kit/viaduct-child.ts";
import { writeConfig } from "../test/kit/viaduct.ts";
import { startDovecot } from "../test/lab/dovecot.ts";
import { ensureInstalled } from "../test/lab/install.ts";
import { freePorts } from "../test/lab/ports.ts";
import { startProsody } from "../test/lab/prosody.ts";
import { type MailEndpoint, rssWith, seedAccounts, seedQueue, settledRss } from "./accounts.ts";
import { createEchoBridge } from "./echo.ts";
import { matrix } from "./matrix.ts";
import { mailIn, mailOut } from "./mail.ts";
import { Report } from "./report.ts";
import { ceiling, rawEcho, roundTrips } from "./roundtrip.ts";
import { startSink } from "./sink.ts";

const parts = ["roundtrip", "mail", "accounts", "start", "matrix"] as const;
const wanted = process.argv.slice(2);
const unknown = wanted.filter((part) => !(parts as readonly string[]).includes(part));
if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(", ")}: ${parts.join(", ")}`);
const runs = (part: (typeof parts)[number]) => wanted.length === 0 || wanted.includes(part);

const report = new Report();
const folders: string[] = [];
const folder = () => {
  const dir = mkdtempSync(join(tmpdir(), "viaduct-bench-"));
  folders.push(dir);
  return dir;
};

async function roundTrip(): Promise<void> {
  const server = await startProsody({
    users: { alice: "pw" },
    components: ["echo", "raw"].map((name) => ({ jid: `${name}.localhost`, secret: "secret" })),
    logLevel: "warn",
    archive: false,
    privilege: false,
  });
  try {
    const config = writeConfig(folder(), {
      componentPort: server.componentPort,
      bridges: { echo: createEchoBridge() },
    });
    const child = await startChild({ config, bridges: "echo" });
    await child.up();
    const jid = "echo.localhost";
    // The ceiling before and after, for the machine is shared: the ratio counts.
    const before = await ceiling(server.c2sPort, server.componentPort, "raw.localhost", 20_000);
    const wide = { count: 20_000, window: 50, conversations: 50 };
    const cpuMs = async () => (await child.stats()).cpuMs;
    const raw = await rawEcho(server.c2sPort, server.componentPort, "raw.localhost", wide);
    // As a gateway is that has run for a few seconds: its code compiled, its database of some size.
    await roundTrips(server.c2sPort, jid, cpuMs, wide);
    const one = await roundTrips(server.c2sPort, jid, cpuMs, { count: 2_000, window: 1, conversations: 1 });
    const many = await roundTrips(server.c2sPort, jid, cpuMs, wide);
    const after = await ceiling(server.c2sPort, server.componentPort, "raw.localhost", 20_000);
    const top = (before + after) / 2;
    report.add("server_ceiling_per_s", top, "1/s");
    report.add("roundtrip_w50_per_s", many.perSecond, "1/s");
    report.add("raw_echo_w50_per_s", raw.perSecond, "1/s");
    report.add("roundtrip_w50_of_ideal", many.perSecond / (top / 2), "ratio", "0.70 of half the ceiling");
    report.add("roundtrip_w50_of_raw_echo", many.perSecond / raw.perSecond, "ratio");
    report.add("roundtrip_w50_p50_ms", many.p50, "ms");
    report.add("roundtrip_w1_p50_ms", one.p50, "ms", "under 3");
    report.add("roundtrip_w1_p99_ms", one.p99, "ms");
    report.add("cpu_ms_per_roundtrip", many.cpuMs, "ms", "under 0.3");
    await child.stop();
  } finally {
    await server.stop();
  }
}

/** What is measured with mail alone. */
async function mailOnly(): ReturnType<typeof loadBridges> {
  const { email } = await loadBridges();
  if (email === undefined) throw new Error("there is no email bridge");
  return { email };
}

/** A server, a sink, and a gateway with the email bridge in domain mode. */
async function mail(): Promise<void> {
  const server = await startProsody({ users: { alice: "pw" }, logLevel: "warn", archive: false, privilege: false });
  const sink = await startSink();
  const [lmtp = 0] = await freePorts(1);
  try {
    const domain = {
      name: "mail.localhost",
      users: "localhost",
      lmtp: `127.0.0.1:${lmtp}`,
      smarthost: { host: "127.0.0.1", port: sink.port, security: "none" },
    };
    const config = writeConfig(folder(), {
      componentPort: server.componentPort,
      bridges: await mailOnly(),
      settings: { email: { domain } },
    });
    const child = await startChild({ config });
    await child.up();
    report.add("rss_idle_domain_mode_mb", await settledRss(child), "MB");
    const out = await mailOut(server.c2sPort, "email.localhost", child, sink, 3_000, 50);
    report.add("mail_out_per_s", out.perSecond, "1/s", "at least 400");
    report.add("mail_out_cpu_ms", out.cpuMs, "ms");
    // Alice has her address since she wrote: mail to her is taken.
    const into = await mailIn({ c2s: server.c2sPort, lmtp }, child, "alice@mail.localhost", 3_000);
    report.add("mail_in_per_s", into.perSecond, "1/s", "at least 300, to the XMPP client");
    report.add("mail_in_accepted_per_s", into.acceptedPerSecond, "1/s");
    report.add("mail_in_cpu_ms", into.cpuMs, "ms");
    await child.stop();
  } finally {
    sink.close();
    await server.stop();
  }
}

async function accounts(): Promise<void> {
  const components = ["email", "matrix"].map((name) => ({ jid: `${name}.localhost`, secret: "secret" }));
  const server = await startProsody({ users: {}, components, logLevel: "warn", archive: false });
  const dovecot = await startDovecot({ connections: 1_500 });
  const bridges = await mailOnly();
  const measure = async (count: number, security: "none" | "tls") => {
    const port = security === "tls" ? dovecot.imapsPort : dovecot.imapPort;
    const imap: MailEndpoint = { host: "127.0.0.1", port, security };
    const smtp: MailEndpoint = { host: "127.0.0.1", port: 9, security: "none" };
    const dir = folder();
    await seedAccounts(dir, count, imap, smtp);
    const table = { servers: { "example.org": { imap: { ...imap, insecure: true }, smtp } } };
    const config = writeConfig(dir, {
      componentPort: server.componentPort,
      bridges,
      settings: { email: { accounts: table } },
      limits: { loginsPerSecond: 100 },
    });
    return rssWith(config, count, () => dovecotSessions(dovecot.pid));
  };
  try {
    const ready = { componentPort: server.componentPort, bridges: await loadBridges() };
    const idle = await startChild({ config: writeConfig(folder(), ready) });
    await idle.up();
    report.add("rss_idle_mb", await settledRss(idle), "MB", "under 90, the ten-line configuration with both networks");
    await idle.stop();
    const base = await measure(1, "none");
    const hundred = await measure(100, "none");
    const thousand = await measure(1_000, "none");
    const tlsBase = await measure(1, "tls");
    const tls = await measure(1_000, "tls");
    report.add("rss_1_account_mb", base, "MB");
    report.add("rss_100_accounts_mb", hundred, "MB");
    report.add("rss_1000_accounts_mb", thousand, "MB");
    report.add("rss_1000_accounts_tls_mb", tls, "MB");
    report.add("rss_per_account_mb", (thousand - base) / 999, "MB", "at most 0.1");
    report.add("rss_per_account_tls_mb", (tls - tlsBase) / 999, "MB", "at most 0.3");
  } finally {
    await dovecot.stop();
    await server.stop();
  }
}

/** IMAP processes of this Dovecot: one a session that has signed in. Read from /proc: a small machine has no `ps`. */
async function dovecotSessions(master: number): Promise<number> {
  const children = readFileSync(`/proc/${master}/task/${master}/children`, "utf8").split(" ").filter(Boolean);
  const nameOf = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
    } catch {
      return ""; // it has ended meanwhile
    }
  };
  return children.filter((pid) => nameOf(pid) === "imap").length;
}

async function start(): Promise<void> {
  const server = await startProsody({ users: {}, logLevel: "warn", archive: false });
  try {
    const dir = folder();
    const nowhere: MailEndpoint = { host: "127.0.0.1", port: 9, security: "none" };
    await seedAccounts(dir, 1_000, nowhere, nowhere, seedQueue(100, 5));
    const table = { servers: { "example.org": { imap: nowhere, smtp: nowhere } } };
    const config = writeConfig(dir, {
      componentPort: server.componentPort,
      bridges: await mailOnly(),
      settings: { email: { accounts: table } },
    });
    const child = await startChild({ config });
    report.add("start_loaded_s", child.startMs / 1000, "s", "under 5, 1,000 accounts and 100,000 rows");
    const { loaded, rssMb } = await child.stats();
    report.add("start_loaded_rows_in_memory", loaded, "rows", "at most 2,000");
    report.add("start_loaded_rss_mb", rssMb, "MB");
    await child.kill();
  } finally {
    await server.stop();
  }
}

await ensureInstalled(["prosody", "dovecot", ...(runs("matrix") ? (["synapse"] as const) : [])]);
process.env.VIADUCT_BUILT = builtFolder();
process.stdout.write(`${cpus().length} x ${cpus()[0]?.model ?? "cpu"}, Node ${process.version}\n\n`);
try {
  if (runs("roundtrip")) await roundTrip();
  if (runs("mail")) await mail();
  if (runs("accounts")) await accounts();
  if (runs("start")) await start();
  if (runs("matrix")) await matrix(report, folder);
  report.write();
} finally {
  for (const dir of folders) rmSync(dir, { recursive: true, force: true });
}
