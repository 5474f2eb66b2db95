// Starts a throw-away Prosody (Debian package, 13.0) on free ports of 127.0.0.1: ready in 0.2 s.
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeCertificate } from "./certificate.ts";
import { makeFolder, startDaemon } from "./daemon.ts";
import { freePorts } from "./ports.ts";
import { lua, prosodyConfig } from "./prosody-config.ts";
import type { XmppServer, XmppServerOptions } from "./xmpp-server.ts";

export async function startProsody(options: XmppServerOptions = {}): Promise<XmppServer> {
  const { domain = "localhost", users = {}, archive = true, privilege = true, logLevel = "info" } = options;
  const folder = await makeFolder("prosody", options.dir);
  const dir = folder.path;
  const [c2sPort = 0, componentPort = 0, httpPort = 0] = await freePorts(3);
  const certificate = options.tls ? await makeCertificate(dir, domain) : undefined;
  const components = options.components ?? [{ jid: `email.${domain}`, secret: "secret" }];
  const ports = { c2sPort, componentPort, httpPort };
  const config = {
    dir,
    domain,
    ...ports,
    components,
    privilege,
    certificate,
    conflict: options.conflict,
    archive,
    logLevel,
  };
  const configFile = join(dir, "prosody.cfg.lua");
  await writeFile(configFile, prosodyConfig(config));

  // Straight into the data store (internal_plain), also while the server runs: it reads an account at each login.
  const accounts = join(dir, "data", storeName(domain), "accounts");
  await mkdir(accounts, { recursive: true });
  const addUser = async (user: string, password: string): Promise<void> => {
    const file = join(accounts, `${storeName(user)}.dat`);
    await writeFile(`${file}.new`, `return {\n\t["password"] = ${lua(password)};\n};\n`);
    await rename(`${file}.new`, file);
  };
  for (const [user, password] of Object.entries(users)) await addUser(user, password);

  const logFile = join(dir, "prosody.log");
  const daemon = await startDaemon({
    name: "Prosody",
    folder,
    command: "prosody",
    args: ["--config", configFile, "-F"],
    ports: Object.values(ports), // they open only when the hosts are loaded
    logs: [logFile],
  });
  const facts = { name: "prosody" as const, domain, ...ports, logFile, certFile: certificate?.certFile, addUser };
  return Object.assign(daemon, facts);
}

/** Prosody's own file names: every byte but a letter or digit as %xx. */
function storeName(name: string): string {
  const escape = (character: string): string =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  return name.replace(/[^A-Za-z0-9]/gu, escape);
}
